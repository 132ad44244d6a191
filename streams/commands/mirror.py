"""`beckon mirror`: profiles and promotions from Kafka to Redis, for the services that read them."""

from pathlib import Path
from typing import Annotated

import typer

from streams.commands.common import CONFIG_HELP, settings_from


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command()
    def mirror(
        config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
        servers: Annotated[str | None, typer.Option(help="Brokers, host:port.")] = None,
        prefix: Annotated[str | None, typer.Option(help="Goes before every topic name.")] = None,
        redis: Annotated[str | None, typer.Option(help="redis://host:port/0, or rediss:// for TLS.")] = None,
        metrics_port: Annotated[int | None, typer.Option(help="0 picks a free one.")] = None,
        refill: Annotated[bool, typer.Option("--refill", help="Read everything from the start.")] = False,
    ) -> None:
        """Keep Redis like Kafka: each shopper's profile, and the promotions that wait for them.

        No worker needs it. While Redis is away, full or without rights it waits and says so; a Redis that lost
        its data is filled again. Give the password as BECKON_REDIS_PASSWORD. SIGTERM stops it cleanly.
        """
        from streams.mirror.run import run_mirror

        flags = {
            "kafka.servers": servers,
            "topics.prefix": prefix,
            "redis.url": redis,
            "metrics.port": metrics_port,
        }
        run_mirror(settings_from(config, flags), refill=refill)

"""`beckon worker`: events in, promotions out, until it is told to stop."""

from pathlib import Path
from typing import Annotated

import typer

from streams.commands.common import CONFIG_HELP, settings_from


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command()
    def worker(
        config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
        servers: Annotated[str | None, typer.Option(help="Brokers, host:port.")] = None,
        prefix: Annotated[str | None, typer.Option(help="Goes before every topic name.")] = None,
        partitions: Annotated[int | None, typer.Option(help="Partitions of the topics.")] = None,
        campaigns: Annotated[str | None, typer.Option(help="YAML file of campaigns.")] = None,
        tags: Annotated[str | None, typer.Option(help="Tag model; empty: categories are the tags.")] = None,
        metrics_port: Annotated[int | None, typer.Option(help="0 picks a free one.")] = None,
    ) -> None:
        """Run one worker: profiles, decisions and promotions from events in Kafka.

        Exactly once inside Kafka: after a crash nothing is missing and nothing is there twice, for readers with
        isolation.level=read_committed. Start more workers to share the partitions. SIGTERM stops it cleanly.
        """
        from streams.worker import run_worker

        flags = {
            "kafka.servers": servers,
            "topics.prefix": prefix,
            "topics.partitions": partitions,
            "campaigns.file": campaigns,
            "models.tags": tags,
            "metrics.port": metrics_port,
        }
        run_worker(settings_from(config, flags))

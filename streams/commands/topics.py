"""`beckon topics`: make the topics, or say what is wrong with them."""

from pathlib import Path
from typing import Annotated

import typer

from streams.commands.common import CONFIG_HELP, settings_from
from streams.settings import Settings

_Config = Annotated[Path | None, typer.Option(help=CONFIG_HELP)]
_Servers = Annotated[str | None, typer.Option(help="Brokers, host:port.")]
_Prefix = Annotated[str | None, typer.Option(help="Goes before every topic name.")]
_Partitions = Annotated[int | None, typer.Option(help="Partitions per topic; cannot change later.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    topics = typer.Typer(help="Create and check Beckon's topics.", no_args_is_help=True)
    app.add_typer(topics, name="topics")

    @topics.command()
    def apply(
        config: _Config = None,
        servers: _Servers = None,
        prefix: _Prefix = None,
        partitions: _Partitions = None,
    ) -> None:
        """Create the topics that are missing and check the others."""
        from streams import topics as on_broker

        settings = _settings(config, servers, prefix, partitions)
        created, right = on_broker.apply(settings.kafka, settings.topics)
        for name in created:
            print(f"created  {name}")
        for name in right:
            print(f"right    {name}")

    @topics.command()
    def check(
        config: _Config = None,
        servers: _Servers = None,
        prefix: _Prefix = None,
        partitions: _Partitions = None,
    ) -> None:
        """Say what differs from the settings, and what of the brokers breaks exactly once; exit code 1 if so."""
        from streams import broker_settings
        from streams import topics as on_broker

        settings = _settings(config, servers, prefix, partitions)
        differing = on_broker.check(settings.kafka, settings.topics)
        verdict = broker_settings.judge(
            broker_settings.look(settings.kafka, settings.topics), settings.topics
        )
        for remark in verdict.remarks:
            print(f"remark   {remark}")
        problems = [*differing, *verdict.problems]
        for problem in problems:
            typer.echo(f"beckon: {problem}", err=True)
        if problems:
            raise typer.Exit(1)
        print("all topics are as the settings say")


def _settings(
    config: Path | None, servers: str | None, prefix: str | None, partitions: int | None
) -> Settings:
    flags = {"kafka.servers": servers, "topics.prefix": prefix, "topics.partitions": partitions}
    return settings_from(config, flags)

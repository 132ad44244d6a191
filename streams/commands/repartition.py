"""`beckon repartition`: the same shoppers on more partitions, in new topics."""

from pathlib import Path
from typing import Annotated

import typer

from streams.commands.common import CONFIG_HELP, settings_from


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("repartition")(repartition)


def repartition(
    to_prefix: Annotated[str, typer.Option(help="The prefix of the new topics (setting topics.prefix).")],
    partitions: Annotated[int, typer.Option(min=1, help="How many partitions they get.")],
    servers: Annotated[str | None, typer.Option(help="Brokers, host:port.")] = None,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Move all profiles, campaigns and the catalogue to new topics with another number of partitions.

    The first call makes the topics; point the producers at them, let the workers finish the old ones and stop
    them, and call it again. No event is read twice, and nothing is decided twice. docs/operate.md has the steps.
    """
    from msgspec.structs import replace

    from schemas.errors import SettingsError, TopicError
    from streams.repartition import WAITING_MAX, Repartition

    settings = settings_from(config, {"kafka.servers": servers})
    if to_prefix == settings.topics.prefix:
        raise SettingsError("--to-prefix", "is the prefix of the old topics", "give another one")
    new = replace(settings.topics, prefix=to_prefix, partitions=partitions)
    task = Repartition(settings.kafka, settings.topics.prefix, new)
    made = task.prepare()
    if made:
        print(
            f"made     {len(made)} topics {to_prefix}..., {partitions} partitions; producers may use them now"
        )
    waiting, workers = task.waiting(), task.workers()
    if waiting:
        number = f"{WAITING_MAX:,} or more" if waiting >= WAITING_MAX else f"{waiting:,}"
        problem = f"hold {number} events that no worker has done"
        raise TopicError(
            "the old topics", problem, "point the producers elsewhere, let workers finish, call again"
        )
    if workers:
        raise TopicError("workers", f"{workers} still hold the old topics", "stop them and call this again")
    moved = task.move()
    print(f"moved    {moved.profiles:,} profiles, {moved.records:,} records of campaigns and catalogue")
    print(
        f"next     start workers and the mirror with topics.prefix = {to_prefix!r}, topics.partitions = {partitions}"
    )

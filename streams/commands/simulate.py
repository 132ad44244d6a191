"""`beckon simulate`: a shop's events without a shop, with the truth about every shopper beside them."""

import time
from pathlib import Path
from typing import Annotated

import typer

from streams.commands.common import CONFIG_HELP

#: Files are for comparing: without --start they always begin at the same moment.
FOLDER_START = "2026-06-01T09:00:00Z"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("simulate")(simulate)


def simulate(
    rate: Annotated[float, typer.Option(min=0.1, max=1_000_000, help="Events per second.")] = 100.0,
    shoppers: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many shoppers there are.")] = 400,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="How long; without it to Kafka until Ctrl-C, to a folder 60."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same shoppers and stories.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="Write clicks, purchases, identities and shoppers (.jsonl) here, not to Kafka."),
    ] = None,
    start: Annotated[
        str | None, typer.Option(help=f"First event time of a folder, RFC 3339 (default {FOLDER_START}).")
    ] = None,
    servers: Annotated[str | None, typer.Option(help="Kafka's host:port (setting kafka.servers).")] = None,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Simulate shoppers with known interests and known uplift, to Kafka or to a folder."""
    if out is not None:
        _to_folder(out, rate, shoppers, seconds or 60.0, seed, start or FOLDER_START)
    else:
        _to_kafka(config, servers, rate, shoppers, seconds, seed)


def _to_folder(out: Path, rate: float, shoppers: int, seconds: float, seed: int, start: str) -> None:
    from schemas.errors import SettingsError
    from schemas.timestamps import parse_time
    from streams.simulator import Shop, stream
    from streams.simulator_sinks import write_folder

    start_ms = parse_time(start)
    if start_ms is None:
        raise SettingsError("--start", f"`{start}` is not a time", f"write it like {FOLDER_START}")
    shop = Shop(seed, shoppers, start_ms)
    counts = write_folder(shop, stream(shop, rate, seconds, start_ms), out)
    parts = ", ".join(f"{count} {topic}" for topic, count in counts.items())
    typer.echo(f"{counts.total()} events ({parts}) of {shoppers} shoppers in {out}")


def _to_kafka(
    config: Path | None, servers: str | None, rate: float, shoppers: int, seconds: float | None, seed: int
) -> None:
    from schemas.errors import TopicError
    from schemas.topics import SOURCES
    from streams.clients import confluent_config, partition_counts
    from streams.commands.common import settings_from
    from streams.simulator import Shop
    from streams.simulator_sinks import KafkaSink, Pace

    settings = settings_from(config, {"kafka.servers": servers})
    prefix = settings.topics.prefix
    missing = sorted({prefix + topic.name for topic in SOURCES} - set(partition_counts(settings.kafka)))
    if missing:
        raise TopicError(f"topic {missing[0]}", "does not exist", "create it with `beckon topics apply`")
    sink = KafkaSink(confluent_config(settings.kafka), prefix)
    shop = Shop(seed, shoppers, round(time.time() * 1000))
    begun = time.monotonic()
    pace = Pace(rate, begun)
    try:
        while seconds is None or time.monotonic() - begun < seconds:
            for _ in range(pace.take(time.monotonic())):
                sink.send(shop.next(round(time.time() * 1000)))
            sink.poll()
            time.sleep(0.01)
    except KeyboardInterrupt:
        pass  # the usual way to end it
    sink.close()
    spent = time.monotonic() - begun
    typer.echo(
        f"{sink.delivered} events of {shoppers} shoppers in {spent:.1f} s ({sink.delivered / spent:.0f}/s)"
    )

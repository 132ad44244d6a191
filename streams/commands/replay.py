"""`beckon replay`: what would have happened, from files, without Kafka."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from streams.commands.common import CONFIG_HELP, settings_from

if TYPE_CHECKING:
    from streams.replay import Progress
    from streams.settings import Settings

_ROWS_MAX = 8
#: The end of the year 9999: no clock shows a later time.
_LATEST = 253_402_300_799_999


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("replay")(replay)


def replay(
    events: Annotated[
        list[Path], typer.Argument(help="Event files: JSON lines, plain, .gz, .xz or .zst; .parquet.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for what comes out; an earlier replay's is replaced.")],
    campaigns: Annotated[
        Path | None, typer.Option(help="Campaign file; without one nothing is decided.")
    ] = None,
    models: Annotated[
        Path | None, typer.Option(help="Folder of models; without it a product's category is its tag.")
    ] = None,
    tags: Annotated[
        Literal["model", "category"] | None,
        typer.Option(help="Where tags come from; model without --models: the one that the settings name."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="When profiles are looked at, RFC 3339 or epoch ms (default: the newest event)."),
    ] = None,
    shuffle: Annotated[
        int | None, typer.Option(help="Seed: mix up each shopper's events, in windows of 32.")
    ] = None,
    duplicate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of events that come twice, at most 32 events apart.")
    ] = 0.0,
    keep_order: Annotated[
        bool, typer.Option("--keep-order", help="Take one file in its own order, not by event time.")
    ] = False,
    catalog: Annotated[Path | None, typer.Option(help="JSON lines of products: titles, stock.")] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Also write rows.parquet: decisions with their outcomes.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes (default: the cores; one for few events).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Run the worker's own functions on files: profiles, decisions, promotions, dead letters, a summary.

    The same events give the same bytes, whatever the order and number of their files.
    """
    from streams import parts
    from streams.replay import Request
    from streams.replay import replay as run
    from streams.shuffle import CALM, Disturbance

    flags = {
        "campaigns.file": _text(campaigns),
        "campaigns.catalog": _text(catalog),
        "models.dir": _text(models),
    }
    settings = settings_from(config, flags)
    calm = shuffle is None and not duplicate
    request = Request(
        files=events,
        out=out,
        as_of=_time("--as-of", as_of),
        disturbance=CALM if calm else Disturbance(shuffle or 0, shuffle is not None, duplicate),
        keep_order=keep_order,
        jobs=jobs,
        rows=rows,
        beside=_beside(settings, models),
    )
    source = tags or ("model" if models is not None else "category")
    built = parts.build(settings, tags=source)
    gc.freeze()  # what is there stays, in all processes; the collector need not walk it
    gc.set_threshold(100_000, 50, 100)  # events come and go by the thousand, and hold no cycles
    with progress() as show:
        summary = run(request, built, show, time.time_ns() // 1_000_000)
    print(_json(summary) if json else _page(summary, out))


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _beside(settings: "Settings", models: Path | None) -> dict[str, Path]:
    """Return the files that are read beside the events, by the option of `verify` that names them."""
    named = {"campaigns": settings.campaigns.file, "catalog": settings.campaigns.catalog, "models": models}
    return {option: Path(path) for option, path in named.items() if path}


def _time(flag: str, text: str | None) -> Any:
    from schemas.errors import SettingsError
    from schemas.timestamps import parse_time

    at = None if text is None else parse_time(text)
    if text is not None and (at is None or at > _LATEST):
        raise SettingsError(flag, f"`{text}` is not a time", "write it like 2026-06-01T00:00:00Z")
    return at


def _silent(stage: str, done: int, of: int) -> None:
    """Show nothing: standard error is no terminal."""


@contextmanager
def progress() -> Iterator["Progress"]:
    """Show what is done on a terminal, and nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _silent
        return
    with Bar(console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda stage, done, of: bar.update(
            task, description=f"{stage} ({done:,})", completed=done, total=of or None
        )


def _json(summary: dict[str, Any]) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(summary, order="sorted").decode(), indent=2)


def _page(summary: dict[str, Any], out: Path) -> str:
    from decimal import Decimal

    from schemas.money import digits_of
    from schemas.timestamps import iso_utc

    currency, digits = summary["currency"], digits_of(summary["currency"])
    spend = f"{currency} {Decimal(summary['spend']).scaleb(-digits):,.{digits}f}"
    kinds = ("accepted", "skipped", "dead_lettered")
    parts = " + ".join(f"{summary[kind]:,} {kind.replace('_', '-')}" for kind in kinds)
    rows = [
        ("lines", f"{summary['read']:,} = {parts}"),
        ("events", f"{summary['applied']:,} applied, {summary['duplicates']:,} seen before"),
        *_ranking("dead letters", summary["dead_letter_fields"]),
        *_ranking("skipped", summary["skipped_by_kind"]),
        ("profiles", f"{summary['profiles']:,}, seen from {iso_utc(summary['as_of'])}"),
        ("orders", f"{summary['orders']:,}, and {summary['refunds']:,} refunds; {spend} spent"),
        ("tags", _tags(summary)),
        ("decisions", _decisions(summary)),
        *_ranking("offered by", summary["offered_by_campaign"]),
        *_ranking("not offered", summary["reasons"]),
        ("written", f"{out}, in {summary['seconds']:.1f} s ({summary['events_per_second']:,} events/s)"),
    ]
    return "\n".join(f"{name:<13} {value}" for name, value in rows)


def _tags(summary: dict[str, Any]) -> str:
    if summary["tags"] == "category":
        return "a product's category is its one tag"
    version = ", ".join(f"{name} {version}" for name, version in summary["model_versions"].items())
    texts, calls = summary["texts_scored"], summary["model_calls"]
    return f"model {version}: {texts:,} texts in {calls:,} calls, {summary['fallbacks']:,} fallbacks"


def _decisions(summary: dict[str, Any]) -> str:
    if summary["policy_digest"] is None:
        return "none asked for (no campaign file)"
    outcomes = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in summary["outcomes"].items())
    return f"{summary['decisions']:,}: {outcomes}"


def _ranking(title: str, counts: dict[str, int]) -> Iterator[tuple[str, str]]:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    for name, count in ranked[:_ROWS_MAX]:
        yield f"  {title}"[:13], f"{count:,} {name}"
    if len(ranked) > _ROWS_MAX:
        yield f"  {title}"[:13], f"and {len(ranked) - _ROWS_MAX} more kinds"

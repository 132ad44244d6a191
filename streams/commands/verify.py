"""`beckon verify`: could every decision of a run have come about only so."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streams.commands.common import CONFIG_HELP, KAFKA_HELP, settings_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from processors.campaigns import Campaigns
    from streams.settings import Settings
    from streams.verify import Report


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("verify")(verify)


def verify(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder of a replay or a demo.")
    ] = None,
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[EVENTS]...", help="More files after --events.")
    ] = None,
    events: Annotated[
        list[Path] | None,
        typer.Option(help="The event files of the replay: `--events data/*.jsonl` (default: those it read)."),
    ] = None,
    campaigns: Annotated[
        list[Path] | None,
        typer.Option(
            help="Campaign file that decided; again for each other one (default: the replay's, the setting's)."
        ),
    ] = None,
    kafka: Annotated[bool, typer.Option("--kafka", help=KAFKA_HELP)] = False,
    tags: Annotated[
        Literal["model", "category"] | None,
        typer.Option(help="Where tags come from (default: as the folder says, or the settings)."),
    ] = None,
    models: Annotated[Path | None, typer.Option(help="Folder of models.")] = None,
    catalog: Annotated[Path | None, typer.Option(help="JSON lines of products, as the run had them.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Decide everything again from the records alone, and fold the shoppers' events again in any order.

    One line per violation; exit code 1 if there is one, or a decision whose campaign file is not at hand.
    """
    from schemas.errors import SettingsError

    if (folder is None) is not kafka:
        raise SettingsError("DIR", "is wanted, or --kafka", "give one of the two")
    flags = {"models.dir": _text(models), "campaigns.catalog": _text(catalog)}
    if folder is None:
        report = _topics(settings_from(config, flags), campaigns or [], tags)
    else:
        report = _folder(folder, [*(events or []), *(more or [])], flags, campaigns or [], tags, config)
    print(_json(report) if json else _page(report))
    if not report.ok:
        raise typer.Exit(1)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _folder(
    folder: Path,
    files: list[Path],
    flags: "Mapping[str, str | None]",
    campaigns: list[Path],
    tags: Literal["model", "category"] | None,
    config: Path | None,
) -> "Report":
    import msgspec

    from streams.archive import FolderArchive
    from streams.parts import build, policy_of
    from streams.verify import Verifier
    from streams.verify_run import Order, Read, verify_folder

    summary = FolderArchive(folder).summary()
    read = msgspec.convert(summary, Read).still_there()
    files = files or [Path(path) for path in read.files]
    campaigns = campaigns or [Path(path) for path in (read.beside.get("campaigns"),) if path]
    flags = {
        "models.dir": flags["models.dir"] or read.beside.get("models"),
        "campaigns.catalog": flags["campaigns.catalog"] or read.beside.get("catalog"),
        "shop.currency": summary.get("currency"),
    }
    settings = settings_from(config, flags)
    stated = summary.get("tags")
    source = tags or (stated if stated in ("model", "category") else "category")
    parts = build(_without_campaigns(settings), tags=source if files else "category")
    policies = _policies(settings, campaigns)
    verifier = Verifier(policies, policy_of(settings.profile), parts.side)
    order = msgspec.convert(summary, Order)
    return verify_folder(folder, files, order, verifier, parts, time.time_ns() // 1_000_000)


def _topics(
    settings: "Settings", campaigns: list[Path], tags: Literal["model", "category"] | None
) -> "Report":
    from streams.parts import build, policy_of
    from streams.topic_reader import TopicReader
    from streams.verify import Verifier
    from streams.verify_run import verify_topics

    parts = build(
        _without_campaigns(settings), tags=tags or ("model" if settings.models.tags else "category")
    )
    verifier = Verifier(_policies(settings, campaigns), policy_of(settings.profile), parts.side)
    return verify_topics(TopicReader(settings.kafka, settings.topics.prefix), verifier, parts)


def _policies(settings: "Settings", files: list[Path]) -> "dict[str, Campaigns]":
    """Return the campaign files by digest: those given, or the setting's."""
    from streams.parts import compiled, policy_of, read_campaigns

    given = [("--campaigns", str(path)) for path in files]
    if not given and settings.campaigns.file:
        given = [("campaigns.file", settings.campaigns.file)]
    policy = policy_of(settings.profile)
    ready = (compiled(read_campaigns(name, file), settings, policy) for name, file in given)
    return {campaigns.digest: campaigns for campaigns in ready}


def _without_campaigns(settings: "Settings") -> "Settings":
    import msgspec

    return msgspec.structs.replace(settings, campaigns=msgspec.structs.replace(settings.campaigns, file=""))


def _json(report: "Report") -> str:
    import msgspec

    tree = {"ok": report.ok, **msgspec.to_builtins(report)}
    return msgspec.json.format(msgspec.json.encode(tree, order="sorted"), indent=2).decode()


def _page(report: "Report") -> str:
    from streams.pages import printable

    lines = [printable(violation.line()) for violation in report.violations]
    for digest, count in sorted(report.unknown_files.items()):
        lines.append(f"{count:,} decisions of campaign file {digest} not checked: give it with --campaigns")
    rows = [
        ("decisions", f"{report.decisions:,}"),
        ("by record", f"{report.redecided:,} decided again from the record alone: the same bytes"),
        ("by events", f"{report.refolded:,} folded again from {report.events:,} events"),
        ("", f"{report.reordered:,} of them in another order too"),
        *(("not folded", f"{count:,} {why}") for why, count in sorted(report.unchecked.items())),
        ("violations", f"{len(report.violations):,}"),
    ]
    return "\n".join([*lines, *(f"{name:<11} {text}" for name, text in rows)])

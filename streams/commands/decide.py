"""`beckon decide`: what would this shopper get now, and why not."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from processors.words.languages import WORDS, Language
from streams.commands.common import CONFIG_HELP, FROM_HELP, KAFKA_HELP, archive_of, settings_from

if TYPE_CHECKING:
    from processors.campaigns import Campaigns
    from processors.words.shape import Words
    from schemas.ids import EventTime
    from schemas.profiles import Profile
    from streams.archive import Archive
    from streams.parts import Parts

CAMPAIGNS_HELP = "Campaign file to decide by (default: the setting campaigns.file)."
AT_HELP = "When the event would come, RFC 3339 or epoch ms (default: now, or the time of the folder)."


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("decide")(decide)


def decide(
    user: Annotated[str, typer.Argument(help="The shopper's userId, or anonymousId.")],
    campaigns: Annotated[Path | None, typer.Option(help=CAMPAIGNS_HELP)] = None,
    folder: Annotated[Path | None, typer.Option("--from", help=FROM_HELP)] = None,
    kafka: Annotated[bool, typer.Option("--kafka", help=KAFKA_HELP)] = False,
    trigger: Annotated[
        str | None, typer.Option(help="The event that would ask (default: each that asks a campaign).")
    ] = None,
    at: Annotated[str | None, typer.Option(help=AT_HELP)] = None,
    catalog: Annotated[Path | None, typer.Option(help="JSON lines of products: titles, stock.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    language: Annotated[Language, typer.Option(help="Of the page; JSON stays as it is.")] = Language.EN,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Say what a shopper would get if an event came now, and for every other campaign what stands in its way.

    The profile is looked at as it is: the event itself is not counted in.
    """
    from processors.explain import why_page
    from processors.why_not import ask
    from schemas.errors import SettingsError
    from streams.answer_page import answer_page, answers_json
    from streams.pages import printable

    archive, _ = archive_of(folder, kafka, config)
    parts, ready = parts_of(campaigns, catalog, config)
    profile = state_of(archive, user)
    when = time_of(archive, profile, at)
    if trigger is not None and trigger not in ready.by_trigger:
        raise SettingsError(
            "--trigger", f"`{trigger}` asks no campaign", f"known: {', '.join(ready.by_trigger)}"
        )
    events = [trigger] if trigger is not None else list(ready.by_trigger)
    words = WORDS[Language.EN if json else language]
    answers = [ask(profile, event, when, ready, parts.side, words) for event in events]
    if json:
        print(answers_json(user, when, answers))
        return
    print(answer_page(user, when, answers, notes_of(archive, ready, words), words), end="")
    decision = answers[0].decision
    if trigger is not None and decision is not None:
        print()
        for line in why_page(decision, words).splitlines():
            print(printable(line))


def parts_of(campaigns: Path | None, catalog: Path | None, config: Path | None) -> "tuple[Parts, Campaigns]":
    """Return the parts to decide with; raise `SettingsError` without a campaign file."""
    from schemas.errors import SettingsError
    from streams.parts import build

    flags = {"campaigns.file": _text(campaigns), "campaigns.catalog": _text(catalog)}
    parts = build(settings_from(config, flags), tags="category")
    if parts.campaigns is None:
        raise SettingsError("--campaigns", "is missing", "give a campaign file")
    return parts, parts.campaigns


def state_of(archive: "Archive", user: str) -> "Profile":
    """Return a shopper's profile; raise `NotFoundError` for nobody."""
    profile = archive.state(user)
    if profile is None:
        raise archive.nobody(user)
    return profile


def time_of(archive: "Archive", profile: "Profile", at: str | None) -> "EventTime":
    """Return when the event would come; never before what the shopper did last."""
    from schemas.errors import SettingsError
    from schemas.ids import EventTime
    from schemas.timestamps import iso_utc, parse_time
    from streams.archive import FolderArchive

    if at is None:
        now = archive.as_of() if isinstance(archive, FolderArchive) else time.time_ns() // 1_000_000
        return EventTime(max(now, profile.last_seen))
    asked = parse_time(at)
    if asked is None:
        raise SettingsError("--at", f"`{at}` is not a time", "write it like 2026-06-01T00:00:00Z")
    if asked < profile.last_seen:
        problem = f"{iso_utc(asked)} is before the shopper's newest event, {iso_utc(profile.last_seen)}"
        raise SettingsError("--at", problem, "give a later time, or leave it out")
    return asked


def notes_of(archive: "Archive", campaigns: "Campaigns", words: "Words") -> Iterator[str]:
    """Yield what the archive does not know and these campaigns ask for."""
    from schemas.campaigns import FeatureName
    from streams.archive import FolderArchive

    if not isinstance(archive, FolderArchive):
        return
    asked = {c.feature.code for ready in campaigns.by_id.values() for c in ready.comparisons}
    unknown = sorted(asked & {FeatureName.TRAIT, FeatureName.IS_KNOWN})
    if unknown:
        yield words.answer.not_kept.format(features=words.answer.joined_by.join(unknown))


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)

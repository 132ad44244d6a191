"""`beckon why`: why a decision fell as it did."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from processors.words.languages import WORDS, Language
from streams.commands import why_words
from streams.commands.common import (
    CONFIG_HELP,
    FROM_HELP,
    KAFKA_HELP,
    REDIS_HELP,
    archive_of,
    redis_archive_of,
    settings_from,
)
from streams.commands.decide import AT_HELP, CAMPAIGNS_HELP, notes_of, parts_of, state_of, time_of

if TYPE_CHECKING:
    from processors.campaigns import Campaigns
    from processors.words.shape import Words
    from schemas.decisions import Decision
    from streams.archive import Archive
    from streams.parts import Parts
    from streams.redis_archive import RedisArchive

_SHOWN = 3


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("why")(why)


def why(
    decision_id: Annotated[
        str | None, typer.Argument(help="The id of a decision or of a candidate, or how it begins.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="List this shopper's decisions instead.")] = None,
    campaign: Annotated[
        str | None, typer.Option(help="With --user: what stands between the two, recorded or not.")
    ] = None,
    campaigns: Annotated[Path | None, typer.Option(help=CAMPAIGNS_HELP)] = None,
    at: Annotated[str | None, typer.Option(help=AT_HELP)] = None,
    folder: Annotated[Path | None, typer.Option("--from", help=FROM_HELP)] = None,
    kafka: Annotated[bool, typer.Option("--kafka", help=KAFKA_HELP)] = False,
    redis: Annotated[bool, typer.Option("--redis", help=REDIS_HELP)] = False,
    tag_words: Annotated[bool, typer.Option("--words", help=why_words.HELP)] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the record, not the page.")] = False,
    language: Annotated[Language, typer.Option(help="Of the page; JSON stays as it is.")] = Language.EN,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Explain a decision: what happened, which rule, which numbers, and what would have changed it."""
    from processors.explain import why_page
    from schemas.errors import SettingsError
    from streams.pages import decision_lines, printable
    from streams.records import decision_json

    if (decision_id is None) is (user is None):
        raise SettingsError("DECISION_ID", "is wanted, or --user", "give one of the two")
    if tag_words and (redis or json or decision_id is None):
        raise SettingsError(
            "--words", "belongs to the page of one decision", "give its id, no --redis, no --json"
        )
    if redis:
        if campaign is not None:
            raise SettingsError("--redis", "keeps no decisions to recompute", "ask with --kafka")
        _from_redis(redis_archive_of(folder, kafka, config)[0], decision_id, user, WORDS[language], json=json)
        return
    archive, _ = archive_of(folder, kafka, config)
    if campaign is not None:
        if user is None:
            raise SettingsError("--campaign", "is nothing without --user", "say whom you ask about")
        words = WORDS[Language.EN if json else language]
        _between(archive, user, campaign, parts_of(campaigns, None, config), at, words, json=json)
        return
    if decision_id is not None:
        found = [_one(archive, decision_id)]
        text = [printable(line) for line in why_page(found[0], WORDS[language]).splitlines()]
        if tag_words:
            text += why_words.section(found[0], settings_from(config).models, WORDS[language])
    else:
        assert user is not None, "checked above"
        found = _all(archive, user)
        text = list(decision_lines(found, WORDS[language]))
    for line in (decision_json(decision).decode() for decision in found) if json else text:
        print(line)


def _from_redis(
    archive: "RedisArchive", decision_id: str | None, user: str | None, words: "Words", *, json: bool
) -> None:
    """Print one promotion, or a line for each that waits for a shopper."""
    from processors.promotion_page import inbox_lines, promotion_page
    from streams.archive import NotFoundError
    from streams.pages import printable
    from streams.records import promotion_json

    if decision_id is not None:
        found = [archive.promotion(decision_id)]
        text = [printable(line) for line in promotion_page(found[0], words).splitlines()]
    else:
        assert user is not None, "checked before"
        found = archive.inbox(user)
        if not found:
            problem = f"has no promotion in {archive.name} that still holds"
            raise NotFoundError(f"shopper {user}", problem, "`--kafka` lists all decisions")
        text = [printable(line) for line in inbox_lines(found, words)]
    for line in (promotion_json(one).decode() for one in found) if json else text:
        print(line)


def _between(
    archive: "Archive",
    user: str,
    campaign: str,
    parts: "tuple[Parts, Campaigns]",
    at: str | None,
    words: "Words",
    *,
    json: bool,
) -> None:
    """Print what was decided about a shopper and a campaign, and how they stand to each other now."""
    from processors.why_not import ask, only
    from streams.answer_page import answer_page, answers_json, recorded_lines
    from streams.archive import NotFoundError

    side, ready = parts[0].side, parts[1]
    if campaign not in ready.by_id:
        known = ", ".join(ready.by_id) or "none"
        raise NotFoundError(f"campaign {campaign}", "is not in the campaign file", f"known: {known}")
    profile = state_of(archive, user)
    when = time_of(archive, profile, at)
    events = [event for event, asked in ready.by_trigger.items() if any(c.id == campaign for c in asked)]
    answers = [only(ask(profile, event, when, ready, side, words), campaign) for event in events]
    if json:
        print(answers_json(user, when, answers))
        return
    print(answer_page(user, when, answers, notes_of(archive, ready, words), words))
    mine = archive.decisions(user, lambda decision: decision.user_id == user)
    recorded = list(recorded_lines(mine, campaign, words))
    print(words.answer.recorded if recorded else words.answer.never_recorded)
    for line in recorded:
        print(f"  {line}")


def _one(archive: "Archive", decision_id: str) -> "Decision":
    from streams.archive import NotFoundError

    start = decision_id.strip().lower()
    ids: dict[str, Decision] = {}
    for decision in archive.decisions(start, lambda decision: bool(_ids(decision, start))):
        for found in _ids(decision, start):
            ids[found] = decision
    if start in ids:
        return ids[start]
    decisions = {id(decision): decision for decision in ids.values()}
    if len(decisions) == 1 and start:
        return next(iter(decisions.values()))
    if not decisions or not start:
        raise NotFoundError(
            f"decision {decision_id}",
            f"is not in {archive.name}",
            "`beckon why --user USER` lists a shopper's",
        )
    some = ", ".join(sorted(ids)[:_SHOWN])
    raise NotFoundError(f"decision {decision_id}", f"fits {len(ids)} ids, such as {some}", "write more of it")


def _all(archive: "Archive", user: str) -> "list[Decision]":
    from streams.archive import NotFoundError

    found = archive.decisions(user, lambda decision: decision.user_id == user)
    if found:
        return found
    if archive.profile(user) is not None:
        hint = "none of the shopper's events had a campaign that was live and fitted"
        raise NotFoundError(f"shopper {user}", f"has no decisions in {archive.name}", hint)
    raise archive.nobody(user)


def _ids(decision: "Decision", start: str) -> list[str]:
    """Return the ids in a record that begin so: that of the decision is one of its candidates'."""
    return [c.decision_id for c in decision.candidates if c.decision_id.startswith(start)]

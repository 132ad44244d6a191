"""Replay: the worker's own functions on files. Same events, same bytes out, on any machine (design 11).

Each shopper's accepted events, those of all ids that an identify or alias connects, are put in (time, digest)
order over all files and then folded; times and lags come from the events alone, so that a replay decides as a
worker without lag would.
"""

import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from processors.profile_page import profile_line
from processors.tagging import category_tags, texts_of
from schemas.decisions import Outcome
from schemas.errors import SettingsError
from schemas.events import DeadLetter, IdentityEvent, Rejection, ShopEvent, Skipped
from schemas.ids import Digest, EventTime, ShopperId, Tags
from schemas.profiles import Profile
from schemas.timestamps import iso_utc
from streams import replay_folder
from streams.connected import connected
from streams.parts import Parts
from streams.records import profile_json
from streams.replay_fold import TagsOf, Totals, fold_connected
from streams.replay_folder import ReplayFolder, write_dead_letter
from streams.shuffle import CALM, Disturbance, disturbed, woven
from streams.sources import HugeLine, check_readable, lines_of

if TYPE_CHECKING:
    from models_onnx.batcher import Tagger

#: Called now and then with a stage and how much of it is done: (done, of), of 0 when unknown.
Progress = Callable[[str, int, int], None]
#: Texts per call of the tagger; it makes model batches of its own from them.
TEXTS_AT_ONCE = 8192
#: Lines or events from one report of progress to the next.
EVENTS_PER_STEP = 4096
#: Kinds of skipped events and of dead letters counted by name; a hostile file has as many as lines.
KINDS_MAX = 100
OTHERS = "(others)"
_TOO_LARGE = DeadLetter(Rejection.TOO_LARGE, "", "is longer than a record may be")


@dataclass(frozen=True)
class Request:
    """What to replay. `as_of` None: the newest accepted event. `keep_order`: file order, not time."""

    files: Sequence[Path]
    out: Path
    as_of: EventTime | None = None
    disturbance: Disturbance = CALM
    keep_order: bool = False


@dataclass
class History:
    """What the files hold: accepted events by key, in file order, and counts of everything.

    `pairs` are the ids that one event says are the same person. `places` are the lines of a key's events, kept
    where their order over all keys counts.
    """

    places: dict[ShopperId, "array[int]"] | None = None
    by_shopper: dict[ShopperId, list[ShopEvent]] = field(default_factory=dict)
    pairs: list[tuple[ShopperId, ShopperId]] = field(default_factory=list)
    newest: EventTime | None = None
    read: int = 0
    accepted: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    dead_fields: Counter[str] = field(default_factory=Counter)


def replay(request: Request, parts: Parts, progress: Progress, wall_ms: int) -> dict[str, Any]:
    """Write the replay folder and return its summary; `wall_ms` stands in for a missing broker time."""
    if request.keep_order and len(request.files) > 1:
        raise SettingsError("--keep-order", "there are several files", "give one file, or leave it out")
    for path in request.files:
        check_readable(path)  # before the first of them has been worked through
    started = time.perf_counter()
    with ReplayFolder(request.out) as folder:
        history = _read_all(request, parts, wall_ms, folder.file(replay_folder.DEAD_LETTERS), progress)
        as_of = _as_of(request.as_of, history.newest)
        tagger = parts.tagger
        tags_of = _category_tags(parts) if tagger is None else _model_tags(history, parts, tagger, progress)
        totals = _fold_all(
            history, request, parts, tags_of, as_of, folder.file(replay_folder.PROFILES), progress
        )
        _write_rows(totals, folder)
        summary = _summary(history, totals, parts, as_of, time.perf_counter() - started) | _order_of(request)
        folder.finish(summary)
    return summary


def _read_all(
    request: Request, parts: Parts, wall_ms: int, dead_letters: BinaryIO, progress: Progress
) -> History:
    history = History(places={} if request.keep_order else None)
    for path in request.files:
        _read_file(path, history, parts, wall_ms, dead_letters, progress)
    return history


def _read_file(
    path: Path, history: History, parts: Parts, wall_ms: int, dead_letters: BinaryIO, progress: Progress
) -> None:
    read_line, by_shopper = parts.border.read_line, history.by_shopper
    newest = -1 if history.newest is None else history.newest
    number = accepted = 0
    for number, raw in enumerate(lines_of(path), 1):
        result = _TOO_LARGE if isinstance(raw, HugeLine) else read_line(raw, wall_ms)
        if isinstance(result, DeadLetter):
            letter = write_dead_letter(dead_letters, path.name, number, raw, result)
            history.dead[letter.reason.value] += 1
            _count(history.dead_fields, f"{letter.reason} {letter.field}".rstrip())
        elif isinstance(result, Skipped):
            _count(history.skipped, result.kind)
        else:
            accepted += 1
            envelope = result.envelope
            newest = max(newest, envelope.at)
            events = by_shopper.get(envelope.shopper)
            if events is None:
                by_shopper[envelope.shopper] = [result]
            else:
                events.append(result)
            if type(result) is IdentityEvent and result.anonymous_id is not None:
                history.pairs.append((envelope.shopper, ShopperId(result.anonymous_id)))
            if history.places is not None:
                history.places.setdefault(envelope.shopper, array("q")).append(number)
        if not number % EVENTS_PER_STEP:
            progress("reading", history.read + number, 0)
    history.read += number
    history.accepted += accepted
    history.newest = EventTime(newest) if newest >= 0 else None


def _count(kinds: Counter[str], kind: str) -> None:
    kinds[kind if len(kinds) < KINDS_MAX or kind in kinds else OTHERS] += 1


def _as_of(asked: EventTime | None, newest: EventTime | None) -> EventTime:
    if asked is None:
        return EventTime(0) if newest is None else newest  # without an event there is nothing to look at
    if newest is not None and asked < newest:
        problem = f"{iso_utc(asked)} is before the newest event, {iso_utc(newest)}"
        raise SettingsError("--as-of", problem, "give a later time, or leave it out")
    return asked


def _category_tags(parts: Parts) -> TagsOf:
    catalog = parts.catalog
    return lambda event: category_tags(event, catalog)


def _model_tags(history: History, parts: Parts, tagger: "Tagger", progress: Progress) -> TagsOf:
    """Tag every text of the history once, in big batches, and look up from then on."""
    catalog = parts.catalog
    events = (event for mine in history.by_shopper.values() for event in mine)
    texts = list(dict.fromkeys(text for event in events for text in texts_of(event, catalog) if text))
    table: dict[str, Tags] = {"": ()}
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        progress("tagging texts", start, len(texts))
        some = texts[start : start + TEXTS_AT_ONCE]
        table.update(zip(some, tagger.tag(some), strict=True))
    return lambda event: [table[text] for text in texts_of(event, catalog)]


def _fold_all(
    history: History,
    request: Request,
    parts: Parts,
    tags_of: TagsOf,
    as_of: EventTime,
    profiles: BinaryIO,
    progress: Progress,
) -> Totals:
    totals = Totals()
    groups = connected(history.pairs)
    waiting: dict[ShopperId, bytes] = {}  # lines of connected shoppers whose turn has not come
    done = told = 0
    for shopper in sorted(history.by_shopper):
        if shopper in history.by_shopper:
            events = _story(history, groups.get(shopper, (shopper,)), request)
            for profile in fold_connected(events, parts, tags_of, as_of, totals):
                line = profile_json(profile_line(profile, as_of, parts.policy))
                waiting[profile.shopper] = line + b"\n"
                _add_up(totals, profile)
            done += len(events)
        profiles.write(waiting.pop(shopper, b""))  # nothing: it was moved
        if done >= told + EVENTS_PER_STEP:
            told = done
            progress("folding", done, history.accepted)
    return totals


def _story(history: History, shoppers: Sequence[ShopperId], request: Request) -> list[ShopEvent]:
    """Return the events of connected ids as they are to be processed; they leave the history (and memory)."""
    rank: Callable[[ShopEvent], Any] = _time_and_digest
    if request.keep_order:
        place_of = _places(history, shoppers)
        rank = lambda event: place_of[id(event)]  # noqa: E731 - a name for one of two ranks
    sequences = [history.by_shopper.pop(shopper, []) for shopper in shoppers]
    for place, shopper in enumerate(shoppers):
        if not request.keep_order:
            sequences[place].sort(key=rank)
        if request.disturbance is not CALM:
            sequences[place] = disturbed(shopper, sequences[place], request.disturbance)
    return sequences[0] if len(sequences) == 1 else woven(sequences, rank)


def _time_and_digest(event: ShopEvent) -> tuple[EventTime, Digest]:
    return event.envelope.at, event.envelope.digest


def _places(history: History, shoppers: Sequence[ShopperId]) -> dict[int, int]:
    """Return the line of each event of these shoppers, by its identity in memory."""
    assert history.places is not None, "kept while reading"
    return {
        id(event): place
        for shopper in shoppers
        for event, place in zip(
            history.by_shopper.get(shopper, ()), history.places.get(shopper, ()), strict=True
        )
    }


def _add_up(totals: Totals, profile: Profile) -> None:
    totals.profiles += 1
    totals.orders += profile.orders
    totals.refunds += profile.refunds
    totals.spend += profile.spend


def _write_rows(totals: Totals, folder: ReplayFolder) -> None:
    decisions, promotions = folder.file(replay_folder.DECISIONS), folder.file(replay_folder.PROMOTIONS)
    for row in sorted(totals.rows, key=lambda row: row.place):
        if row.decision is not None:
            decisions.write(row.decision + b"\n")
        if row.promotion is not None:
            promotions.write(row.promotion + b"\n")


def _order_of(request: Request) -> dict[str, Any]:
    """Return what `beckon verify` needs to know, to put the events into the order in which they were folded."""
    return {"keep_order": request.keep_order, "disturbance": msgspec.to_builtins(request.disturbance)}


def _summary(
    history: History, totals: Totals, parts: Parts, as_of: EventTime, seconds: float
) -> dict[str, Any]:
    tagger, campaigns = parts.tagger, parts.campaigns
    return {
        "as_of": as_of,
        "read": history.read,
        "accepted": history.accepted,
        "applied": totals.applied,
        "duplicates": totals.duplicates,
        "skipped": history.skipped.total(),
        "skipped_by_kind": dict(history.skipped),
        "dead_lettered": history.dead.total(),
        "dead_letters": dict(history.dead),
        "dead_letter_fields": dict(history.dead_fields),
        "profiles": totals.profiles,
        "orders": totals.orders,
        "refunds": totals.refunds,
        "spend": totals.spend,
        "currency": parts.border.money.base,
        "decisions": totals.decisions,
        "outcomes": {outcome.value: totals.outcomes[outcome.value] for outcome in Outcome},
        "reasons": {reason: count for reason, count in totals.reasons.items() if count},
        "offered_by_campaign": dict(totals.offered_by_campaign),
        "revoked": dict(totals.revoked),
        "tags": "category" if tagger is None else "model",
        "model_calls": 0 if tagger is None else tagger.model_calls,
        "texts_scored": 0 if tagger is None else tagger.texts_scored,
        "fallbacks": 0 if tagger is None else tagger.fallbacks,
        "model_versions": {} if tagger is None else dict(tagger.model_versions),
        "model_digests": {} if tagger is None else {"tags": tagger.model.digest},
        "policy_digest": None if campaigns is None else campaigns.digest,
        "seconds": round(seconds, 3),
        "events_per_second": round(history.read / seconds) if seconds > 0 else 0,
    }

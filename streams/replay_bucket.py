"""Replay's middle: the events of one bucket, put in order by shopper, to profiles and rows."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from processors.profile_page import profile_line
from schemas.events import IdentityEvent, ShopEvent
from schemas.ids import Digest, EventTime, ShopperId
from schemas.profiles import Profile
from streams.connected import connected
from streams.parts import Parts
from streams.records import profile_json
from streams.replay_fold import TagsOf, Totals, fold_connected
from streams.shuffle import CALM, Disturbance, disturbed, woven
from streams.spill import Keyed, Placed

#: Events from one report of progress to the next.
EVENTS_PER_STEP = 4096


@dataclass(frozen=True)
class How:
    """How shoppers' events are read and put in order; `sources` are the names of the files.

    `rows`: decisions are also wanted as rows to learn from.
    """

    sources: Sequence[str]
    wall_ms: int
    disturbance: Disturbance = CALM
    keep_order: bool = False
    rows: bool = False


@dataclass
class History:
    """Events by key, in file order, with their places where these count.

    `pairs` are the ids that one event says are the same person.
    """

    by_shopper: dict[ShopperId, list[ShopEvent]] = field(default_factory=dict)
    places: dict[ShopperId, "array[int]"] = field(default_factory=dict)
    pairs: list[tuple[ShopperId, ShopperId]] = field(default_factory=list)


def fold_bucket(
    events: list[Placed],
    how: How,
    parts: Parts,
    tags_of: TagsOf,
    as_of: EventTime,
    totals: Totals,
    progress: Callable[[int], None],
) -> Iterator[Keyed]:
    """Yield the line of each profile with its user_id; the list of events is empty then.

    All ids that are connected to one of the bucket are in it.
    """
    history = history_of(events, how)
    groups = connected(history.pairs)
    done = told = 0
    while history.by_shopper:
        shopper = next(iter(history.by_shopper))
        story = story_of(history, groups.get(shopper, (shopper,)), how)
        for profile in fold_connected(story, parts, tags_of, as_of, totals):
            line = profile_json(profile_line(profile, as_of, parts.policy))
            _add_up(totals, profile)
            yield profile.shopper.encode(), line + b"\n"
        done += len(story)
        if done >= told + EVENTS_PER_STEP:
            told = done
            progress(done)


def history_of(events: list[Placed], how: How) -> History:
    """Return the events by key; the list, in the order of the input, is empty then."""
    history = History(pairs=pairs_of(event for _, event in events))
    by_shopper = history.by_shopper
    for place, event in events:
        shopper = event.envelope.shopper
        mine = by_shopper.get(shopper)
        if mine is None:
            by_shopper[shopper] = [event]
        else:
            mine.append(event)
        if how.keep_order:
            history.places.setdefault(shopper, array("q")).append(place)
    events.clear()
    return history


def pairs_of(events: Iterable[ShopEvent]) -> list[tuple[ShopperId, ShopperId]]:
    """Return the ids that one event says are the same person."""
    return [
        (event.envelope.shopper, ShopperId(event.anonymous_id))
        for event in events
        if type(event) is IdentityEvent and event.anonymous_id is not None
    ]


def story_of(history: History, shoppers: Sequence[ShopperId], how: How) -> list[ShopEvent]:
    """Return the events of connected ids as they are to be processed; they leave the history (and memory)."""
    rank: Callable[[ShopEvent], Any] = _time_and_digest
    if how.keep_order:
        place_of = _places(history, shoppers)
        rank = lambda event: place_of[id(event)]  # noqa: E731 - a name for one of two ranks
    sequences = [history.by_shopper.pop(shopper, []) for shopper in shoppers]
    for place, shopper in enumerate(shoppers):
        if not how.keep_order:
            sequences[place].sort(key=rank)
        if how.disturbance is not CALM:
            sequences[place] = disturbed(shopper, sequences[place], how.disturbance)
    return sequences[0] if len(sequences) == 1 else woven(sequences, rank)


def _time_and_digest(event: ShopEvent) -> tuple[EventTime, Digest]:
    return event.envelope.at, event.envelope.digest


def _places(history: History, shoppers: Sequence[ShopperId]) -> dict[int, int]:
    """Return the place of each event of these shoppers, by its identity in memory."""
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

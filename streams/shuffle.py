"""Disturbances for tests: what a network does to one shopper's events, repeatable from a seed (ruling 6)."""

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from random import Random
from typing import Any, TypeVar

from msgspec import Struct

from schemas.ids import ShopperId

#: No event moves, and no copy comes, further away than this many of the shopper's events.
WINDOW = 32
T = TypeVar("T")


class Disturbance(Struct, frozen=True):
    """`shuffle` permutes within windows; `duplicate_share` of the events come twice. One seed for both."""

    seed: int = 0
    shuffle: bool = False
    duplicate_share: float = 0.0


CALM = Disturbance()


def disturbed(shopper: ShopperId, events: Sequence[T], disturbance: Disturbance) -> list[T]:
    """Return the events as this shopper's come in: shuffled first, then with copies."""
    # Seeded per shopper: what happens to one does not depend on who else is in the files.
    random = Random(f"{disturbance.seed}:{shopper}")
    result = list(events)
    if disturbance.shuffle:
        result = _shuffled(result, random)
    if disturbance.duplicate_share:
        result = _with_copies(result, disturbance.duplicate_share, random)
    return result


def woven(sequences: Sequence[Sequence[T]], rank: Callable[[T], Any]) -> list[T]:
    """Return one sequence of several keys' events; each key's stay in their order, near their rank.

    What lies between an event and its copy stays together: however rare the events of a key are among those of
    another, a copy is never further away than it was among its own.
    """
    return [
        event for _, run in merge(*(_runs(events, rank) for events in sequences), key=_first) for event in run
    ]


def _runs(events: Sequence[T], rank: Callable[[T], Any]) -> Iterator[tuple[Any, Sequence[T]]]:
    """Yield runs that no pair of copies reaches out of, each with its rank; ranks never fall."""
    last = {id(event): place for place, event in enumerate(events)}
    start = end = 0
    newest: Any = None
    for place, event in enumerate(events):
        end = max(end, last[id(event)])
        if place == end:
            run = events[start : place + 1]
            first = min(map(rank, run))
            newest = first if newest is None else max(newest, first)
            yield newest, run
            start = end = place + 1


def _first(run: tuple[Any, object]) -> Any:
    return run[0]


def _shuffled(events: list[T], random: Random) -> list[T]:
    result: list[T] = []
    for start in range(0, len(events), WINDOW):
        window = events[start : start + WINDOW]
        random.shuffle(window)
        result += window
    return result


def _with_copies(events: list[T], share: float, random: Random) -> list[T]:
    result: list[T] = []
    due: dict[int, T] = {}  # place in the result -> the copy that stands there
    for event in events:
        while len(result) in due:
            result.append(due.pop(len(result)))
        place = len(result)
        result.append(event)
        if random.random() < share:
            # At most one copy per event is under way, so that one of the next 32 places is always free.
            free = [near for near in range(place + 1, place + 1 + WINDOW) if near not in due]
            due[random.choice(free)] = event
    return result + [due[place] for place in sorted(due)]

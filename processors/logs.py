"""Short logs sorted by (time, digest, line): the newest entries, whatever the order of arrival."""

from typing import Protocol, TypeVar

from schemas.ids import Digest, EventTime


class Entry(Protocol):
    """What a log sorts by."""

    @property
    def at(self) -> EventTime: ...
    @property
    def digest(self) -> Digest: ...
    @property
    def line(self) -> int: ...


E = TypeVar("E", bound=Entry)


def insert(log: list[E], entry: E, entries_max: int) -> None:
    """Put an entry in its place; the oldest one goes when the log is full.

    Walks from the newest end: events come nearly in order, so that is one comparison.
    """
    place = len(log)
    at = entry.at
    while place:
        before = log[place - 1]
        if before.at < at or (
            before.at == at and (before.digest, before.line) <= (entry.digest, entry.line)
        ):
            break
        place -= 1
    log.insert(place, entry)
    if len(log) > entries_max:
        del log[0]

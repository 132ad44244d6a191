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
        if before.at < at or (before.at == at and (before.digest, before.line) <= (entry.digest, entry.line)):
            break
        place -= 1
    log.insert(place, entry)
    if len(log) > entries_max:
        del log[:-entries_max]


def insert_all(log: list[E], entries: list[E], entries_max: int) -> None:
    """Put entries, which are sorted themselves, in their places; the oldest go when the log is full."""
    if not entries:
        return
    first, last = entries[0], log[-1] if log else None
    if last is None or (last.at, last.digest, last.line) <= (first.at, first.digest, first.line):
        log += entries
        del log[:-entries_max]
        return
    for entry in entries:
        insert(log, entry, entries_max)

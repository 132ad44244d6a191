"""The records of a batch at the border: events, what other lanes tell, and dead letters."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from processors.tagging import texts_of
from schemas.events import DeadLetter, ShopEvent, Skipped
from schemas.ids import EventTime, ShopperId
from schemas.topics import INTERNAL
from streams.chunk import Chunk
from streams.internal import Claim, Sent, Tick, Transfer, content_of, origin_of
from streams.outputs import Origin, Output, dead_letter_output
from streams.parts import Parts

#: What is no event for us. A tuple, for `DeadLetter | Skipped` would be built anew for every record.
_ASIDE = (DeadLetter, Skipped)


@dataclass(frozen=True)
class Rules:
    """What all batches share. `partitions` is the count of every co-partitioned topic."""

    parts: Parts
    partitions: int
    guard_positions: bool
    prefix: str


class Item(Struct, gc=False):
    """An event: the source that positions name, its offset there, the broker's time where it was first read.

    `shopper` is whom it is for: its own id, or where that id's redirects led after `hops` of them.
    """

    event: ShopEvent
    source: str
    offset: int
    record: Any
    broker_ms: int
    shopper: ShopperId
    hops: int = 0


class Told(Struct, gc=False):
    """What a lane tells another, or itself, about a shopper; the other fields as those of an `Item`."""

    note: Claim | Transfer | Tick
    source: str
    offset: int
    record: Any
    broker_ms: int
    shopper: ShopperId


@dataclass
class Read:
    """What the border made of a batch."""

    items: list[Item | Told] = field(default_factory=list)
    dead: list[Output] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    records: int = 0

    def events(self) -> Iterator[Item]:
        """Yield the items that are events."""
        return (item for item in self.items if isinstance(item, Item))

    def last_at(self) -> EventTime | None:
        """Return the time of its last event; None where there is none."""
        return next((item.event.envelope.at for item in reversed(self.items) if isinstance(item, Item)), None)

    def stream_time(self) -> EventTime | None:
        """Return the newest time of its events, none taken to be later than when its broker got it."""
        # A device whose clock is hours ahead must not make other shoppers' deadlines pass.
        times = (EventTime(min(item.event.envelope.at, item.broker_ms)) for item in self.events())
        return max(times, default=None)


def read(chunks: Iterable[Chunk], rules: Rules) -> Read:
    """Read chunks at the border; what is no event for us is counted, and a dead letter where it is broken."""
    found = Read()
    border_read = rules.parts.border.read
    internal = rules.prefix + INTERNAL.name
    add = found.items.append
    for chunk in chunks:
        topic, source = chunk.topic, f"{chunk.topic}-{chunk.partition}"
        found.records += len(chunk.records)
        if topic == internal:
            for record in chunk.records:
                _read_internal(record, source, rules, found)
            continue
        for record in chunk.records:
            event = border_read(record.value, record.timestamp)
            if isinstance(event, _ASIDE):
                _put_aside(event, record, rules, found)
            else:
                add(Item(event, source, record.offset, record, record.timestamp, event.envelope.shopper))
    return found


def texts(found: Read, rules: Rules) -> list[str]:
    """Return the texts of a batch that want tags, each once."""
    catalog = rules.parts.catalog
    wanted = {text: None for item in found.events() for text in texts_of(item.event, catalog)}
    wanted.pop("", None)
    return list(wanted)


def first_read(record: Any, rules: Rules) -> Origin:
    """Return where a record was first read; only the internal topic's own headers are believed."""
    if record.topic == rules.prefix + INTERNAL.name:
        return origin_of(record)
    return Origin(record.topic, record.partition, record.offset, record.timestamp)


def _read_internal(record: Any, source: str, rules: Rules, found: Read) -> None:
    content = content_of(record)
    if isinstance(content, DeadLetter):
        _put_aside(content, record, rules, found)
    elif isinstance(content, Sent):
        broker_ms = content.origin.broker_ms
        event = rules.parts.border.read(record.value, broker_ms)
        if isinstance(event, _ASIDE):
            _put_aside(event, record, rules, found)
        else:
            found.items.append(
                Item(event, source, record.offset, record, broker_ms, content.shopper, content.hops)
            )
    else:
        shopper, note = content
        found.items.append(Told(note, source, record.offset, record, record.timestamp, shopper))


def _put_aside(event: DeadLetter | Skipped, record: Any, rules: Rules, found: Read) -> None:
    if isinstance(event, Skipped):
        found.outcomes[record.topic, "skipped"] += 1
        return
    found.reasons[event.reason.value] += 1
    found.outcomes[record.topic, "dead_letter"] += 1
    found.dead.append(dead_letter_output(event, first_read(record, rules), record.key, record.value))

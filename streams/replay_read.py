"""Replay's first step: lines to events, dead letters and counts, block by block."""

from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from typing import Protocol

from msgspec import Struct
from msgspec import field as default

from schemas.decode import Border
from schemas.events import DeadLetter, IdentityEvent, Rejection, ShopEvent, Skipped
from schemas.ids import EventTime, ShopperId
from streams.replay_folder import write_dead_letter

#: Kinds of skipped events and of dead letters counted by name; a hostile file has as many as lines.
KINDS_MAX = 100
OTHERS = "(others)"
TOO_LARGE = DeadLetter(Rejection.TOO_LARGE, "", "is longer than a record may be")
#: A line's place is its source's number and its own in one: lines of all files, in their order.
LINE_BITS = 40


class Block(Struct, tag=True):
    """Whole lines of one source, which may be empty; `line` is the number of the first, counted from 1."""

    source: int
    line: int
    raw: bytes


class BlockRead(Struct, tag=True):
    """What a block holds. `letters`: its lines of dead_letters.jsonl; `newest` -1: no accepted event.

    `pairs` are ids that one event says are the same person.
    """

    lines: int
    accepted: int
    newest: int
    letters: bytes
    skipped: dict[str, int]
    dead: dict[str, int]
    dead_fields: dict[str, int]
    pairs: list[tuple[ShopperId, ShopperId]] = default(default_factory=list)


class Sink(Protocol):
    """Where accepted events go."""

    def add(self, place: int, event: ShopEvent) -> None:
        """Keep an event with its place in the input."""


@dataclass
class Contents:
    """What all files hold: counts, and the ids that belong together."""

    read: int = 0
    accepted: int = 0
    newest: EventTime | None = None
    pairs: set[tuple[ShopperId, ShopperId]] = field(default_factory=set)
    skipped: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    dead_fields: Counter[str] = field(default_factory=Counter)

    def take(self, block: BlockRead) -> None:
        """Count one block in; blocks come in the order of the files."""
        self.read += block.lines
        self.accepted += block.accepted
        if block.newest >= 0:
            self.newest = EventTime(max(block.newest, -1 if self.newest is None else self.newest))
        self.pairs.update(block.pairs)
        self.dead.update(block.dead)
        for mine, its in ((self.skipped, block.skipped), (self.dead_fields, block.dead_fields)):
            for kind, count in its.items():
                mine[kind if len(mine) < KINDS_MAX or kind in mine else OTHERS] += count

    def take_huge(self, letter: DeadLetter) -> None:
        """Count one line in that is larger than a block."""
        reason = letter.reason.value
        self.take(BlockRead(1, 0, -1, b"", {}, {reason: 1}, {reason: 1}))


def read_block(block: Block, source: str, border: Border, wall_ms: int, sink: Sink) -> BlockRead:
    """Read every line of a block; accepted events go to `sink`."""
    read_line, add, first = border.read_line, sink.add, block.line
    start = (block.source << LINE_BITS) + first
    letters = BytesIO()
    skipped: Counter[str] = Counter()
    dead: Counter[str] = Counter()
    dead_fields: Counter[str] = Counter()
    pairs: list[tuple[ShopperId, ShopperId]] = []
    accepted, newest = 0, -1
    lines = block.raw.split(b"\n")
    for number, raw in enumerate(lines):
        result = read_line(raw, wall_ms)
        if isinstance(result, DeadLetter):
            letter = write_dead_letter(letters, source, first + number, raw, result)
            dead[letter.reason.value] += 1
            dead_fields[f"{letter.reason} {letter.field}".rstrip()] += 1
        elif isinstance(result, Skipped):
            skipped[result.kind] += 1
        else:
            accepted += 1
            envelope = result.envelope
            newest = max(newest, envelope.at)
            if type(result) is IdentityEvent and result.anonymous_id is not None:
                pairs.append((envelope.shopper, ShopperId(result.anonymous_id)))
            add(start + number, result)
    return BlockRead(len(lines), accepted, newest, letters.getvalue(), skipped, dead, dead_fields, pairs)

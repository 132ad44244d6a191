"""What each process of a replay does: read a block, send strays to their bucket, fold a bucket, merge runs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import cached_property
from operator import attrgetter
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec import field as default

from schemas.ids import EventTime, ShopperId
from streams import replay_folder
from streams.connected import connected
from streams.parts import Parts
from streams.replay_bucket import How, fold_bucket, pairs_of
from streams.replay_fold import Row, Totals
from streams.replay_read import Block, BlockRead, read_block
from streams.replay_rows import Hindsight, row_lines
from streams.spill import Buckets, Keyed, Memory, Placed, merge_runs, write_run
from streams.tagged import tags_of

#: The files that are merged from runs, one run per bucket.
MERGED = (replay_folder.PROFILES, replay_folder.DECISIONS, replay_folder.PROMOTIONS)
#: In the folder of temporary files: the keys whose events go to another bucket, {key: bucket}.
MOVES = "moves"
#: There as well: rows to learn from, as JSON.
ROWS = "rows"


class Flush(Struct, tag=True):
    """Write what waits in memory."""


class Sift(Struct, tag=True):
    """Send the events of a bucket whose key is connected to a shopper of another bucket there."""

    bucket: int


class Fold(Struct, tag=True):
    """Fold the events of a bucket, whose shoppers need nobody outside of it, and write its runs."""

    bucket: int
    as_of: EventTime


class Merge(Struct, tag=True):
    """Merge the runs of one of `MERGED`, or of `ROWS`, into the file `out`."""

    name: str
    out: str


class Folded(Struct, tag=True):
    """The `Totals` of one bucket, its rows left out; `columns`: the features of rows to learn from."""

    numbers: dict[str, int]
    counters: dict[str, dict[str, int]]
    columns: list[str] = default(default_factory=list)


class Done(Struct, tag=True):
    """Nothing to tell."""


Task = Block | Flush | Sift | Fold | Merge
Result = BlockRead | Folded | Done
task_of: Callable[[bytes], Task] = msgspec.msgpack.Decoder(Task).decode
result_of: Callable[[bytes], Result] = msgspec.msgpack.Decoder(Result).decode


class Work:
    """`folder` is for temporary files. Without several buckets, events stay in memory."""

    def __init__(self, how: How, parts: Parts, folder: Path, buckets: int, *, in_memory: bool) -> None:
        self._how = how
        self._parts = parts
        self._folder = folder
        self._events = Memory() if in_memory else Buckets(folder, buckets)
        strays = folder / "strays"
        strays.mkdir(exist_ok=True)
        self._strays = Buckets(strays, buckets)
        #: Told now and then how many events of the bucket at hand are folded.
        self.progress: Callable[[int], None] = lambda _: None

    def do(self, task: Task) -> Result:
        """Do one task."""
        match task:
            case Block():
                how = self._how
                return read_block(
                    task, how.sources[task.source], self._parts.border, how.wall_ms, self._events
                )
            case Flush():
                self._events.flush()
                self._strays.flush()
            case Sift():
                self._sift(task.bucket)
            case Fold():
                return self._fold(task.bucket, task.as_of)
            case Merge():
                runs = sorted(self._folder.glob(f"run-*-{task.name}"))
                with Path(task.out).open("wb") as file:
                    merge_runs(runs, file)
        return Done()

    @cached_property
    def _moves(self) -> dict[ShopperId, int]:
        path = self._folder / MOVES
        return msgspec.msgpack.decode(path.read_bytes(), type=dict[ShopperId, int]) if path.exists() else {}

    def _sift(self, bucket: int) -> None:
        for place, event in self._events.read(bucket):
            to = self._moves.get(event.envelope.shopper)
            if to is not None:
                self._strays.put(to, place, event)

    def _fold(self, bucket: int, as_of: EventTime) -> Folded:
        events = self._events.read(bucket)
        if moves := self._moves:
            events = [one for one in events if one[1].envelope.shopper not in moves]
            events = sorted((*events, *self._strays.read(bucket)), key=lambda one: one[0])
        tags = tags_of((event for _, event in events), self._parts)
        hindsight = self._hindsight(events, as_of)
        totals = Totals()
        lines = list(fold_bucket(events, self._how, self._parts, tags, as_of, totals, self.progress))
        lines.sort()
        rows = sorted(totals.rows, key=attrgetter("place"))
        self._write(bucket, replay_folder.PROFILES, lines)
        self._write(bucket, replay_folder.DECISIONS, _keyed((row, row.decision) for row in rows))
        self._write(bucket, replay_folder.PROMOTIONS, _keyed((row, row.promotion) for row in rows))
        folded = _without_rows(totals)
        if hindsight is not None and self._parts.campaigns is not None:
            columns: set[str] = set()
            decided = [row for row in rows if row.decision is not None]
            bodies = [row.decision for row in decided if row.decision is not None]
            learned = row_lines(bodies, hindsight, self._parts.campaigns, columns)
            self._write(bucket, ROWS, ((_key(row), line) for row, line in zip(decided, learned, strict=True)))
            folded.columns = sorted(columns)
        return folded

    def _hindsight(self, events: list[Placed], as_of: EventTime) -> Hindsight | None:
        if not self._how.rows:
            return None
        groups = connected(pairs_of(event for _, event in events))
        return Hindsight((event for _, event in events), groups, self._parts.policy, as_of)

    def _write(self, bucket: int, name: str, records: Iterable[Keyed]) -> None:
        # The number has leading zeros: runs are merged in the order of their names.
        write_run(self._folder / f"run-{bucket:03}-{name}", records)


def _keyed(lines: Iterable[tuple[Row, bytes | None]]) -> Iterator[Keyed]:
    for row, line in lines:
        if line is not None:
            yield _key(row), line + b"\n"


def _key(row: Row) -> bytes:
    # Unsigned and big-endian, or UTF-8: bytes then compare as what they stand for.
    return row.at.to_bytes(8, "big") + row.digest.to_bytes(6, "big") + row.shopper.encode()


def _without_rows(totals: Totals) -> Folded:
    numbers: dict[str, int] = {}
    counters: dict[str, dict[str, int]] = {}
    for part in fields(totals):
        value = getattr(totals, part.name)
        if isinstance(value, int):
            numbers[part.name] = value
        elif isinstance(value, Counter):
            counters[part.name] = value
    return Folded(numbers, counters)


def add_up(totals: Totals, folded: Folded) -> None:
    """Add the totals of one bucket."""
    for name, number in folded.numbers.items():
        setattr(totals, name, getattr(totals, name) + number)
    for name, counts in folded.counters.items():
        getattr(totals, name).update(counts)

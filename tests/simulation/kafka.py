"""One Kafka broker as lists: transactions with epochs, last stable offsets, committed offsets, one consumer group.

It does what a real one does: a transaction is finished marker by marker after its
commit was answered, offsets are seen later still, whoever initialises an id fences those before it, and a request
may take effect although its client never hears of it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any, TypeVar

from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced, RequestTimedOutError

from streams.chunk import Source
from tests.simulation.loop import OUTSIDE

T = TypeVar("T")
WALL_MS = 1_800_000_000_000


class Record:
    """One record as a consumer gets it. Undone ones are seen by nobody."""

    __slots__ = (
        "headers", "is_undone", "key", "offset", "partition", "timestamp", "timestamp_type", "topic", "value",
    )  # fmt: skip

    def __init__(self, place: Source, offset: int, key: Any, value: Any, headers: Any, at_ms: int) -> None:
        self.topic, self.partition = place
        self.offset = offset
        self.key = key
        self.value = value
        self.headers = headers
        self.timestamp = at_ms
        self.timestamp_type = 1
        self.is_undone = False


class Partition:
    """A log: records, and None for each marker. `open`: where each open transaction begins."""

    def __init__(self) -> None:
        self.log: list[Record | None] = []
        self.open: dict[str, list[Record]] = {}

    @property
    def stable(self) -> int:
        """The last stable offset."""
        return min((records[0].offset for records in self.open.values()), default=len(self.log))

    def seen(self) -> list[Record]:
        """Return what is committed."""
        return [each for each in self.log[: self.stable] if each is not None and not each.is_undone]


class Fetched:
    """What one fetch brought of one partition."""

    __slots__ = ("behind", "position", "records", "stable")

    def __init__(self, partition: Partition, position: int, count: int) -> None:
        self.stable = partition.stable
        self.records: list[Record] = []
        while position < self.stable and len(self.records) < count:
            entry = partition.log[position]
            position += 1
            if entry is not None and not entry.is_undone:
                self.records.append(entry)
        while position < self.stable and (partition.log[position] is None):
            position += 1
        self.position = position
        self.behind = len(partition.log)


class _Again(Exception):
    """The broker says: not yet; clients ask again."""


class _Owner:
    """The broker's side of one transactional id."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.epoch = -1
        self.state = "empty"
        self.serial = 0
        self.touched: list[Source] = []
        self.offsets: dict[Source, int] = {}
        self.left = 0


class Kafka:
    """The broker. `faults`: share of requests that fail, before or after they took effect."""

    def __init__(self, chance: Random, delay_s: float, timeout_s: float) -> None:
        self._chance = chance
        self._delay_s = delay_s
        self._timeout_s = timeout_s
        self._owners: dict[str, _Owner] = {}
        self._polls: list[Callable[[], None]] = []
        self.partitions: dict[Source, Partition] = {}
        self.committed: dict[Source, int] = {}
        self.faults = 0.0
        #: Committed offsets that went back.
        self.fallen: list[str] = []
        self.changes = 0
        #: When a partition number was taken over last.
        self.taken_s = 0.0
        self.loop = asyncio.get_running_loop()

    def partition(self, place: Source) -> Partition:
        """Return a log."""
        found = self.partitions.get(place)
        if found is None:
            found = self.partitions[place] = Partition()
        return found

    def append(self, place: Source, key: bytes, value: bytes, at_ms: int) -> int:
        """Take a record of a shop."""
        log = self.partition(place).log
        log.append(Record(place, len(log), key, value, (), at_ms))
        self._changed()
        return len(log) - 1

    async def ask(self, effect: Callable[[], T], *, may_fail: bool = False) -> T:
        """Send a request and wait for the answer; it takes effect in between, whatever becomes of its sender."""
        answer: asyncio.Future[T] = self.loop.create_future()
        fate = self._chance.random() / self.faults if may_fail and self.faults else 1.0
        self._later(lambda: self._arrive(effect, answer, fate))
        return await answer

    def _arrive(self, effect: Callable[[], T], answer: "asyncio.Future[T]", fate: float) -> None:
        if fate < 0.5:
            self._later(lambda: _fail(answer, RequestTimedOutError()))
            return
        try:
            result = effect()
        except _Again:
            self._later(lambda: self._arrive(effect, answer, fate))
        except KafkaError as error:
            found = error
            self._later(lambda: _fail(answer, found))
        else:
            if fate < 1.0:
                self._later(lambda: _fail(answer, RequestTimedOutError()))
            else:
                self._later(lambda: None if answer.done() else answer.set_result(result))

    def _later(self, what: Callable[[], object]) -> None:
        delay_s = self._delay_s * (20.0 if self._chance.random() < 0.02 else self._chance.random())
        self.loop.call_later(delay_s, what, context=OUTSIDE)

    def poll(
        self, positions: Mapping[Source, int], known: Mapping[Source, int], count: int
    ) -> "asyncio.Future[dict[Source, Fetched]]":
        """Fetch; the answer comes once there is news beyond `positions` and the stable offsets that are `known`."""
        answer: asyncio.Future[dict[Source, Fetched]] = self.loop.create_future()

        def look() -> None:
            if answer.done():
                return
            found = {place: Fetched(self.partition(place), at, count) for place, at in positions.items()}
            news = {
                place: each
                for place, each in found.items()
                if each.position > positions[place] or each.stable != known.get(place)
            }
            if news:
                self._later(lambda: None if answer.done() else answer.set_result(news))
            else:
                self._polls.append(look)

        self._later(look)
        return answer

    def _changed(self) -> None:
        self.changes += 1
        polls, self._polls = self._polls, []
        for look in polls:
            self._later(look)

    def init(self, name: str) -> tuple[int, int]:
        """Fence whoever had this id; undo what it left open, once it is finished answer with the new epoch."""
        owner = self._owners.get(name)
        if owner is None:
            owner = self._owners[name] = _Owner(len(self._owners))
        if owner.state == "open":
            owner.epoch += 1
            self._finish(name, owner, commits=False)
        if owner.state != "empty":
            raise _Again
        owner.epoch += 1
        self.taken_s = self.loop.time()
        return owner.number, owner.epoch

    def produce(self, name: str, epoch: int, place: Source, records: Sequence[tuple[Any, Any, Any]]) -> None:
        """Take records of a transaction."""
        self._enter(name, epoch)
        owner, partition = self._owners[name], self.partition(place)
        if place not in owner.touched:
            owner.touched.append(place)
            partition.open[name] = []
        for key, value, headers in records:
            record = Record(place, len(partition.log), key, value, headers, WALL_MS)
            partition.log.append(record)
            partition.open[name].append(record)

    def add_offsets(self, name: str, epoch: int, offsets: Mapping[Source, int]) -> None:
        """Take offsets of a transaction."""
        self._enter(name, epoch)
        self._owners[name].offsets.update(offsets)

    def commit(self, name: str, epoch: int) -> None:
        """Promise the commit; markers follow."""
        owner = self._check(name, epoch)
        if owner.state == "open":
            self._finish(name, owner, commits=True)

    def _enter(self, name: str, epoch: int) -> None:
        owner = self._check(name, epoch)
        if owner.state == "empty":
            owner.state = "open"
            owner.serial += 1
            serial = owner.serial
            self.loop.call_later(
                self._timeout_s, lambda: self._time_out(name, owner, serial), context=OUTSIDE
            )
        elif owner.state != "open":
            raise _Again

    def _check(self, name: str, epoch: int) -> _Owner:
        owner = self._owners[name]
        if owner.epoch != epoch:
            raise self._chance.choice((ProducerFenced, InvalidProducerEpoch))
        return owner

    def _time_out(self, name: str, owner: _Owner, serial: int) -> None:
        if owner.state == "open" and owner.serial == serial:
            owner.epoch += 1
            self._finish(name, owner, commits=False)

    def _finish(self, name: str, owner: _Owner, *, commits: bool) -> None:
        owner.state = "finishing"
        owner.left = len(owner.touched) + 1
        for place in owner.touched:
            self._later(lambda place=place: self._mark(name, owner, place, commits))  # type: ignore[misc]
        offsets = owner.offsets if commits else {}
        self._later(lambda: self._commit_offsets(owner, offsets))
        owner.touched, owner.offsets = [], {}

    def _mark(self, name: str, owner: _Owner, place: Source, commits: bool) -> None:
        partition = self.partitions[place]
        for record in partition.open.pop(name):
            record.is_undone = not commits
        partition.log.append(None)
        self._done(owner)

    def _commit_offsets(self, owner: _Owner, offsets: Mapping[Source, int]) -> None:
        for source, offset in offsets.items():
            before = self.committed.get(source, 0)
            if offset < before:
                self.fallen.append(f"offset of {source} fell from {before} to {offset}")
            self.committed[source] = offset
        self._done(owner)

    def _done(self, owner: _Owner) -> None:
        owner.left -= 1
        if not owner.left:
            owner.state = "empty"
        self._changed()

    def at_rest(self, sources: Iterable[Source]) -> bool:
        """Return whether nothing is open and all that is committed of the sources is done."""
        if any(owner.state != "empty" for owner in self._owners.values()):
            return False
        for source in sources:
            log, at = self.partition(source).log, self.committed.get(source, 0)
            if any(entry is not None and not entry.is_undone for entry in log[at:]):
                return False
        return True


def _fail(answer: "asyncio.Future[Any]", error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)

"""The consumer of a worker, as `streams.transport` has it: chunks, held back partitions, rewinds; and a reader of
the changelog as `streams.restore` uses it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from faust.types import TP

from schemas.topics import CHANGELOG
from streams.acks import Deliveries
from streams.chunk import Chunk
from streams.transport import ChunkScheduler
from tests.simulation.kafka import Fetched, Kafka, Record


class Delivered:
    """A chunk as it was handed out."""

    def __init__(self, consumer: "Consumer", value: Chunk) -> None:
        self._consumer = consumer
        self.value = value

    def ack(self) -> None:
        """Note it as durable."""
        self._consumer.done(self.value)


class Consumer:
    """Reads `topics`; `window` events of a partition may be unfinished."""

    def __init__(self, kafka: Kafka, topics: Sequence[str], window: int, fetch_max: int, deal: type) -> None:
        self._kafka = kafka
        self._topics = topics
        self._window = window
        self._fetch_max = fetch_max
        self._deal: ChunkScheduler = deal()
        self._positions: dict[TP, int] = {}
        self._stable: dict[TP, int] = {}
        self._held: set[TP] = set()
        self._poll: asyncio.Future[Any] | None = None
        self._flows = asyncio.Event()
        self._room = asyncio.Event()
        self._rewinds = 0
        self._sources: list[TP] = []
        self._thread = self  # what `streams.lags` asks for
        self.deliveries: Deliveries[TP] = Deliveries()
        self.between_assignments = True

    async def read(self, put: Callable[[Delivered], None]) -> None:
        """Hand chunks out for ever."""
        while True:
            await self._flows.wait()
            wanted = {tp: at for tp, at in self._positions.items() if tp not in self._held}
            if not wanted:
                self._room.clear()
                await self._room.wait()
                continue
            rewinds = self._rewinds
            self._poll = self._kafka.poll(wanted, self._stable, self._fetch_max)  # type: ignore[arg-type]
            fetched = await self._poll
            if rewinds == self._rewinds and self._flows.is_set():
                self._hand_out(fetched, put)

    def _hand_out(self, fetched: Mapping[TP, Fetched], put: Callable[[Delivered], None]) -> None:
        for tp, found in fetched.items():
            self._positions[tp] = found.position
            self._stable[tp] = found.stable
        records: dict[TP, list[Any]] = {tp: list(found.records) for tp, found in fetched.items()}
        for tp, chunk in self._deal.iterate({tp: some for tp, some in records.items() if some}):
            chunk.delivery = self.deliveries.deliver(tp, len(chunk.records))
            chunk.behind = fetched[tp].behind - chunk.offset - 1
            if self.deliveries.waiting(tp) >= self._window:
                self._held.add(tp)
            put(Delivered(self, chunk))

    def done(self, chunk: Chunk) -> None:
        """Let a partition flow again once enough of it is durable."""
        assert chunk.delivery is not None
        chunk.delivery.ack()
        tp = TP(*chunk.source)
        if tp in self._held and self.deliveries.waiting(tp) <= self._window // 2:
            self._held.discard(tp)
            self._wake()

    def assign(self, numbers: Iterable[int]) -> None:
        """Take partitions over; nothing flows yet."""
        self._sources = [TP(topic, number) for number in sorted(numbers) for topic in self._topics]
        self._positions, self._stable = {}, {}
        self.between_assignments = False

    async def rewind(self) -> None:
        """Go to the committed offsets."""
        sources = self._sources
        committed = await self._kafka.ask(lambda: {tp: self._kafka.committed.get(tp, 0) for tp in sources})
        if sources is self._sources:
            self._rewinds += 1
            self.forget()
            self._positions = committed

    def start_flow(self) -> None:
        """Hand out."""
        self._flows.set()
        self._wake()

    def stop_flow(self) -> None:
        """Hand nothing out."""
        self._flows.clear()

    def forget(self) -> None:
        """Forget what was handed out."""
        self.deliveries.forget_all()
        self._held.clear()

    def _wake(self) -> None:
        self._room.set()
        if self._poll is not None and not self._poll.done():
            self._poll.set_result({})

    # What `streams.lags.has_read_all` asks.
    def _ensure_consumer(self) -> "Consumer":
        return self

    def _is_changelog_tp(self, tp: TP) -> bool:
        return bool(tp.topic == CHANGELOG.name)

    def assignment(self) -> list[TP]:
        """Return the partitions that are ours."""
        return self._sources

    def last_stable_offset(self, tp: TP) -> int | None:
        """Return what the last fetch said."""
        return self._stable.get(tp)

    def highwater(self, tp: TP) -> int | None:
        """Return what the last fetch said."""
        return self._stable.get(tp)

    def read_to(self, tp: TP) -> int | None:
        """Return the offset up to which nothing is left to do."""
        return None if self.deliveries.waiting(tp) else self._positions.get(tp)


class ChangelogReader:
    """What `streams.restore.read_back` uses of aiokafka's consumer."""

    def __init__(self, kafka: Kafka, fetch_max: int) -> None:
        self._kafka = kafka
        self._fetch_max = fetch_max
        self._positions: dict[Any, int] = {}

    def assign(self, partitions: Sequence[Any]) -> None:
        """Take them over."""

    async def end_offsets(self, partitions: Sequence[Any]) -> dict[Any, int]:
        """Return the last stable offsets."""
        return await self._kafka.ask(lambda: {tp: self._kafka.partition(tp).stable for tp in partitions})

    async def beginning_offsets(self, partitions: Sequence[Any]) -> dict[Any, int]:
        """Return where they begin."""
        return dict.fromkeys(partitions, 0)

    def seek(self, tp: Any, offset: int) -> None:
        """Go there."""
        self._positions[tp] = offset

    async def position(self, tp: Any) -> int:
        """Return where the next fetch begins."""
        return self._positions[tp]

    async def getmany(self, *partitions: Any, timeout_ms: int, max_records: int) -> dict[Any, list[Record]]:
        """Fetch some."""
        found = await self._kafka.ask(
            lambda: {
                tp: Fetched(self._kafka.partition(tp), self._positions[tp], self._fetch_max)
                for tp in partitions
            }
        )
        for tp, each in found.items():
            self._positions[tp] = each.position
        return {tp: each.records for tp, each in found.items() if each.records}

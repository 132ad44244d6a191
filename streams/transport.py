"""Faust's own consumer, with one message per chunk of a partition instead of one per record.

Stock Faust makes four asyncio tasks per record; here a chunk (one partition, one fetch, up to `chunk_max`
records) is one message, so the rest of Faust works as ever at a hundredth of the cost. Faust commits nothing: the
lanes do, in their transactions. Two faults of the stock consumer are mended on the way, each where it is noted:
records fetched before a seek are never delivered after it, and a partition that was never committed is rewound
like any other.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import aiokafka
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP, AppT, ConsumerMessage, Message
from yarl import URL

from streams.acks import Deliveries
from streams.chunk import Chunk, Source

#: A waiting fetch keeps the next one to the same broker waiting too: Faust's 1.5 s would be the latency of
#: a partition whose neighbours are silent.
FETCH_WAIT_MS = 100
#: While a partition is held back, its return must not wait for the others' next records.
HELD_BACK_WAIT_S = 0.02
_CHANGELOG_CHUNK = 10_000


class ChunkScheduler(DefaultSchedulingStrategy):
    """Deals chunks out, round robin over partitions (Faust's setting ConsumerScheduler)."""

    chunk_max = 1000

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Chunk]]:
        """Yield every record once, in its partition's order."""
        start = 0
        while records:
            size = self.chunk_max
            for tp, found in records.items():
                if start < len(found):
                    own = TP(tp.topic, tp.partition)  # aiokafka's pair is of another type
                    yield own, Chunk(own, found[start : start + size])
            start += size
            records = {tp: found for tp, found in records.items() if start < len(found)}


class Fetched(dict[Any, Any]):
    """Records of one fetch, with the number of seeks that came before it."""

    def __init__(self, records: Mapping[Any, Any], seeks: int) -> None:
        super().__init__(records)
        self.seeks = seeks


class LaneThread(driver.AIOKafkaConsumerThread):
    """The thread of the Kafka consumer: seeks and fetches happen here, one after the other."""

    #: Counts seeks; a fetch carries the count, so that what was read before a seek is known as stale.
    seeks = 0

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust has no settings for these. `beckon.internal` is written in transactions.
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(self, *args: Any, **options: Any) -> Mapping[Any, Any]:
        return Fetched(await super()._fetch_records(*args, **options), self.seeks)

    async def _seek_wait(self, consumer: aiokafka.AIOKafkaConsumer, partitions: Mapping[TP, int]) -> None:
        self.seeks += 1  # the stock method seeks before its first await
        await super()._seek_wait(consumer, partitions)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Rewind every source partition to its committed offset, or to its start.

        The stock method leaves a partition without a commit where a discarded fetch has moved it.
        """
        rewound: Mapping[TP, int] = await self.call_thread(self._rewind)
        return rewound

    async def _rewind(self) -> Mapping[TP, int]:
        consumer = self._ensure_consumer()
        changelogs = self.app.tables.changelog_topics
        sources = [tp for tp in consumer.assignment() if tp.topic not in changelogs]
        offsets = await asyncio.gather(*(consumer.committed(tp) for tp in sources))
        committed = dict(zip(sources, offsets, strict=True))
        fresh = [tp for tp, offset in committed.items() if offset is None]
        starts = await consumer.beginning_offsets(fresh) if fresh else {}
        # We restore with a consumer of our own; this one would fetch what nobody takes.
        consumer.pause(*(tp for tp in consumer.assignment() if tp.topic in changelogs))
        self.seeks += 1  # together with the seeks: no await, so no fetch, in between
        for tp in sources:
            offset = committed[tp]
            consumer.seek(tp, starts[tp] if offset is None else offset)
        return {TP(tp.topic, tp.partition): offset for tp, offset in committed.items() if offset is not None}

    def position(self, tp: TP) -> int | None:
        """Return the offset that is fetched next, beyond markers of transactions; None when nobody knows."""
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        if assignment is None:
            return None
        state = assignment.state_value(TopicPartition(tp.topic, tp.partition))
        return None if state is None else state._position


class LaneConsumer(driver.Consumer):
    """Hands chunks out, holds a partition back while too much of it is not durable, commits nothing."""

    def __init__(self, transport: "LaneTransport", *args: Any, **options: Any) -> None:
        super().__init__(transport, *args, **options)
        self.deliveries: Deliveries[TP] = Deliveries()
        self._lanes = transport
        self._seeks = 0
        self._room = asyncio.Event()
        #: From the loss of partitions to the next assignment: nothing may be opened again in between.
        self.between_assignments = False
        #: The broker's time of the last record done, per partition, in ms (`streams.lags`).
        self.done_ms: dict[TP, int] = {}

    def _new_consumer_thread(self) -> LaneThread:
        return LaneThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        if self._buffered_partitions:
            timeout = HELD_BACK_WAIT_S
        fetched: Any = await super()._getmany(active_partitions, timeout)
        seeks = fetched.seeks if isinstance(fetched, Fetched) else 0
        if seeks != self._thread.seeks:
            return {}
        if seeks != self._seeks:
            self._seeks = seeks
            self._forget_deliveries()
        return fetched

    async def _wait_next_records(self, timeout: float) -> Any:
        if self.flow_active and self._buffered_partitions and not self._get_active_partitions():
            # The stock method would sleep a whole second here.
            self._room.clear()
            await self.wait(self._room.wait(), timeout=timeout)
        return await super()._wait_next_records(timeout)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if isinstance(record, Chunk) and not self._is_changelog_tp(tp):
            record.delivery = self.deliveries.deliver(tp, len(record.records))
            record.behind = (self.highwater(tp) or 0) - record.offset - 1
            if self.deliveries.waiting(tp) >= self._lanes.window:
                self.on_buffer_full(tp)
        return super()._to_message(tp, record)

    def ack(self, message: Message) -> bool:
        """Note a chunk as durable, its offset with it."""
        chunk: Any = message.value
        if not isinstance(chunk, Chunk) or chunk.delivery is None:
            return bool(super().ack(message))
        message.acked = True
        self._unacked_messages.discard(message)
        chunk.delivery.ack()
        tp = message.tp
        self.done_ms[tp] = chunk.timestamp
        self._committed_offset[tp] = chunk.offset + 1
        if tp in self._buffered_partitions and self.deliveries.waiting(tp) <= self._lanes.window // 2:
            self.on_buffer_drop(tp)
            self._room.set()
        return True

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let the lanes commit what they have computed before others get it."""
        self.between_assignments = True
        self.stop_flow()
        await self._lanes.hooks.finish()
        self._forget_deliveries()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note that partitions are ours again; the stock method starts their recovery."""
        self.between_assignments = False
        await super().on_partitions_assigned(assigned, generation_id)

    async def commit_offsets(self, offsets: Mapping[Source, int]) -> None:
        """Commit as a member of the group, without a transaction."""
        await self._commit({TP(*source): offset for source, offset in offsets.items()})

    def read_to(self, tp: TP) -> int | None:
        """Return the offset up to which nothing is left to do; None while something is, or nobody knows."""
        return None if self.deliveries.waiting(tp) else self._thread.position(tp)

    def _forget_deliveries(self) -> None:
        self.deliveries.forget_all()
        self.done_ms.clear()
        for tp in list(self._buffered_partitions):
            self.on_buffer_drop(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Offsets between chunks need no book: a chunk knows where it ends."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:
        return ()  # nothing is Faust's to commit


class LaneProducer(driver.Producer):
    """Faust's producer, idempotent; only used without transactions (`streams.plain_log`)."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class Hooks:
    """What Faust's parts ask of the worker; replaced by the worker once it exists."""

    async def finish(self) -> None:
        """Commit or drop what is under way; return when nothing is."""

    async def restore(self, numbers: set[int]) -> None:
        """Take over these partition numbers and bring their profiles back."""


class LaneTransport(driver.Transport):
    """Ties the classes above together. `window`: events of one partition that may be unfinished."""

    Consumer = LaneConsumer
    Producer = LaneProducer

    def __init__(self, urls: list[URL], app: AppT, window: int) -> None:
        super().__init__(urls, app)
        self.window = window
        self.hooks: Any = Hooks()


def scheduler(chunk_max: int) -> type[ChunkScheduler]:
    """Return a scheduler class for chunks of at most `chunk_max` records."""
    return type("ChunkScheduler", (ChunkScheduler,), {"chunk_max": chunk_max})

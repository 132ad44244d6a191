"""aiokafka's transactional producer on the simulated broker, as far as `streams.fences` and `streams.outputs` use it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka.errors import KafkaError

from tests.simulation.kafka import Kafka


class Batch:
    """Records on their way, as aiokafka's builder."""

    def __init__(self) -> None:
        self.records: list[tuple[Any, Any, Any]] = []

    def append(self, *, key: Any, value: Any, timestamp: None, headers: Any) -> bool:
        """Take one more; it always fits."""
        self.records.append((key, value, tuple(headers)))
        return True

    def close(self) -> None:
        """Nothing more comes."""


class Producer:
    """What the lanes use of aiokafka's transactional producer, and how it behaves."""

    def __init__(self, kafka: Kafka, name: str) -> None:
        self._kafka = kafka
        self._name = name
        self._txn_manager = self
        self.producer_id = self.producer_epoch = -1
        self._is_dead = False

    async def start(self) -> None:
        """Initialise the id."""
        self.producer_id, self.producer_epoch = await self._kafka.ask(lambda: self._kafka.init(self._name))

    async def stop(self) -> None:
        """Let go."""

    async def begin_transaction(self) -> None:
        """The broker hears of it with the first record."""
        assert not self._is_dead  # as aiokafka answers any use after a failure

    def create_batch(self) -> Batch:
        """Return room for records."""
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[None]":
        """Return a future of the acknowledgement."""
        place, epoch = (topic, partition), self.producer_epoch
        return asyncio.ensure_future(
            self._ask(lambda: self._kafka.produce(self._name, epoch, place, batch.records))
        )

    async def send_offsets_to_transaction(self, offsets: Mapping[Any, int], group: str) -> None:
        """Add offsets."""
        named = {(tp.topic, tp.partition): offset for tp, offset in offsets.items()}
        await self._ask(lambda: self._kafka.add_offsets(self._name, self.producer_epoch, named))

    async def commit_transaction(self) -> None:
        """Commit."""
        await self._ask(lambda: self._kafka.commit(self._name, self.producer_epoch))

    async def _ask(self, effect: Callable[[], None]) -> None:
        try:
            await self._kafka.ask(effect, may_fail=True)
        except KafkaError:
            self._is_dead = True
            raise

"""A worker as a process of the simulation: the lanes and what they stand on are the real ones.

What `streams.worker` and Faust do around them is retold here in a few lines: join, fence, restore, rewind, open the
lanes; finish them before partitions are given up.
"""

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn

from aiokafka.structs import TopicPartition
from faust.types import TP
from msgspec import Struct

from schemas.topics import CHANGELOG
from streams.fences import Fences
from streams.lags import has_read_all
from streams.lanes import Ground, Lanes
from streams.metrics import Metrics
from streams.reading import Rules
from streams.restore import read_back
from streams.settings import KafkaSettings, WorkerSettings
from streams.store import ProfileStore
from tests.simulation.consumer import ChangelogReader, Consumer
from tests.simulation.group import Group, Member
from tests.simulation.kafka import WALL_MS, Kafka
from tests.simulation.loop import Process
from tests.simulation.producer import Producer

FINISH_S = 0.5
_APP = "beckon"
_KAFKA = KafkaSettings()
_METRICS = Metrics()


class Ended(BaseException):
    """The process has ended; nothing of it runs after this."""


class SimulatedFences(Fences):
    """The fences on a simulated broker."""

    def __init__(self, kafka: Kafka) -> None:
        super().__init__(_KAFKA, "", _APP)
        self._kafka = kafka

    def _producer(self, number: int) -> Any:
        return Producer(self._kafka, f"{_APP}-p{number}")


class Machine(Struct):
    """What all workers of a run share."""

    kafka: Kafka
    group: Group
    rules: Callable[[], Rules]
    settings: WorkerSettings
    topics: tuple[str, ...]
    fetch_max: int
    deal: type
    lanes: type[Lanes]
    fences: type[SimulatedFences]


class SimulatedWorker:
    """One process. `has_begun`: it can be stopped; `ends`: why it ended by itself, in words."""

    def __init__(self, machine: Machine, store: ProfileStore, process: Process) -> None:
        self.process = process
        self.member = Member(process)
        self.ends: str | None = None
        self._machine = machine
        self._store = store
        self.has_begun = False
        self._stopping = False

    async def run(self) -> None:
        """Live until the process ends."""
        try:
            await self._live()
        except Exception as error:  # noqa: BLE001 - as Faust: a crash ends the worker
            self._end(error)

    async def stop(self) -> None:
        """Stop as after SIGTERM."""
        self._stopping = True
        self._consumer.stop_flow()
        await self._lanes.finish()
        await self._fences.close()
        self.process.has_ended = True
        self._machine.group.leave(self.member)

    async def _live(self) -> None:
        machine = self._machine
        window = machine.settings.batch_events * machine.settings.lane_queue
        self._consumer = consumer = Consumer(
            machine.kafka, machine.topics, window, machine.fetch_max, machine.deal
        )
        loop = asyncio.get_running_loop()
        self._fences = machine.fences(machine.kafka)
        self._lanes = machine.lanes(
            Ground(
                rules=machine.rules,
                settings=machine.settings,
                metrics=_METRICS,
                store=lambda: self._store,
                stop=self._end,
                has_read_all=lambda number: has_read_all(consumer, number),
                finish_s=FINISH_S,
                wall_s=lambda: WALL_MS / 1000 + loop.time(),
            )
        )
        self.has_begun = True
        asyncio.create_task(consumer.read(self._lanes.put))  # noqa: RUF006 - it lives as long as the process
        recovery: asyncio.Task[None] | None = None
        while True:
            numbers = await machine.group.join(self.member)
            await self._store.on_rebalance({TP(CHANGELOG.name, number) for number in numbers}, set(), set())
            consumer.assign(numbers)
            if recovery is not None:
                recovery.cancel()
                await asyncio.wait([recovery])
            recovery = asyncio.create_task(self._recover(numbers))
            await self.member.told.wait()
            consumer.between_assignments = True
            consumer.stop_flow()
            await self._lanes.finish()
            consumer.forget()

    async def _recover(self, numbers: set[int]) -> None:
        store = self._store
        try:
            logs, ours = await self._fences.take(numbers)
            missing = [TopicPartition(CHANGELOG.name, number) for number in numbers - (ours & store.complete)]
            if missing:
                reader = ChangelogReader(self._machine.kafka, self._machine.fetch_max)
                await read_back(reader, sorted(missing), store, lambda _: None)
            await self._open(logs)
        except Exception as error:  # noqa: BLE001 - nothing of it can be mended
            self._end(error)

    async def _open(self, logs: Any) -> None:
        consumer = self._consumer
        if consumer.between_assignments:
            return
        consumer.stop_flow()
        await consumer.rewind()
        if consumer.between_assignments or self._stopping:
            return
        self._lanes.start(logs)
        consumer.start_flow()

    def _end(self, error: BaseException) -> NoReturn:
        self.process.has_ended = True
        self.ends = f"{type(error).__name__}: {error}"
        self._machine.group.watch(self.member)
        raise Ended

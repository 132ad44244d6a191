"""One run: a day of a shop, workers, and everything that can go wrong, all from one seed; then peace, then the truth."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from msgspec import Struct

from schemas.topics import CLICKS, IDENTITIES, INTERNAL
from streams import batch, group, lanes
from streams.app import add_table, build_app
from streams.group import Group
from streams.lanes import Lane, Lanes
from streams.partitioner import partition_of
from streams.parts import Parts
from streams.reading import Rules
from streams.settings import WorkerSettings, load
from streams.store import ProfileStore
from streams.ticks import IDLE_S
from streams.transport import ChunkScheduler, scheduler
from tests.simulation.checks import problems_of
from tests.simulation.group import Group as Members
from tests.simulation.kafka import WALL_MS, Kafka
from tests.simulation.loop import Process, SimulatedLoop, Stuck
from tests.simulation.shop import (
    EVENTS_ONLY,
    WITH_TIMERS,
    Sent,
    SlowTagger,
    day_of,
    parts_with,
    replay,
)
from tests.simulation.worker import Machine, SimulatedFences, SimulatedWorker

_TOPICS = (CLICKS.name, IDENTITIES.name, INTERNAL.name)
#: Shops are done before a lane can take silence for the end of the day.
_OPEN_S = min(2.0, IDLE_S - 1.0)
_PEACE_S = 60.0
_STEPS_MAX = 60_000
_DEALS: dict[int, type[ChunkScheduler]] = {size: scheduler(size) for size in (1, 2, 5, 20)}


class Planted(Struct, frozen=True):
    """The classes that a run is made of; those with a fault are there to prove that it is found."""

    lanes: type[Lanes] = Lanes
    fences: type[SimulatedFences] = SimulatedFences
    lane: type[Lane] = Lane
    group: type[Group] = Group


SOUND = Planted()


class Report(Struct):
    """What a run came to; `problems` empty: all is as it must be. `ended`: workers that ended by themselves."""

    seed: int
    problems: list[str]
    events: int
    steps: int
    seconds: float
    faults: list[str]
    ended: list[str]


class Stores:
    """Stores as Faust makes them; making an app takes longer than a run, so there is one."""

    def __init__(self, folder: str) -> None:
        settings = load({"models.tags": "", "worker.data_dir": folder})
        self._app = build_app(settings)
        self._table = add_table(self._app, settings)

    def new(self) -> ProfileStore:
        """Return an empty one."""
        return ProfileStore("memory://", self._app, self._table)


def simulate(seed: int, stores: Stores, planted: Planted = SOUND) -> Report:
    """Run one seed."""
    chance = Random(seed)
    loop = SimulatedLoop(chance)
    asyncio.set_event_loop(loop)
    try:
        with _bounds(chance, planted):
            report = loop.run_until_complete(_report(seed, chance, stores, planted, loop))
    finally:
        asyncio.set_event_loop(None)
        loop._ready.clear()
        loop._scheduled.clear()
        loop.close()
    return report


async def _report(seed: int, chance: Random, stores: Stores, planted: Planted, loop: SimulatedLoop) -> Report:
    return await _Run(seed, chance, stores, planted, loop).report()


@contextmanager
def _bounds(chance: Random, planted: Planted) -> Iterator[None]:
    """Small groups and a small memory of decoded profiles in some runs; events named poison fail in all."""
    before = group.EVENTS_MAX, lanes.DECODED_MAX, batch.step, lanes.Lane, lanes.Group
    lanes.Lane, lanes.Group = planted.lane, planted.group  # type: ignore[misc]
    step: Callable[..., Any] = batch.step

    def failing(profile: Any, event: Any, *rest: Any) -> Any:
        done = step(profile, event, *rest)
        if event.envelope.message_id.startswith("poison"):
            raise ValueError("a fault of ours")
        return done

    batch.step = failing  # type: ignore[assignment]
    group.EVENTS_MAX = chance.choice((before[0], 2, 6))
    lanes.DECODED_MAX = chance.choice((before[1], 2, 6))
    try:
        yield
    finally:
        group.EVENTS_MAX, lanes.DECODED_MAX, batch.step, lanes.Lane, lanes.Group = before  # type: ignore[misc]


class _Run:
    def __init__(
        self, seed: int, chance: Random, stores: Stores, planted: Planted, loop: SimulatedLoop
    ) -> None:
        self._seed = seed
        self._chance = chance
        self._stores = stores
        self._loop = loop
        self._has_timers = chance.random() < 0.15
        self._campaigns = WITH_TIMERS if self._has_timers else EVENTS_ONLY
        self._partitions = chance.choice((1, 2, 2, 3, 4))
        self._tagger = SlowTagger(chance, asyncio.sleep, 0.02) if chance.random() < 0.4 else None
        self._switch = 0
        self._is_guarded = chance.random() < 0.5  # transactions alone must do it
        self._rules = self._rules_now()
        self._workers: list[SimulatedWorker] = []
        self._faults: list[str] = []
        self._ended: list[str] = []
        self._broken: list[tuple[str, int, int]] = []
        self._is_open = True
        kafka = Kafka(chance, chance.choice((0.002, 0.01, 0.03)), chance.choice((0.4, 3.0)))
        size = chance.choice((1, 2, 5, 20))
        self._machine = Machine(
            kafka,
            Members(chance, self._partitions, session_s=0.6),
            lambda: self._rules,
            WorkerSettings(batch_events=size, lane_queue=chance.choice((1, 2, 12)), failed_stop_share=1.0),
            _TOPICS,
            chance.choice((1, 3, 30)),
            _DEALS[size],
            planted.lanes,
            planted.fences,
        )

    async def report(self) -> Report:
        """Run, and look at what is left."""
        kafka, chance = self._machine.kafka, self._chance
        sent, wanted = day_of(chance, chance.randint(8, 30))
        broken: list[str] = []
        try:
            for _ in range(chance.randint(1, 3)):
                self._start()
            supervisor = asyncio.ensure_future(self._supervise())
            faults = asyncio.ensure_future(self._disturb())
            await self._send(sent)
            await faults
            self._machine.kafka.faults = 0.0
            if self._tagger is not None:
                self._tagger.fails = 0.0
            await self._peace()
            supervisor.cancel()
        except Stuck:
            broken.append("everybody waits for somebody")
        if not broken:
            if not self._is_done():
                broken.append("it never came to an end")
            else:
                broken += problems_of(kafka, wanted, replay(wanted.events, self._campaigns[0]), self._broken)
        return Report(
            self._seed,
            broken,
            len(sent),
            self._loop.steps,
            self._loop.time(),
            self._faults,
            [worker.ends for worker in self._workers if worker.ends],
        )

    def _rules_now(self) -> Rules:
        parts: Parts = parts_with(self._campaigns[self._switch], self._tagger)
        return Rules(parts, self._partitions, self._is_guarded, "")

    def _start(self) -> None:
        process = Process(f"worker {len(self._workers)}")
        worker = SimulatedWorker(self._machine, self._stores.new(), process)
        self._workers.append(worker)
        process.start(worker.run())

    def _living(self) -> list[SimulatedWorker]:
        return [worker for worker in self._workers if not worker.process.has_ended]

    async def _send(self, sent: Sequence[Sent]) -> None:
        pause_s = self._chance.random() * _OPEN_S / len(sent)
        for record in sent:
            if self._chance.random() < 0.3:
                await asyncio.sleep(pause_s)
            key = record.key.encode()
            number = partition_of(key, self._partitions)
            if record.is_stray:
                number = self._chance.randrange(self._partitions)
            offset = self._machine.kafka.append((record.topic, number), key, record.value, WALL_MS)
            if record.is_broken:
                self._broken.append((record.topic, number, offset))

    async def _supervise(self) -> None:
        """Start a worker for each that ended, some time later."""
        wanted = len(self._workers)
        while True:
            await asyncio.sleep(0.05 + 0.3 * self._chance.random())
            for worker in self._workers:
                if worker.process.has_ended:
                    self._machine.group.watch(worker.member)
            if len(self._living()) < wanted:
                self._start()

    async def _disturb(self) -> None:
        chance = self._chance
        if chance.random() < 0.3:
            self._machine.kafka.faults = chance.choice((0.01, 0.05))
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            await asyncio.sleep(chance.random() * 1.2)
            living = [worker for worker in self._living() if not worker.process.is_paused]
            if not living:
                continue
            worker = chance.choice(living)
            fault = chance.choice((self._crash, self._pause, self._stop, self._join, self._switch_campaigns))
            self._faults.append(f"{self._loop.time():.3f} s: {fault.__name__[1:]} {worker.process.name}")
            fault(worker)

    def _crash(self, worker: SimulatedWorker) -> None:
        worker.process.steps_left = self._chance.randrange(40)

    def _pause(self, worker: SimulatedWorker) -> None:
        process = worker.process
        process.is_paused = True
        self._machine.group.watch(worker.member)
        self._loop.call_later(self._chance.random() * 2.0, self._loop.go_on, process)

    def _stop(self, worker: SimulatedWorker) -> None:
        if worker.has_begun:
            worker.process.start(worker.stop())

    def _join(self, worker: SimulatedWorker) -> None:
        self._start()

    def _switch_campaigns(self, worker: SimulatedWorker) -> None:
        self._switch = 1 - self._switch
        self._rules = self._rules_now()

    def _is_done(self) -> bool:
        sources = [(topic, number) for topic in _TOPICS for number in range(self._partitions)]
        return self._machine.kafka.at_rest(sources)

    async def _peace(self) -> None:
        """Wait until all is done, and silent shoppers have had their ticks."""
        kafka, time = self._machine.kafka, self._loop.time
        silent_s = IDLE_S + 1.5 if self._has_timers else 0.0
        until_s, changes, busy_s = time() + _PEACE_S, -1, time()
        while time() < until_s:
            is_still, changes = changes == kafka.changes, kafka.changes
            if not self._is_done():
                busy_s = time()
            elif is_still and time() >= max(busy_s, kafka.taken_s) + silent_s:
                return
            await asyncio.sleep(0.6 if self._has_timers else 0.1)

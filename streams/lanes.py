"""Lanes: one per partition number, for all source topics; all that happens to a shopper happens in one.

The agent hands chunks over; a lane takes what is queued, up to a bound, as one batch, so batches are small when
little happens and large under a backlog. Two tasks share a lane: one computes batches into an open group while the
other writes the last group as one atomic step (`streams.atomic`), at a pace of its own (`streams.pace`).

A lane never lets an exception out. What it cannot get over ends the process, whatever it is: memory is ahead of the
log then, and nothing in it is worth saving.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from schemas.errors import BeckonError
from streams import atomic, reading
from streams.atomic import Log
from streams.batch import NO_TEXTS, TagsOfBatch
from streams.counting import Shares, count_batch, count_group
from streams.group import Delivered, Group, Work
from streams.metrics import Metrics
from streams.pace import gap_s
from streams.reading import Read, Rules
from streams.settings import WorkerSettings
from streams.shard import Shard
from streams.store import ProfileStore
from streams.ticks import Ticks

#: Profiles kept decoded, over all lanes: about 2 kB each.
DECODED_MAX = 200_000


@dataclass(frozen=True)
class Ground:
    """What lanes stand on. `rules` may change between two batches; `stop` ends the process.

    `has_read_all` says of a partition number that nothing of its sources waits; `wall_s` is the clock on the wall, in
    seconds.
    """

    rules: Callable[[], Rules]
    settings: WorkerSettings
    metrics: Metrics
    store: Callable[[], ProfileStore]
    stop: Callable[[BaseException], NoReturn]
    has_read_all: Callable[[int], bool]
    finish_s: float
    wall_s: Callable[[], float] = time.time


class Lane:
    """One partition number. `lanes`: how many the worker has."""

    def __init__(self, ground: Ground, shard: Shard, log: Log, shares: Shares, lanes: int) -> None:
        self._ground = ground
        self._shard = shard
        self._log = log
        self._shares = shares
        self._lanes = lanes
        self._queue: deque[Delivered] = deque()
        self._group = Group(shard)
        self._filled = asyncio.Event()  # the queue holds something
        self._begun = asyncio.Event()  # the open group holds something
        self._hurried = asyncio.Event()  # the open group is to be written now
        self._swapped = asyncio.Event()  # another group was opened
        self._written = asyncio.Event()  # nothing is open, nothing under way
        self._written.set()
        self._loop = asyncio.get_running_loop()
        self._ticks = Ticks(shard, self._loop.time())
        #: Loop time at which the batch, or the step, under way began; None between them.
        self._computing_since: float | None = None
        self._writing_since: float | None = None
        self._earliest_s = 0.0
        self._computer = asyncio.create_task(self._guarded(self._compute), name=f"lane-{shard.number}")
        self._writer = asyncio.create_task(self._guarded(self._write), name=f"lane-{shard.number}-log")

    def put(self, delivered: Delivered) -> None:
        """Queue a chunk; the consumer keeps the queue bounded."""
        self._queue.append(delivered)
        self._filled.set()

    def waiting(self) -> int:
        """Return how many events are queued."""
        return sum(len(delivered.value.records) for delivered in self._queue)

    def busy_for(self) -> float:
        """Return for how many seconds the batch or step under way has been so; from any thread."""
        since = [at for at in (self._computing_since, self._writing_since) if at is not None]
        return self._loop.time() - min(since) if since else 0.0

    async def finish(self, patience_s: float) -> None:
        """End the lane: drop what is queued and the batch that waits for a model, write what is computed.

        A step that does not become durable in time stops the process: nobody could tell afterwards whether it has.
        """
        self._queue.clear()
        self._computer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._computer
        self._hurried.set()
        try:
            await asyncio.wait_for(self._written.wait(), patience_s)
        except asyncio.TimeoutError:
            self._ground.stop(
                BeckonError(
                    f"lane {self._shard.number}",
                    f"lost its partition and could not commit within {patience_s:.0f} s",
                    "what was begun is undone and will be done again; look at the brokers",
                )
            )
        self._writer.cancel()

    async def _guarded(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await run()
        except Exception as error:  # nothing leaves a lane but the end of the process
            self._ground.stop(error)

    async def _compute(self) -> None:
        while True:
            if not self._queue:
                await self._until_turn()
            if self._group.is_full:
                self._swapped.clear()
                await self._swapped.wait()
            self._computing_since = self._loop.time()
            if self._queue:
                await self._process(self._take())
            else:
                self._turn()
            self._computing_since = None

    async def _until_turn(self) -> None:
        """Wait for a chunk, but not beyond the next turn."""
        # Not `wait_for`: it forgets that it was cancelled where a chunk comes at the same moment.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._ticks.until_turn_s(self._loop.time())):
                await self._filled.wait()

    def _turn(self) -> None:
        """Tell the ticks that are due, where the lane has nothing else to do."""
        ground, now_s = self._ground, self._loop.time()
        rules = ground.rules()
        self._ticks.look(rules, now_s)
        if not ground.has_read_all(self._shard.number):
            return
        ticks = self._ticks.due(rules, now_s, round(ground.wall_s() * 1000))
        if ticks:
            self._group.tell(ticks)
            self._begin()

    def _begin(self) -> None:
        """The open group holds something now."""
        self._begun.set()
        self._written.clear()
        if self._group.is_full:
            self._hurried.set()

    def _take(self) -> list[Delivered]:
        taken = [self._queue.popleft()]
        room = self._ground.settings.batch_events - len(taken[0].value.records)
        while self._queue and len(self._queue[0].value.records) <= room:
            taken.append(self._queue.popleft())
            room -= len(taken[-1].value.records)
        if not self._queue:
            self._filled.clear()
        return taken

    async def _process(self, taken: list[Delivered]) -> None:
        ground, clock = self._ground, time.perf_counter
        rules = ground.rules()  # taken once: what a batch is decided by does not change under it
        started = clock()
        found = reading.read([delivered.value for delivered in taken], rules)
        decoded = clock()
        tags = await self._tags(found, rules)
        tagged = clock()
        # From here to the end nothing is awaited: the group is complete whenever another task looks at it.
        result = self._group.apply(Work(taken, found, tags, rules, round(ground.wall_s() * 1000)))
        self._shares.count(found, result)
        stages = {"decode": decoded - started, "tag": tagged - decoded, "apply": clock() - tagged}
        count_batch(ground.metrics, found, result, stages)
        self._ticks.hear(found, result.touched, rules, self._loop.time())
        self._begin()

    async def _tags(self, found: Read, rules: Rules) -> TagsOfBatch:
        tagger = rules.parts.tagger
        if tagger is None:
            return TagsOfBatch(None)
        texts = reading.texts(found, rules)
        if not texts:
            return TagsOfBatch({})
        tags, failed = tagger.cached(texts), NO_TEXTS
        if tags is None:
            tags, failed = await tagger.tag_async(texts)
        known = {text: some for text, some in zip(texts, tags, strict=True) if text not in failed}
        self._ground.metrics.count_tags(list(known.values()))
        return TagsOfBatch(known, failed)

    async def _write(self) -> None:
        while True:
            await self._begun.wait()
            await self._until_due()
            began_s = self._writing_since = self._loop.time()
            group, self._group = self._group, Group(self._shard)
            self._earliest_s = began_s + gap_s(self._lanes, behind=group.is_behind)
            step = group.close()
            self._begun.clear()
            self._swapped.set()
            await atomic.write(self._log, step)
            self._shard.written(self._group.changed)
            for work in group.works:
                for delivered in work.delivered:
                    delivered.ack()
            self._writing_since = None
            count_group(self._ground.metrics, group, self._ground.wall_s(), self._loop.time() - began_s)
            if not self._begun.is_set():
                self._written.set()

    async def _until_due(self) -> None:
        """Wait for the pace, or until somebody is in a hurry."""
        left_s = self._earliest_s - self._loop.time()
        if left_s > 0:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._hurried.wait(), left_s)
        self._hurried.clear()


class Lanes:
    """All lanes of this worker. Closed while partitions are being handed over."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._lanes: dict[int, Lane] = {}
        self._shares = Shares(ground.settings)

    def start(self, logs: Mapping[int, Log]) -> None:
        """Open a lane for each partition number that is ours, with the log that it writes to."""
        store = self._ground.store()
        self._lanes = {
            number: Lane(
                self._ground, Shard(number, store, DECODED_MAX // len(logs)), log, self._shares, len(logs)
            )
            for number, log in logs.items()
        }

    def put(self, delivered: Delivered) -> None:
        """Hand a chunk to the lane of its partition number; dropped, not acknowledged, while closed."""
        lane = self._lanes.get(delivered.value.partition)
        if lane is not None:
            lane.put(delivered)

    async def finish(self) -> None:
        """Close: write what is computed, forget what is queued."""
        lanes, self._lanes = list(self._lanes.values()), {}
        await asyncio.gather(*(lane.finish(self._ground.finish_s) for lane in lanes))

    def waiting(self) -> int:
        """Return how many events are queued in all lanes."""
        return sum(lane.waiting() for lane in self._lanes.values())

    def busy_for(self) -> float:
        """Return for how many seconds the slowest batch or step has been under way."""
        return max((lane.busy_for() for lane in list(self._lanes.values())), default=0.0)

"""Lanes: one per partition number, for all source topics; all that happens to a shopper happens in one.

The agent hands chunks over; a lane takes what is queued, up to a bound, as one batch, so batches are small when
little happens and large under a backlog. Per batch, in this order, each step acknowledged before the next:
outputs -> changelog -> the chunks themselves, whose offsets Faust then commits.

A lane never lets an exception out. What it cannot get over ends the process before anything is committed:
memory may be ahead of the log then, and nothing in it is worth saving.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from faust.types import TP, EventT

from schemas.errors import BeckonError
from schemas.topics import CHANGELOG
from streams import batch, log, reading
from streams.batch import Result, TagsOfBatch
from streams.metrics import Metrics
from streams.outputs import VALUE_BYTES_MAX, Output, send
from streams.reading import Read, Rules
from streams.settings import WorkerSettings
from streams.shard import Shard
from streams.share import Share
from streams.store import ProfileStore
from streams.ticks import Ticks

#: Profiles kept decoded, over all lanes: about 2 kB each.
DECODED_MAX = 200_000


@dataclass
class Ground:
    """What lanes stand on. `rules` change when campaigns do; a lane takes them once per batch.

    `producer()` is aiokafka's, once Faust has started it; `stop` ends the process; `has_read_all` says of a
    partition number that nothing of its sources waits.
    """

    rules: Rules
    settings: WorkerSettings
    metrics: Metrics
    producer: Callable[[], Any]
    store: Callable[[], ProfileStore]
    stop: Callable[[BaseException], NoReturn]
    has_read_all: Callable[[int], bool]
    finish_s: float


class Lane:
    """One partition number."""

    def __init__(self, number: int, ground: Ground, shard: Shard, shares: "Shares") -> None:
        self._number = number
        self._ground = ground
        self._shard = shard
        self._shares = shares
        self._ticks = Ticks(shard, time.monotonic())
        self._queue: deque[EventT] = deque()
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sending = False
        #: Monotonic second at which the batch under way began; None between batches.
        self.busy_since: float | None = None
        self._task = asyncio.create_task(self._run(), name=f"lane-{number}")

    def put(self, event: EventT) -> None:
        """Queue a chunk; the consumer keeps the queue bounded."""
        self._queue.append(event)
        self._filled.set()

    def waiting(self) -> int:
        """Return how many events are queued."""
        return sum(len(event.value.records) for event in self._queue)

    async def finish(self, patience_s: float) -> None:
        """End the lane: drop what is queued, finish the batch under way, or drop it if nothing was sent yet.

        A batch that cannot be finished in time while it is being sent stops the process: records of it
        could otherwise be written after the next owner has read the changelog.
        """
        self._queue.clear()
        try:
            await asyncio.wait_for(self._idle.wait(), patience_s)
        except asyncio.TimeoutError:
            if self._sending:
                self._ground.stop(
                    BeckonError(
                        f"lane {self._number}",
                        f"lost its partition while a batch was unsent for {patience_s:.0f} s",
                        "the batch will be done again; look at the brokers",
                    )
                )
        self._task.cancel()

    async def _run(self) -> None:
        try:
            while True:
                if not self._queue:
                    await self._wait()
                self._idle.clear()
                self.busy_since = time.monotonic()
                if self._queue:
                    await self._process(self._take())
                else:
                    self._filled.clear()
                    await self._turn()
                self.busy_since = None
                self._idle.set()
        except Exception as error:  # nothing leaves a lane but the end of the process
            self._ground.stop(error)

    async def _wait(self) -> None:
        """Wait for a chunk, but not beyond the next turn."""
        patience_s = self._ticks.until_turn_s(time.monotonic())
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._filled.wait(), patience_s)

    async def _turn(self) -> None:
        """Write the ticks that are due, where the lane has nothing else to do."""
        ground, now_s = self._ground, time.monotonic()
        rules = ground.rules
        self._ticks.look(rules, now_s)
        if not ground.has_read_all(self._number):
            return
        ticks = self._ticks.due(rules, now_s, round(time.time() * 1000))
        if ticks:
            self._sending = True
            await self._send(Read(), Result(outputs=ticks), [])
            self._sending = False

    def _take(self) -> list[EventT]:
        taken = [self._queue.popleft()]
        room = self._ground.settings.batch_events - len(taken[0].value.records)
        while self._queue and len(self._queue[0].value.records) <= room:
            taken.append(self._queue.popleft())
            room -= len(taken[-1].value.records)
        if not self._queue:
            self._filled.clear()
        return taken

    async def _process(self, events: list[EventT]) -> None:
        ground, clock = self._ground, time.perf_counter
        started = clock()
        rules = ground.rules  # campaigns may be switched while a batch is under way
        found = reading.read([event.value for event in events], rules)
        decoded = clock()
        tags = await self._tags(found, rules)
        tagged = clock()
        result = batch.apply(found, tags, self._shard, rules, round(time.time() * 1000))
        self._shares.count(found, result)
        values = self._shard.encoded(result.touched)
        _check_sizes(values)
        applied = clock()
        self._sending = True
        await self._send(found, result, values)
        self._sending = False
        self._ticks.hear(found, result.touched, rules, time.monotonic())
        ages, now = ground.metrics.event_to_decision, time.time()
        for event in events:
            event.ack()
            records = event.value.records
            ages.observe(max(0.0, now - records[0].timestamp / 1000), len(records))
        stages = {
            "decode": decoded - started,
            "tag": tagged - decoded,
            "apply": applied - tagged,
            "send": clock() - applied,
        }
        self._count(found, result, stages)

    async def _tags(self, found: Read, rules: Rules) -> TagsOfBatch:
        tagger = rules.parts.tagger
        if tagger is None:
            return TagsOfBatch(None)
        texts = reading.texts(found, rules)
        if not texts:
            return TagsOfBatch({})
        tags = tagger.cached(texts)
        if tags is None:
            answer = await tagger.tag_async(texts)
            if answer.approximate:
                return TagsOfBatch({}, approximate=True)
            tags = answer.tags
        self._ground.metrics.count_tags(tags)
        return TagsOfBatch(dict(zip(texts, tags, strict=True)))

    async def _send(self, found: Read, result: Result, values: list[tuple[bytes, bytes]]) -> None:
        producer, prefix = self._ground.producer(), self._ground.rules.prefix
        outputs = found.dead + result.outputs
        if outputs:
            await send(producer, prefix, outputs)
        now = time.time()
        for broker_ms in result.promoted_from_ms:
            self._ground.metrics.event_to_promotion.observe(max(0.0, now - broker_ms / 1000))
        if values:
            records = [Output(CHANGELOG.name, self._number, key, value, []) for key, value in values]
            answers = await send(producer, prefix, records)
            self._shard.written(values)
            self._note_position(answers, len(values))

    def _note_position(self, answers: list[Any], records: int) -> None:
        # An answer holds the offset of its batch's first record; with one batch the last one follows.
        # With several, the first record of the last batch is a safe lower bound.
        last = answers[-1]
        if last.offset >= 0:
            offset = last.offset + (records - 1 if len(answers) == 1 else 0)
            self._ground.store().set_persisted_offset(TP(last.topic, last.partition), offset)

    def _count(self, found: Read, result: Result, stages: dict[str, float]) -> None:
        metrics = self._ground.metrics
        for (topic, outcome), amount in (found.outcomes + result.outcomes).items():
            metrics.events.labels(topic, outcome).inc(amount)
        metrics.count(metrics.dead_letters, found.reasons)
        if result.failures:
            metrics.dead_letters.labels("processing_failed").inc(len(result.failures))
            record, problem = result.failures[0]
            log.error(
                "events_failed",
                events=len(result.failures),
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                problem=problem,
            )
        metrics.count(metrics.decisions, result.decided)
        metrics.count(metrics.promotions, result.promoted)
        metrics.count(metrics.suppressions, result.suppressed)
        metrics.strays.inc(result.strays)
        for campaign, cost in result.promotion_cost.items():
            metrics.promotion_cost.labels(campaign).inc(cost)
        if (newest := found.last_at()) is not None:
            metrics.watermark.set(newest / 1000)
        metrics.batch_events.observe(found.records)
        for stage, seconds in stages.items():
            metrics.stage_seconds.labels(stage).observe(seconds)


def _check_sizes(values: list[tuple[bytes, bytes]]) -> None:
    for _, value in values:
        if len(value) > VALUE_BYTES_MAX:
            raise BeckonError(
                "profile",
                f"one has {len(value)} bytes, more than the {VALUE_BYTES_MAX} that fit in a record",
                "lower the bounds in [profile]",
            )


class Shares:
    """Strays and our own failures among the last 10,000 events of the worker."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._strays = Share(settings.strays_alert_share)
        self._failed = Share(settings.failed_stop_share)
        self._alarmed = False

    def count(self, found: Read, result: Result) -> None:
        """Count a batch; raise `BeckonError` when too much of it is our fault."""
        failed = len(result.failures) + found.reasons["processing_failed"]
        if self._failed.count(found.records, failed):
            last = f", the last one by {result.failures[-1].problem}" if result.failures else ""
            raise BeckonError(
                "worker",
                f"{self._failed.hits} of the last {self._failed.events} events failed in processing{last}",
                "this version or its campaigns have a fault: nothing more is committed; see `dead-letters`",
            )
        alarm = self._strays.count(found.records, result.strays)
        if alarm and not self._alarmed:
            log.error(
                "strays",
                strays=self._strays.hits,
                of_events=self._strays.events,
                remedy="producers must set partitioner=murmur2_random (librdkafka) or use Java's default",
            )
        self._alarmed = alarm


class Lanes:
    """All lanes of this worker. Closed while partitions are being handed over."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._lanes: dict[int, Lane] = {}
        self._shares = Shares(ground.settings)
        self.open = False

    def start(self, numbers: Iterable[int]) -> None:
        """Take chunks of these partition numbers from now on; every profile is read anew from the store."""
        self.open = True
        for number in numbers:  # where no event comes, deadlines pass all the same
            self._lane(number)

    def put(self, event: EventT) -> None:
        """Hand a chunk to the lane of its partition number; dropped, not acknowledged, while closed."""
        if not self.open:
            return
        self._lane(event.message.partition).put(event)

    async def finish(self) -> None:
        """Close: finish what is under way, forget what is queued, decoded or unsent."""
        self.open = False
        lanes, self._lanes = list(self._lanes.values()), {}
        await asyncio.gather(*(lane.finish(self._ground.finish_s) for lane in lanes))

    def waiting(self) -> int:
        """Return how many events are queued in all lanes."""
        return sum(lane.waiting() for lane in self._lanes.values())

    def _lane(self, number: int) -> Lane:
        lane = self._lanes.get(number)
        if lane is None:
            shard = Shard(number, self._ground.store(), DECODED_MAX)
            lane = self._lanes[number] = Lane(number, self._ground, shard, self._shares)
        return lane

    def busy_for(self) -> float:
        """Return for how many seconds the slowest batch has been under way."""
        since = [lane.busy_since for lane in self._lanes.values() if lane.busy_since is not None]
        return time.monotonic() - min(since) if since else 0.0

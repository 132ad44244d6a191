"""The mirror's loop: read a batch, write it, note it; wait while Redis is out of order, and say so once."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from schemas.errors import BrokerError
from streams import log
from streams.health import HealthServer
from streams.metrics import MirrorMetrics
from streams.mirror.source import Read, Source, age_s
from streams.mirror.store import MirrorStore, Progress
from streams.mirror.writes import Kind, Unreadable, Write, write_of
from streams.redis_clients import Fault, RedisError, place_of
from streams.redis_keys import Keys, version_of
from streams.settings import Settings

#: A loop that has not turned for so many seconds is stuck; waiting for Redis turns it too.
STUCK_S = 60.0
_FIRST_WAIT_S = 0.1
_LOOK_S = 1.0
#: Between two looks whether a topic was made anew.
TOPICS_S = 30.0
T = TypeVar("T")


class _Told(Exception):
    """Leaves the loop from wherever it waits, because somebody said so."""


class Mirror:
    """One mirror. A second one beside it does no harm: versions and the note in Redis settle who was later."""

    def __init__(self, settings: Settings) -> None:
        self.metrics = MirrorMetrics()
        self._settings = settings
        self._keys = Keys(settings.redis.key_prefix)
        self._store = MirrorStore(settings.redis, settings.mirror)
        self._source = Source(settings.kafka, settings.topics.prefix)
        self._progress = Progress(0, False, {}, {})
        self._newest_ms: dict[str, int] = {}
        self._told = threading.Event()
        self._fault: Fault | None = None
        self._kafka_problem: str | None = None
        self._caught_up = False
        self._topics = self._source.topic_ids()
        self._turned = self._looked = self._asked = time.monotonic()

    def stop(self) -> None:
        """End `run` after the batch under way; may be called from a signal or another thread."""
        self._told.set()

    def is_ready(self) -> bool:
        """Return whether Redis had all that Kafka has, at least once, and answers now."""
        return self._caught_up and self._fault is None

    def is_live(self) -> bool:
        """Return whether the loop turns; a Redis or Kafka that is away does not stop it."""
        return time.monotonic() - self._turned < STUCK_S

    def run(self, *, refill: bool = False) -> None:
        """Mirror until `stop`; `refill`: read everything from the start first."""
        try:
            self._begin("asked") if refill else self._resume()
            while not self._told.is_set():
                self._turn()
        except _Told:
            pass
        finally:
            self._source.close()
            self._store.close()

    def _turn(self) -> None:
        self._turned = time.monotonic()
        found = self._source.read(self._settings.mirror.batch_records)
        if found:
            self._apply(found)
        now = time.monotonic()
        if now - self._looked >= _LOOK_S:
            self._looked = now
            self._look()
        if self._source.at_end() and not self._caught_up:
            self._catch_up()

    def _apply(self, found: list[Read]) -> None:
        before, epoch = self._progress.offsets, self._progress.epoch
        moved = {read.place: read.offset + 1 for read in found}
        kinds, writes = self._writes(found)
        started = time.perf_counter()
        written = self._patiently(lambda: self._store.write(writes))
        noted = self._patiently(lambda: self._store.advance(epoch, before, moved))
        self.metrics.batch_seconds.observe(time.perf_counter() - started)
        outcomes = ("written" if done else "older" for done in written)
        for (kind, outcome), amount in Counter(zip(kinds, outcomes, strict=True)).items():
            self.metrics.records.labels(kind, outcome).inc(amount)
        if not noted:
            log.warning("mirror_moved", reason="Redis is not where this mirror left it")
            self._resume()
            return
        self._progress = replace(self._progress, offsets={**before, **moved})
        for read in found:
            self._newest_ms[read.place] = read.record.broker_ms

    def _writes(self, found: list[Read]) -> tuple[list[Kind], list[Write]]:
        kinds: list[Kind] = []
        writes: list[Write] = []
        unreadable: list[tuple[Read, str]] = []
        for read in found:
            write = write_of(read.record, self._keys, version_of(self._progress.epoch, read.offset))
            if isinstance(write, Unreadable):
                unreadable.append((read, write.problem))
            else:
                kinds.append(read.record.kind)
                writes.append(write)
        if unreadable:
            self._tell(unreadable)
        return kinds, writes

    def _tell(self, unreadable: list[tuple[Read, str]]) -> None:
        for read, _ in unreadable:
            self.metrics.records.labels(read.record.kind, "unreadable").inc()
        first, problem = unreadable[0]
        topic, partition = self._source.topic_of(first.place)
        log.error(
            "mirror_unreadable",
            records=len(unreadable),
            topic=topic,
            partition=partition,
            offset=first.offset,
            problem=problem,
        )

    def _look(self) -> None:
        """Once a second: is the data still there, how far behind are we."""
        if not self._patiently(lambda: self._store.holds(self._progress.epoch)):
            log.warning("mirror_lost", reason="Redis lost its data, or another mirror reads everything anew")
            self._resume()
        if time.monotonic() - self._asked >= TOPICS_S:
            self._asked = time.monotonic()
            self._look_at_topics()
        if self._source.problem != self._kafka_problem:
            self._kafka_problem = self._source.problem
            if self._kafka_problem is None:
                log.info("mirror_kafka_back")
            else:
                log.warning("mirror_waiting", part="kafka", problem=self._kafka_problem)
        for place, records in self._source.waiting(self._progress.offsets).items():
            topic, partition = self._source.topic_of(place)
            seconds = age_s(self._newest_ms[place]) if records and place in self._newest_ms else 0.0
            self.metrics.lag_records.labels(topic, partition).set(records)
            self.metrics.lag_seconds.labels(topic, partition).set(seconds)

    def _look_at_topics(self) -> None:
        """A topic that was deleted and made anew counts from 0 again: its records would seem older than ours."""
        try:
            self._topics = self._source.topic_ids()
        except BrokerError:
            return  # Kafka is away, which is told elsewhere
        if self._topics != self._progress.topics:
            self._begin("topic_replaced")

    def _resume(self) -> None:
        """Read on from where Redis is; from the start when it knows nothing or another topic's offsets."""
        progress = self._patiently(self._store.progress)
        if progress is None:
            self._begin("empty")
        elif progress.topics != self._topics:
            self._begin("topic_replaced")
        else:
            self._go_on(progress)

    def _begin(self, cause: str) -> None:
        progress = Progress(round(time.time() * 1000), True, self._topics, {})
        self._patiently(lambda: self._store.begin(progress))
        self.metrics.refills.labels(cause).inc()
        log.info("mirror_refilling", cause=cause)
        self._go_on(progress)

    def _go_on(self, progress: Progress) -> None:
        self._progress = progress
        self._caught_up = False
        self.metrics.refilling.set(int(progress.refilling))
        self._newest_ms.clear()
        self._source.start(progress.offsets)

    def _catch_up(self) -> None:
        if self._progress.refilling:
            swept = self._patiently(lambda: self._store.sweep(self._progress.epoch))
            self._progress = replace(self._progress, refilling=False)
            self.metrics.refilling.set(0)
            log.info("mirror_refilled", erased=swept)
        self._caught_up = True
        log.info("mirror_ready")

    def _patiently(self, call: Callable[[], T]) -> T:
        """Return what `call` gives once Redis does it; one line when it stops and one when it is back."""
        wait_s = _FIRST_WAIT_S
        while True:
            self._turned = time.monotonic()
            try:
                answer = call()
            except RedisError as error:
                self._note(error)
                if self._told.wait(wait_s):
                    raise _Told from None
                wait_s = min(2 * wait_s, self._settings.mirror.back_off_max_s)
            else:
                self._note(None)
                return answer

    def _note(self, error: RedisError | None) -> None:
        if error is not None:
            self.metrics.redis_errors.labels(error.fault.value).inc()
        fault = None if error is None else error.fault
        if fault is self._fault:
            return
        self._fault = fault
        self.metrics.degraded.labels("redis").set(int(fault is not None))
        if error is None:
            log.info("mirror_resumed")
        else:
            log.warning("mirror_waiting", part="redis", fault=error.fault.value, problem=str(error))


def run_mirror(settings: Settings, *, refill: bool) -> None:
    """Mirror until SIGTERM or SIGINT; raise the `BeckonError` of what is wrong at the start."""
    log.set_up(settings.log)
    mirror = Mirror(settings)
    health = HealthServer(settings.metrics, mirror.metrics, mirror.is_ready, mirror.is_live)
    log.info("mirror_started", metrics=health.address, redis=place_of(settings.redis))

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: mirror.stop())
    mirror.run(refill=refill)
    health.close()
    log.info("mirror_stopped")

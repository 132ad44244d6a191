"""How far the worker is behind, per partition: in records, in seconds of broker time, since the last commit.

A sum would hide one stuck partition among eleven that run, so each has its own three numbers. A partition with
nothing to do is 0 behind, however long ago its last record was.
"""

import time
from collections.abc import Hashable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from faust.exceptions import ConsumerNotStarted

from streams.metrics import Metrics

P = TypeVar("P", bound=Hashable)


class Offsets(NamedTuple):
    """Of one partition: the offset after its last record on the broker, and the one committed.

    `done_ms` is the broker's time of the last record done, None before the first.
    """

    end: int
    committed: int
    done_ms: int | None


class Lag(NamedTuple):
    """Records not committed; seconds from the last record done, and since the commit moved; 0 when idle."""

    records: int
    seconds: float
    commit_age_s: float


class Lags(Generic[P]):
    """Remembers when each partition's committed offset moved. Times in seconds."""

    def __init__(self) -> None:
        self._moved: dict[P, tuple[int, float]] = {}
        #: Partitions that the last look found no more.
        self.gone: list[P] = []

    def look(self, offsets: Mapping[P, Offsets], monotonic_s: float, wall_s: float) -> dict[P, Lag]:
        """Return the lag of every partition; those that are not given are forgotten."""
        before, self._moved = self._moved, {}
        self.gone = [partition for partition in before if partition not in offsets]
        return {
            partition: self._lag(partition, found, before.get(partition), monotonic_s, wall_s)
            for partition, found in offsets.items()
        }

    def _lag(
        self,
        partition: P,
        found: Offsets,
        before: tuple[int, float] | None,
        monotonic_s: float,
        wall_s: float,
    ) -> Lag:
        records = max(0, found.end - found.committed)
        # An idle partition's clock starts when its next record comes, not at its last commit.
        still = records > 0 and before is not None and before[0] == found.committed
        since = before[1] if still and before is not None else monotonic_s
        self._moved[partition] = (found.committed, since)
        if records == 0:
            return Lag(0, 0.0, 0.0)
        stuck_s = monotonic_s - since
        behind_s = stuck_s if found.done_ms is None else max(0.0, wall_s - found.done_ms / 1000)
        return Lag(records, behind_s, stuck_s)


def show(lags: Lags[Any], consumer: Any, metrics: Metrics) -> None:
    """Bring the gauges of `metrics` up to what a `LaneConsumer` knows, once a second or so."""
    now = lags.look(_offsets(consumer), time.monotonic(), time.time())
    gauges = (metrics.lag_records, metrics.lag_seconds, metrics.commit_age)
    for tp in lags.gone:
        for gauge in gauges:
            gauge.remove(tp.topic, str(tp.partition))
    for tp, lag in now.items():
        for gauge, value in zip(gauges, lag, strict=True):
            gauge.labels(tp.topic, str(tp.partition)).set(value)


def has_read_all(consumer: Any, number: int) -> bool:
    """Return whether all that can be read of a partition number's sources now is done."""
    client = consumer._thread._ensure_consumer()
    for tp in consumer.assignment():
        if tp.partition != number or consumer._is_changelog_tp(tp):
            continue
        end, done = client.last_stable_offset(tp), consumer.read_to(tp)
        if end in (None, -1):  # a broker without transactions
            end = client.highwater(tp)
        if end is None or done is None or done < end:
            return False
    return True


def _offsets(consumer: Any) -> dict[Any, Offsets]:
    found: dict[Any, Offsets] = {}
    try:
        assigned = consumer.assignment()
    except ConsumerNotStarted:
        return found
    for tp in assigned:
        if consumer._is_changelog_tp(tp):
            continue
        committed, end = consumer._committed_offset.get(tp), consumer.highwater(tp)
        read_to = consumer.read_to(tp)
        if committed is not None and read_to is not None:
            committed = max(committed, read_to)  # behind the last record, markers of transactions
        if committed is None or end is None:
            # Never committed, or nothing fetched yet: what was handed out is all that is known to wait.
            committed, end = 0, consumer.deliveries.waiting(tp)
        found[tp] = Offsets(end, committed, consumer.done_ms.get(tp))
    return found

"""What lanes count: batches as they are computed, events once they are durable, and shares that stop the worker."""

from collections.abc import Mapping
from typing import Any

from schemas.errors import BeckonError
from streams import log
from streams.batch import Result
from streams.group import Delivered, Group
from streams.metrics import Metrics
from streams.reading import Read
from streams.settings import WorkerSettings
from streams.share import Share


def count_batch(metrics: Metrics, found: Read, result: Result, stages: Mapping[str, float]) -> None:
    """Count a batch that was computed; `stages` are seconds by name."""
    metrics.batch_events.observe(found.records)
    for stage, seconds in stages.items():
        metrics.stage_seconds.labels(stage).observe(seconds)
    if result.failures:
        record, problem = result.failures[0]
        log.error(
            "events_failed",
            events=len(result.failures),
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            problem=problem,
        )


def count_group(metrics: Metrics, group: Group, wall_s: float, send_s: float) -> None:
    """Count what has become durable just now."""
    metrics.stage_seconds.labels("send").observe(send_s)
    for work, result in zip(group.works, group.results, strict=True):
        _count_result(metrics, work.found, result)
        for delivered in work.delivered:
            _observe_age(metrics, delivered, wall_s)
        for broker_ms in result.promoted_from_ms:
            metrics.event_to_promotion.observe(max(0.0, wall_s - broker_ms / 1000))
    times = (work.found.last_at() for work in reversed(group.works))
    last = next((at for at in times if at is not None), None)
    if last is not None:
        metrics.watermark.set(last / 1000)


def _observe_age(metrics: Metrics, delivered: Delivered, wall_s: float) -> None:
    records: list[Any] = delivered.value.records
    metrics.event_to_decision.observe(max(0.0, wall_s - records[0].timestamp / 1000), len(records))


def _count_result(metrics: Metrics, found: Read, result: Result) -> None:
    for (topic, outcome), amount in (found.outcomes + result.outcomes).items():
        metrics.events.labels(topic, outcome).inc(amount)
    metrics.count(metrics.dead_letters, found.reasons)
    if result.failures:
        metrics.dead_letters.labels("processing_failed").inc(len(result.failures))
    metrics.count(metrics.decisions, result.decided)
    metrics.count(metrics.promotions, result.promoted)
    metrics.count(metrics.suppressions, result.suppressed)
    metrics.strays.inc(result.strays)
    for campaign, cost in result.promotion_cost.items():
        metrics.promotion_cost.labels(campaign).inc(cost)


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

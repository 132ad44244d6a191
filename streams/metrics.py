"""Every metric of Beckon: names, help, labels, buckets. Only this file imports prometheus_client.

Counted per batch, never per event. Label values are closed lists, topics, partitions, campaign ids or the
labels of a model; nothing of a shopper. Dashboards and alerts name only what is declared here (a test compares).
"""

from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from threading import Lock

from msgspec import Struct
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

from schemas.decisions import Outcome, Reason
from schemas.events import Rejection
from schemas.ids import Tags

#: Around the goals of design 12: 20, 25 and 50 ms from event to promotion; 1 s is the freshness objective.
_SECONDS = (0.005, 0.01, 0.02, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
#: 60 s is the objective of correctness: by then an event is applied or a dead letter.
_AGES = (*_SECONDS, 30, 60, 300)
_EVENTS = (1, 5, 10, 50, 100, 250, 500, 1000, 2500)
CONTENT_TYPE = CONTENT_TYPE_LATEST

STAGES = ("decode", "tag", "apply", "send")
#: Why the mirror waits for Redis, or does not (`streams.redis_clients`).
REDIS_FAULTS = (
    "away", "slow", "full", "denied", "wrong_password", "loading", "read_only", "disk", "failed",
)  # fmt: skip
#: Why the mirror read everything from the start.
REFILL_CAUSES = ("asked", "empty", "topic_replaced")
#: What became of a version that was to come in use.
MODEL_SWITCHES = ("done", "refused")
#: `models_onnx.shadow.Verdict`, which costs too much to import where there is no model (a test compares).
SHADOW_VERDICTS = ("same", "other_tag", "tag_gone", "tag_new", "failed", "left_out")
MIRROR_OUTCOMES = ("written", "older", "unreadable")


class Declared(Struct, frozen=True):
    """One metric as declared: its name on the page, its kind (counter, gauge, histogram, info), its labels."""

    name: str
    kind: str
    labels: tuple[str, ...]


class AgeHistogram:
    """A histogram that takes many observations of one value at once; its cost is that of one."""

    def __init__(self, name: str, text: str, buckets: Sequence[float]) -> None:
        self._name, self._text, self._bounds = name, text, buckets
        self._counts = [0] * (len(buckets) + 1)
        self._sum = 0.0
        self._lock = Lock()

    def observe(self, value: float, times: int) -> None:
        """Count `value` `times` times."""
        with self._lock:
            self._counts[bisect_left(self._bounds, value)] += times
            self._sum += value * times

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield what Prometheus reads (the registry's protocol)."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        buckets, so_far = [], 0
        for bound, count in zip((*self._bounds, float("inf")), counts, strict=True):
            so_far += count
            buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), float(so_far)))
        yield HistogramMetricFamily(self._name, self._text, buckets=buckets, sum_value=total)


class _Process:
    """What the kernel counts of this process: CPU time, memory, files, start."""

    KEPT: Mapping[str, str] = {
        "process_cpu_seconds_total": "counter",
        "process_resident_memory_bytes": "gauge",
        "process_open_fds": "gauge",
        "process_start_time_seconds": "gauge",
    }

    def __init__(self) -> None:
        self._all = ProcessCollector(namespace="beckon", registry=None)

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus reads (the registry's protocol)."""
        names = {f"beckon_{name}".removesuffix("_total") for name in self.KEPT}
        yield from (metric for metric in self._all.collect() if metric.name in names)


class MetricsPage:
    """Metrics in a registry of their own, each declared once. `part` says whose they are."""

    def __init__(self, part: str) -> None:
        # `_created` is a second series for each counter, which nobody here reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.declared: list[Declared] = []
        self.registry.register(_Process())
        for name, kind in _Process.KEPT.items():
            self._declare(name, kind, ())
        self._info("build", "What runs here.", {"version": version("beckon"), "part": part})

    def page(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        return generate_latest(self.registry)

    def count(self, counter: Counter, amounts: Mapping[str, int]) -> None:
        """Add to a counter with one label."""
        for label, amount in amounts.items():
            counter.labels(label).inc(amount)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        self._declare(name, "counter", labels)
        return Counter(f"beckon_{name}", text, labels, registry=self.registry)

    def _closed(self, name: str, text: str, label: str, values: Iterable[str]) -> Counter:
        """Return a counter whose series are all there from the start: the first one counted is seen to rise."""
        counter = self._counter(name, text, label)
        for value in values:
            counter.labels(value)
        return counter

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        self._declare(name, "gauge", labels)
        return Gauge(f"beckon_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, *labels: str, buckets: Sequence[float] = _SECONDS
    ) -> Histogram:
        self._declare(name, "histogram", labels)
        return Histogram(f"beckon_{name}", text, labels, registry=self.registry, buckets=buckets)

    def _ages(self, name: str, text: str, buckets: Sequence[float]) -> AgeHistogram:
        self._declare(name, "histogram", ())
        histogram = AgeHistogram(f"beckon_{name}", text, buckets)
        self.registry.register(histogram)
        return histogram

    def _info(self, name: str, text: str, values: Mapping[str, str]) -> None:
        self._declare(f"{name}_info", "info", tuple(values))
        Info(f"beckon_{name}", text, registry=self.registry).info(dict(values))

    def _declare(self, name: str, kind: str, labels: Sequence[str]) -> None:
        self.declared.append(Declared(f"beckon_{name}", kind, tuple(labels)))


class Metrics(MetricsPage):
    """The metrics of one worker."""

    def __init__(self) -> None:
        super().__init__("worker")
        self._flow()
        self._lateness()
        self._tables()
        self._model()

    def _flow(self) -> None:
        counter, closed = self._counter, self._closed
        reasons = [reason.value for reason in Rejection]
        self.events = counter("events_total", "Records read, by what became of them.", "topic", "outcome")
        self.dead_letters = closed("dead_letters_total", "Records that could not be used.", "reason", reasons)
        self.strays = counter("strays_total", "Events that lay on the wrong partition and were sent on.")
        self.campaign_switches = counter(
            "campaign_switches_total", "Times that other campaigns came into force without a restart."
        )
        self.campaign_problems = counter(
            "campaign_problems_total", "Problems found on the topic of campaigns; those before stay in force."
        )
        self.decisions = closed(
            "decisions_total",
            "Decision records written, by outcome.",
            "outcome",
            [one.value for one in Outcome],
        )
        self.promotions = counter("promotions_total", "Promotions sent.", "campaign")
        self.promotion_cost = counter(
            "promotion_cost_total",
            "What the promotions sent cost by plan, in major units of the shop's base currency.",
            "campaign",
        )
        self.suppressions = closed(
            "suppressions_total", "Campaigns not offered, by reason.", "reason", [one.value for one in Reason]
        )

    def _lateness(self) -> None:
        gauge, partition = self._gauge, ("topic", "partition")
        self.lag_records = gauge(
            "consumer_lag_records", "Records on the broker that are not committed yet.", *partition
        )
        self.lag_seconds = gauge(
            "event_time_lag_seconds", "Age of the last record done, while others wait behind it.", *partition
        )
        self.commit_age = gauge(
            "commit_age_seconds",
            "Since the committed offset moved, while records wait behind it.",
            *partition,
        )
        self.watermark = gauge("watermark_timestamp_seconds", "Event time of the event applied last.")
        self.event_to_decision = self._ages(
            "event_to_decision_seconds",
            "From the broker's time of a chunk's oldest record until all it leads to is acknowledged, per record.",
            _AGES,
        )
        self.event_to_promotion = self._histogram(
            "event_to_promotion_seconds", "From the broker's time of an event to its promotion's ack."
        )
        self.batch_events = self._histogram("batch_events", "Events per batch of a lane.", buckets=_EVENTS)
        self.stage_seconds = self._histogram("stage_duration_seconds", "Time of a batch per stage.", "stage")
        for stage in STAGES:
            self.stage_seconds.labels(stage)
        self.lane_waiting = gauge("lane_waiting_events", "Events that wait in lanes.")

    def _tables(self) -> None:
        counter, gauge = self._counter, self._gauge
        self.profiles = gauge("profiles", "Profiles held by this worker.")
        self.partitions = gauge("partitions", "Partition numbers assigned to this worker.")
        self.ready = gauge("ready", "1 when all assigned profiles are restored.")
        self.restore_remaining = gauge("restore_remaining_records", "Changelog records still to be read.")
        self.restores = counter("restores_total", "Restores that ended.")
        self.restore_seconds = self._histogram(
            "restore_duration_seconds", "From assignment to the first event.", buckets=_AGES
        )
        self.rebalances = counter("rebalances_total", "Times that partitions were revoked.")

    def _model(self) -> None:
        counter = self._counter
        self.model_calls = counter("model_calls_total", "Calls of the tag model.")
        self.model_texts = counter("model_texts_total", "Texts scored by the tag model.")
        self.model_cache_hits = counter("model_cache_hits_total", "Texts whose tags were remembered.")
        self.model_fallbacks = counter("model_fallbacks_total", "Texts that took the category instead.")
        self.model_tags = counter(
            "model_tags_total",
            "Tags that texts of events got from the model; `none`: a text without one.",
            "tag",
        )
        self.model = self._gauge("model_info", "1 for the model in use.", "model", "version")
        self.model_switches = self._closed(
            "model_switches_total",
            "Times that another version was to come in use without a restart, by outcome.",
            "outcome",
            MODEL_SWITCHES,
        )
        self.model_refused = self._gauge(
            "model_refused", "1 while what `current` or `candidate` names was refused.", "part"
        )
        self.model_waiting = self._gauge("model_queue_texts", "Texts that wait for the model.")
        self.model_drift = self._gauge(
            "model_drift_psi",
            "Population stability index of a label's scores against held-out texts; above 0.25 is much.",
            "tag",
        )
        self.shadow_texts = self._closed(
            "shadow_texts_total",
            "Texts that a candidate scored too, by how it differs from the model in use.",
            "outcome",
            SHADOW_VERDICTS,
        )
        self._model_seen = (0, 0, 0, 0)

    def count_model(self, calls: int, texts: int, cache_hits: int, fallbacks: int) -> None:
        """Bring the model's counters up to these totals."""
        seen, self._model_seen = self._model_seen, (calls, texts, cache_hits, fallbacks)
        counters = (self.model_calls, self.model_texts, self.model_cache_hits, self.model_fallbacks)
        for one, total, before in zip(counters, self._model_seen, seen, strict=True):
            one.inc(total - before)

    def count_tags(self, tags: Sequence[Tags]) -> None:
        """Count the tags of a batch's texts."""
        self.count(self.model_tags, Counts([tag for some in tags for tag, _ in some]))
        self.model_tags.labels("none").inc(tags.count(()))


class MirrorMetrics(MetricsPage):
    """The metrics of one mirror."""

    def __init__(self) -> None:
        super().__init__("mirror")
        partition = ("topic", "partition")
        self.records = self._counter(
            "mirror_records_total", "Records read, by what became of them.", "topic", "outcome"
        )
        self.lag_records = self._gauge(
            "mirror_lag_records", "Records on the broker that are not in Redis yet.", *partition
        )
        self.lag_seconds = self._gauge(
            "mirror_lag_seconds", "Age of the last record in Redis, while others wait behind it.", *partition
        )
        self.batch_seconds = self._histogram("mirror_batch_duration_seconds", "Time Redis takes for a batch.")
        self.refills = self._closed(
            "mirror_refills_total", "Times that all was read from the start.", "cause", REFILL_CAUSES
        )
        self.refilling = self._gauge("mirror_refilling", "1 while all is read from the start.")
        self.redis_errors = self._closed(
            "redis_errors_total", "Answers of Redis that were none, by kind.", "fault", REDIS_FAULTS
        )
        self.degraded = self._gauge("degraded", "1 while a part that is not vital is out of order.", "part")
        self.degraded.labels("redis")


def all_declared() -> list[Declared]:
    """Return every metric of every process, each once."""
    found = {one.name: one for page in (Metrics(), MirrorMetrics()) for one in page.declared}
    return list(found.values())

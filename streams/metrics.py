"""Every metric of the worker: names, help, labels, buckets. Only this file imports prometheus_client.

Counted per batch, never per event. Label values are closed lists or campaign ids; nothing of a shopper.
"""

from collections.abc import Mapping
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_EVENTS = (1, 5, 10, 50, 100, 250, 500, 1000, 2500)
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The metrics of one worker, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"beckon_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"beckon_{name}", text, labels, registry=registry)

        def histogram(
            name: str, text: str, *labels: str, buckets: tuple[float, ...] = _SECONDS
        ) -> Histogram:
            return Histogram(f"beckon_{name}", text, labels, registry=registry, buckets=buckets)

        self.events = counter("events_total", "Records read, by what became of them.", "topic", "outcome")
        self.dead_letters = counter("dead_letters_total", "Records that could not be used.", "reason")
        self.decisions = counter("decisions_total", "Decision records written, by outcome.", "outcome")
        self.promotions = counter("promotions_total", "Promotions sent.", "campaign")
        self.suppressions = counter("suppressions_total", "Campaigns not offered, by reason.", "reason")
        self.strays = counter("strays_total", "Events that lay on the wrong partition and were sent on.")
        self.profiles = gauge("profiles", "Profiles held by this worker.")
        self.partitions = gauge("partitions", "Partition numbers assigned to this worker.")
        self.ready = gauge("ready", "1 when all assigned profiles are restored.")
        self.restore_remaining = gauge("restore_remaining_records", "Changelog records still to be read.")
        self.restores = counter("restores_total", "Restores that ended.")
        self.restore_seconds = histogram(
            "restore_duration_seconds", "From assignment to the first event.", buckets=(*_SECONDS, 30, 60, 300)
        )
        self.rebalances = counter("rebalances_total", "Times that partitions were revoked.")
        self.lag_seconds = gauge("event_lag_seconds", "Age of the newest batch's oldest event.", "topic")
        self.event_to_promotion = histogram(
            "event_to_promotion_seconds", "From the broker's time of an event to its promotion's ack."
        )
        self.batch_events = histogram("batch_events", "Events per batch of a lane.", buckets=_EVENTS)
        self.stage_seconds = histogram("stage_duration_seconds", "Time of a batch per stage.", "stage")
        self.lane_waiting = gauge("lane_waiting_events", "Events that wait in lanes.")
        self.model_calls = counter("model_calls_total", "Calls of the tag model.")
        self.model_texts = counter("model_texts_total", "Texts scored by the tag model.")
        self.model_cache_hits = counter("model_cache_hits_total", "Texts whose tags were remembered.")
        self.model_fallbacks = counter("model_fallbacks_total", "Texts that took the category instead.")
        self.build = Info("beckon_build", "What runs here.", registry=registry)
        self.build.info({"version": version("beckon")})
        self._model_seen = (0, 0, 0, 0)

    def count_model(self, calls: int, texts: int, cache_hits: int, fallbacks: int) -> None:
        """Bring the model's counters up to these totals."""
        seen, self._model_seen = self._model_seen, (calls, texts, cache_hits, fallbacks)
        counters = (self.model_calls, self.model_texts, self.model_cache_hits, self.model_fallbacks)
        for one, total, before in zip(counters, self._model_seen, seen, strict=True):
            one.inc(total - before)

    def count(self, counter: Counter, amounts: Mapping[str, int]) -> None:
        """Add to a counter with one label."""
        for label, amount in amounts.items():
            counter.labels(label).inc(amount)

    def page(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        return generate_latest(self.registry)

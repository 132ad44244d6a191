"""A real Prometheus scrapes a worker's and a mirror's page: every query of every dashboard finds data there."""

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from socket import socket

import pytest

from schemas.decisions import Outcome, Reason
from schemas.events import Rejection
from streams.health import HealthServer
from streams.metrics import MIRROR_OUTCOMES, REDIS_FAULTS, REFILL_CAUSES, STAGES, Metrics, MirrorMetrics
from streams.settings import MetricsSettings
from tests.support.prometheus import Prometheus, scraping

ROOT = Path(__file__).parents[2]
TARGETS = {
    f"{file.stem}: {panel['title']} {target['refId']}": target["expr"]
    for file in sorted((ROOT / "k8s" / "dashboards").glob("*.json"))
    for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]
    for target in panel["targets"]
}
#: What Grafana would put in.
CHOSEN = {"$__rate_interval": "10s", "$job": ".+", "$instance": ".+"}
PLACE = ("clicks", "3")


def one_second(worker: Metrics, mirror: MirrorMetrics) -> None:
    """All that may happen in a second happens."""
    for outcome in ("applied", "duplicate", "skipped", "stray", "dead_letter"):
        worker.events.labels("clicks", outcome).inc(90)
    worker.count(worker.dead_letters, {reason.value: 1 for reason in Rejection})
    worker.count(worker.suppressions, {reason.value: 5 for reason in Reason})
    worker.count(worker.decisions, {outcome.value: 7 for outcome in Outcome})
    worker.strays.inc()
    worker.promotions.labels("spring").inc(3)
    worker.promotion_cost.labels("spring").inc(12.5)
    for gauge in (worker.lag_records, worker.lag_seconds, worker.commit_age):
        gauge.labels(*PLACE).set(2)
    worker.watermark.set(time.time())
    worker.event_to_decision.observe(0.02, 90)
    worker.event_to_promotion.observe(0.03)
    worker.batch_events.observe(90)
    for stage in STAGES:
        worker.stage_seconds.labels(stage).observe(0.004)
    for plain in (
        worker.lane_waiting,
        worker.profiles,
        worker.partitions,
        worker.ready,
        worker.restore_remaining,
    ):
        plain.set(1)
    worker.restores.inc()
    worker.restore_seconds.observe(2)
    worker.rebalances.inc()
    worker.model.labels("tags", "1.0").set(1)
    worker.model_texts.inc(20)
    worker.model_calls.inc(2)
    worker.model_cache_hits.inc(70)
    worker.model_fallbacks.inc()
    worker.count_tags([(("shoes", 0.9),), ()])  # type: ignore[arg-type]
    for topic in ("profiles", "promotions"):
        for written in MIRROR_OUTCOMES:
            mirror.records.labels(topic, written).inc(8)
    mirror.lag_records.labels(*PLACE).set(1)
    mirror.lag_seconds.labels(*PLACE).set(1)
    mirror.batch_seconds.observe(0.01)
    mirror.count(mirror.refills, dict.fromkeys(REFILL_CAUSES, 1))
    mirror.count(mirror.redis_errors, dict.fromkeys(REDIS_FAULTS, 1))
    mirror.degraded.labels("redis").set(1)


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    worker, mirror = Metrics(), MirrorMetrics()
    servers = [
        HealthServer(MetricsSettings(port=0), page, lambda: True, lambda: True) for page in (worker, mirror)
    ]
    over = threading.Event()

    def live() -> None:
        while not over.wait(0.25):
            one_second(worker, mirror)

    one_second(worker, mirror)
    threading.Thread(target=live, daemon=True).start()
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    targets = [server.address.removeprefix("http://") for server in servers]
    with scraping(targets, ROOT / "k8s" / "alerts" / "beckon.yaml", port) as found:
        deadline = time.monotonic() + 30
        while len(found.query("rate(beckon_strays_total[10s]) > 0")) == 0 or len(found.query("up == 1")) < 2:
            assert time.monotonic() < deadline, "nothing scraped"
            time.sleep(0.2)
        time.sleep(1)  # rules are evaluated once a second
        yield found
    over.set()
    for server in servers:
        server.close()


@pytest.mark.parametrize("expr", TARGETS.values(), ids=TARGETS)
def test_a_panel_finds_data(expr: str, prometheus: Prometheus) -> None:
    for name, value in CHOSEN.items():
        expr = expr.replace(name, value)
    found = prometheus.query(expr)
    assert found
    assert not any(one["value"][1] == "NaN" for one in found)


def test_every_rule_is_evaluated_without_an_error(prometheus: Prometheus) -> None:
    rules = prometheus.rules()
    assert len(rules) > 40
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    late = prometheus.query("beckon:events_late:ratio_rate5m")
    assert [float(one["value"][1]) for one in late] == [0.0]


def test_job_and_instance_of_the_variables_are_there(prometheus: Prometheus) -> None:
    assert "beckon" in prometheus.label_values("job")
    found = prometheus.query("beckon_build_info")
    assert {one["metric"]["part"] for one in found} == {"worker", "mirror"}
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+", one["metric"]["instance"]) for one in found)

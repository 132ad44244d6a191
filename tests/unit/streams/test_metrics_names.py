"""Names, units and labels of metrics, as Prometheus's own guide wants them."""

import re

import pytest

from schemas.decisions import Outcome, Reason
from schemas.events import Rejection
from streams.metrics import REDIS_FAULTS, AgeHistogram, Declared, Metrics, MirrorMetrics, all_declared
from streams.redis_clients import Fault

METRICS = all_declared()
UNITS = ("seconds", "records", "events", "timestamp_seconds", "bytes", "info", "total")
PLAIN = {"beckon_profiles", "beckon_partitions", "beckon_ready", "beckon_degraded", "beckon_mirror_refilling"}
#: One is an index without a unit, the others are no amounts of anything that has one.
PLAIN |= {"beckon_model_drift_psi", "beckon_model_refused", "beckon_model_queue_texts"}
#: As every client library of Prometheus names it.
PLAIN |= {"beckon_process_open_fds"}
each_metric = pytest.mark.parametrize("metric", METRICS, ids=[one.name for one in METRICS])


@each_metric
def test_a_name_has_our_prefix_and_a_base_unit(metric: Declared) -> None:
    assert re.fullmatch(r"beckon_[a-z_]+", metric.name)
    assert metric.name in PLAIN or metric.name.endswith(UNITS)
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert not metric.name.endswith(("_bucket", "_count", "_sum", "_ms", "_milliseconds"))


def test_what_is_declared_is_what_a_page_shows() -> None:
    for page in (Metrics(), MirrorMetrics()):
        shown = {
            re.split(r" ", line)[2] for line in page.page().decode().splitlines() if line.startswith("# TYPE")
        }
        assert {one.name for one in page.declared} == shown


def test_no_label_can_hold_something_of_a_shopper() -> None:
    labels = {label for metric in METRICS for label in metric.labels}
    assert labels == {
        "campaign",
        "cause",
        "fault",
        "model",
        "outcome",
        "part",
        "partition",
        "reason",
        "stage",
        "tag",
        "topic",
        "version",
    }


def test_closed_lists_are_there_from_the_start_so_that_the_first_one_is_seen_to_rise() -> None:
    worker, mirror = Metrics().page().decode(), MirrorMetrics().page().decode()
    for reason in Rejection:
        assert f'beckon_dead_letters_total{{reason="{reason.value}"}} 0.0' in worker
    for suppressed in Reason:
        assert f'beckon_suppressions_total{{reason="{suppressed.value}"}} 0.0' in worker
    for outcome in Outcome:
        assert f'beckon_decisions_total{{outcome="{outcome.value}"}} 0.0' in worker
    assert set(REDIS_FAULTS) == {fault.value for fault in Fault}
    for fault in Fault:
        assert f'beckon_redis_errors_total{{fault="{fault.value}"}} 0.0' in mirror


def test_buckets_lie_at_the_goals() -> None:
    page = Metrics().page().decode()
    for bound in ("0.02", "0.05", "1.0", "60.0"):
        assert f'beckon_event_to_decision_seconds_bucket{{le="{bound}"}}' in page
    for bound in ("0.02", "0.025", "0.05"):
        assert f'beckon_event_to_promotion_seconds_bucket{{le="{bound}"}}' in page


def test_many_observations_at_once_are_as_many() -> None:
    histogram = AgeHistogram("beckon_x_seconds", "X.", (1.0, 2.0))
    histogram.observe(0.5, 3)
    histogram.observe(1.0, 2)  # a bound belongs to its own bucket
    histogram.observe(9.0, 1)
    (family,) = histogram.collect()
    found = {(one.name.rpartition("_")[2], one.labels.get("le", "")): one.value for one in family.samples}
    assert found == {
        ("bucket", "1.0"): 5.0,
        ("bucket", "2.0"): 5.0,
        ("bucket", "+Inf"): 6.0,
        ("count", ""): 6.0,
        ("sum", ""): 12.5,
    }


def test_tags_are_counted_and_a_text_without_one_too() -> None:
    metrics = Metrics()
    metrics.count_tags([(("shoes", 0.9), ("sale", 0.6)), (), (("shoes", 0.7),)])  # type: ignore[arg-type]
    value = metrics.registry.get_sample_value
    assert value("beckon_model_tags_total", {"tag": "shoes"}) == 2
    assert value("beckon_model_tags_total", {"tag": "none"}) == 1

"""Prometheus's own tool judges our rules and our pages of metrics; faults planted in the rules are found."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from streams.metrics import Metrics, MirrorMetrics
from tests.support.prometheus import program, promtool

ALERTS = Path(__file__).parents[2] / "k8s" / "alerts"
TESTS = ("beckon_test.yaml", "beckon_slow_test.yaml")


def test_the_rules_are_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(ALERTS / "beckon.yaml"))


@pytest.mark.parametrize("name", TESTS)
def test_alerts_fire_when_they_should_and_only_then(name: str) -> None:
    assert "SUCCESS" in promtool("test", "rules", str(ALERTS / name))


@pytest.mark.parametrize(
    ("right", "wrong", "tests"),
    [
        ("> 14.4 * 0.001", "> 30 * 0.001", "fires: BeckonEventsLate"),  # would not page
        (
            ":increase1h > 10",
            ":increase1h > 0",
            "low traffic: one event a minute",
        ),  # would page for one event
        (
            "(beckon_event_time_lag_seconds) > 60",
            "(beckon_event_time_lag_seconds) > 6000",
            "fires: BeckonLate",
        ),
        (
            "and beckon_commit_age_seconds > 120",
            "",
            "fires: BeckonPartitionStuck",
        ),  # would page for every event
        (
            "\n          unless on (job, instance) beckon_mirror_refilling == 1",
            "",
            "quiet: BeckonMirrorBehind",
        ),
    ],
)
def test_a_planted_fault_is_found(right: str, wrong: str, tests: str, tmp_path: Path) -> None:
    rules = (ALERTS / "beckon.yaml").read_text(encoding="utf-8")
    assert right in rules
    (tmp_path / "beckon.yaml").write_text(rules.replace(right, wrong), encoding="utf-8")
    whole = YAML(typ="safe").load((ALERTS / TESTS[0]).read_text(encoding="utf-8"))
    whole["tests"] = [test for test in whole["tests"] if test["name"].startswith(tests)]
    assert whole["tests"]
    (tmp_path / "test.yaml").write_text(json.dumps(whole), encoding="utf-8")  # JSON is YAML
    program("promtool")
    with pytest.raises(AssertionError, match="FAILED"):
        promtool("test", "rules", str(tmp_path / "test.yaml"))


@pytest.mark.parametrize("page", [Metrics, MirrorMetrics])
def test_metrics_are_named_as_prometheus_wants_them(page: type[Metrics] | type[MirrorMetrics]) -> None:
    assert promtool("check", "metrics", text=page().page()) == ""

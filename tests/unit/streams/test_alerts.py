"""Each alert names metrics that exist, has a page for whoever is on call, and is tested three ways."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support import promql

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "k8s" / "alerts"
RUNBOOKS = ROOT / "docs" / "runbooks"


def read(name: str) -> Any:
    return YAML(typ="safe").load((ALERTS / name).read_text(encoding="utf-8"))


GROUPS = read("beckon.yaml")["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
NAMES = sorted({rule["alert"] for rule in RULES if "alert" in rule})
TESTS: list[dict[str, Any]] = [
    test for name in ("beckon_test.yaml", "beckon_slow_test.yaml") for test in read(name)["tests"]
]
each_rule = pytest.mark.parametrize(
    "rule", RULES, ids=[rule.get("alert", rule.get("record")) for rule in RULES]
)
each_alert = pytest.mark.parametrize("alert", NAMES)
WINDOWS = r"beckon:[a-z_]+:[a-z_]+\d+[mhd]"


@each_rule
def test_a_rule_names_metrics_labels_and_rules_that_exist(rule: dict[str, Any]) -> None:
    assert promql.problems(rule["expr"]) == []
    assert set(re.findall(WINDOWS, rule["expr"])) <= RECORDED
    assert "beckon" in rule["expr"]


@each_alert
def test_an_alert_says_how_urgent_it_is_and_where_to_read_on(alert: str) -> None:
    for rule in (rule for rule in RULES if rule.get("alert") == alert):
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{alert}.md"


@each_alert
def test_a_runbook_tells_what_it_means_how_to_look_and_what_to_do(alert: str) -> None:
    text = (RUNBOOKS / f"{alert}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {alert}\n")
    for heading in ("## What it means", "## Look", "## Do", "## Over when"):
        assert f"\n{heading}\n" in text
    for expr in re.findall(r"```promql\n(.+?)\n```", text, re.DOTALL):
        assert promql.problems(expr) == []


def test_every_runbook_is_of_an_alert_and_listed() -> None:
    assert {file.stem for file in RUNBOOKS.glob("*.md")} == {*NAMES, "README"}
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"\]\((\w+)\.md\)", index))) == NAMES


@each_alert
def test_an_alert_is_tested_to_fire_to_stay_quiet_and_at_low_traffic(alert: str) -> None:
    ways = {
        (test["name"].partition(":")[0], bool(one["exp_alerts"]))
        for test in TESTS
        for one in test["alert_rule_test"]
        if one["alertname"] == alert
    }
    assert ("fires", True) in ways or ("low traffic", True) in ways
    assert ("quiet", False) in ways
    assert ("low traffic", False) in ways


def test_the_objectives_are_burnt_over_the_windows_of_the_workbook() -> None:
    burning = [rule for rule in RULES if "window" in rule.get("labels", {})]
    found = {(rule["labels"]["window"], rule["labels"]["severity"]) for rule in burning}
    assert found == {("1h", "page"), ("6h", "page"), ("3d", "ticket")}
    for rule in burning:
        long = rule["labels"]["window"]
        short, factor = {"1h": ("5m", "14.4"), "6h": ("30m", "6"), "3d": ("6h", "1")}[long]
        bounds = re.findall(r"ratio_rate(\w+) > ([\d.]+) \* (0\.\d+)", rule["expr"])
        budget = {"BeckonEventsUndecided": "0.0001"}.get(rule["alert"], "0.001")
        assert bounds == [(long, factor, budget), (short, factor, budget)]

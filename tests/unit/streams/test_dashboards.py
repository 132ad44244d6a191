"""Each page follows Grafana's own rules for dashboards, names only metrics that exist, and lies in k8s/."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from streams.dashboards.grafana import page_json
from streams.dashboards.write import FOLDER, PAGES, write
from streams.metrics import all_declared
from tests.support import promql

ROOT = Path(__file__).parents[3]
DASHBOARDS = {page.name: json.loads(page_json(page)) for page in PAGES}
PANELS = [(name, panel) for name, page in DASHBOARDS.items() for panel in page["panels"]]
TARGETS = [(f"{name}: {panel['title']}", one) for name, panel in PANELS for one in panel["targets"]]
#: Of Grafana's value formats those that we use.
UNITS = {"s", "short", "none", "percentunit", "ops", "reqps", "bool_yes_no", "bytes"}

each_page = pytest.mark.parametrize("page", DASHBOARDS.values(), ids=DASHBOARDS)
each_panel = pytest.mark.parametrize(
    "panel", [panel for _, panel in PANELS], ids=[f"{n}: {p['title']}" for n, p in PANELS]
)
each_target = pytest.mark.parametrize(
    "target", [one for _, one in TARGETS], ids=[name for name, _ in TARGETS]
)


def variable(page: dict[str, Any], name: str) -> dict[str, Any]:
    found = [one for one in page["templating"]["list"] if one["name"] == name]
    assert len(found) == 1
    return found[0]


def test_the_files_in_k8s_are_what_the_code_writes(tmp_path: Path) -> None:
    for file in write(tmp_path):
        checked_in = ROOT / FOLDER / file.name
        assert checked_in.read_bytes() == file.read_bytes(), "run `python -m streams.dashboards.write`"
    assert {file.name for file in (ROOT / FOLDER).glob("*.json")} == {f"{page.name}.json" for page in PAGES}


def test_there_is_a_page_for_each_of_the_four_questions() -> None:
    assert [page["title"] for page in DASHBOARDS.values()] == [
        "Beckon: are we late?",
        "Beckon: are we losing?",
        "Beckon: is the model sane?",
        "Beckon: what did we send?",
    ]


@each_page
def test_the_data_source_is_a_variable(page: dict[str, Any]) -> None:  # template-datasource-rule
    source = variable(page, "datasource")
    assert (source["type"], source["query"], source["label"]) == ("datasource", "prometheus", "Data source")


@each_page
@pytest.mark.parametrize("name", ["job", "instance"])
def test_job_and_instance_can_be_chosen(
    page: dict[str, Any], name: str
) -> None:  # template-job-rule, -instance-rule
    choice = variable(page, name)
    assert choice["type"] == "query"
    assert choice["datasource"]["uid"] == "${datasource}"
    assert choice["label"] == name.title()
    assert choice["multi"] is True
    assert choice["allValue"] == ".+"
    assert choice["refresh"] == 2  # template-on-time-change-reload-rule
    labels = re.fullmatch(
        r"label_values\((.+), (\w+)\)", choice["query"]["query"]
    )  # template-label-promql-rule
    assert labels is not None
    assert labels[2] == name
    assert promql.problems(labels[1]) == []


@each_page
def test_nobody_edits_a_page_by_hand(page: dict[str, Any]) -> None:  # template-uneditable-rule
    assert page["editable"] is False


@each_page
def test_no_two_panels_overlap_or_share_a_title(page: dict[str, Any]) -> None:
    panels = page["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


@each_panel
def test_a_panel_says_what_it_shows(
    panel: dict[str, Any],
) -> None:  # panel-title-description-, panel-units-rule
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS


@each_panel
def test_a_panel_asks_the_chosen_data_source(
    panel: dict[str, Any],
) -> None:  # panel-datasource-, no-targets-rule
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["targets"]
    assert len({one["refId"] for one in panel["targets"]}) == len(panel["targets"])


@each_target
def test_a_query_asks_for_the_chosen_job_and_instance(
    target: dict[str, Any],
) -> None:  # target-job-, instance-rule
    selectors = re.findall(r"beckon_[a-z_]+(\{[^}]*\})?", target["expr"])
    assert selectors
    assert all('job=~"$job"' in one and 'instance=~"$instance"' in one for one in selectors)


@each_target
def test_a_query_rates_over_what_grafana_chooses(target: dict[str, Any]) -> None:  # target-rate-interval-rule
    assert set(re.findall(r"\[([^\]]*)\]", target["expr"])) <= {"$__rate_interval"}


@each_target
def test_counters_are_rated_and_buckets_are_quantiles(
    target: dict[str, Any],
) -> None:  # counter-agg-, histogram-rule
    kinds = {one.name: one.kind for one in all_declared()}
    for function, name in re.findall(r"(?:(rate)\()?(beckon_[a-z_]+)", target["expr"]):
        is_rated = kinds.get(name) != "gauge" and kinds.get(name) != "info"
        assert (function == "rate") == is_rated, name
    assert target["expr"].count("_bucket{") == target["expr"].count("histogram_quantile(")


@each_target
def test_a_query_names_metrics_and_labels_that_exist(target: dict[str, Any]) -> None:
    assert promql.problems(target["expr"]) == []
    asked = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    kept = {
        label.strip() for group in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in group.split(",")
    }
    is_plain = "sum" not in target["expr"] and "max" not in target["expr"]
    assert asked <= (kept - {"le"}) | (promql.SCRAPED if is_plain else set())


def test_every_metric_has_a_place_on_some_page() -> None:
    shown = {name for _, target in TARGETS for name in promql.names(target["expr"])}
    assert {one.name for one in all_declared()} - shown == {"beckon_build_info"}

"""A page of panels as Grafana's JSON (schema 39, Grafana 10 and newer)."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

_SCHEMA = 39
_COLUMNS = 24
_STAT_WIDTH, _STAT_HEIGHT = 6, 4
_GRAPH_WIDTH, _GRAPH_HEIGHT = 12, 8
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_UID_BYTES_MAX = 40

Unit = Literal["s", "short", "none", "percentunit", "ops", "reqps", "bool_yes_no", "bytes"]


class Query(Struct, frozen=True):
    """One query of a panel; `legend` names its series, with {{label}} for a label."""

    expr: str
    legend: str


class Panel(Struct, frozen=True):
    """A graph, or one number (`kind` "stat"). From `limit` on it is drawn red."""

    title: str
    description: str
    unit: Unit
    queries: tuple[Query, ...]
    kind: Literal["timeseries", "stat"] = "timeseries"
    limit: float | None = None


class Page(Struct, frozen=True):
    """One dashboard: a question and the panels that answer it. `name` is its file and its id."""

    name: str
    title: str
    description: str
    panels: tuple[Panel, ...]


def page_json(page: Page) -> bytes:
    """Return the dashboard as Grafana reads it, the same bytes for the same page."""
    dashboard: dict[str, Any] = {
        "uid": f"beckon-{page.name}"[:_UID_BYTES_MAX],
        "title": page.title,
        "description": page.description,
        "tags": ["beckon"],
        "schemaVersion": _SCHEMA,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "links": [],
        "annotations": {"list": []},
        "templating": {"list": _variables()},
        "panels": [
            _panel(number, panel, place) for number, (panel, place) in enumerate(placed(page.panels), 1)
        ],
    }
    return msgspec.json.format(msgspec.json.encode(dashboard, order="sorted"), indent=2) + b"\n"


def placed(panels: Sequence[Panel]) -> list[tuple[Panel, dict[str, int]]]:
    """Return each panel with its place on the page, in Grafana's grid of 24 columns."""
    found, left, top, height = [], 0, 0, 0
    for panel in panels:
        wide, high = (_STAT_WIDTH, _STAT_HEIGHT) if panel.kind == "stat" else (_GRAPH_WIDTH, _GRAPH_HEIGHT)
        if left + wide > _COLUMNS or (height and high != height):
            left, top, height = 0, top + height, 0
        found.append((panel, {"x": left, "y": top, "w": wide, "h": high}))
        left, height = left + wide, high
    return found


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"},
    }
    if panel.kind == "timeseries":
        defaults |= {
            "custom": {
                "fillOpacity": 10,
                "showPoints": "never",
                "thresholdsStyle": {"mode": "off" if panel.limit is None else "line"},
            },
        }
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(panel),
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": _DATASOURCE,
                "expr": one.expr,
                "legendFormat": one.legend,
            }
            for at, one in enumerate(panel.queries)
        ],
    }


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "auto",
        }
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _variables() -> list[dict[str, Any]]:
    source = {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "refresh": 1,
    }
    return [
        source,
        _choice("job", "Job", "label_values(beckon_build_info, job)"),
        _choice("instance", "Instance", 'label_values(beckon_build_info{job=~"$job"}, instance)'),
    ]


def _choice(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "refresh": 2,  # on every change of the time range: instances come and go
        "sort": 1,
    }

"""Names and labels in PromQL, as tests compare them with `streams.metrics`."""

import re

from streams.metrics import Declared, all_declared

#: Labels that every scraped series has.
SCRAPED = {"job", "instance"}
_SELECTOR = re.compile(r"\b(beckon_[a-z_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right) \(([^)]*)\)")
_SUFFIXES = ("_bucket", "_count", "_sum")


def problems(expr: str) -> list[str]:
    """Return what an expression names that no process exports."""
    known = {one.name: one for one in all_declared()}
    found, labels = [], set()
    for name, matchers in _SELECTOR.findall(expr):
        metric = _metric(name, known)
        if metric is None:
            found.append(f"{name} is not declared")
            continue
        own = SCRAPED | set(metric.labels) | ({"le"} if name.endswith("_bucket") else set())
        labels |= own
        found += [f"{name} has no label {key}" for key, _ in _MATCHER.findall(matchers) if key not in own]
    used = {label.strip() for group in _GROUPING.findall(expr) for label in group.split(",") if label.strip()}
    if labels:
        found += [f"no metric of it has the label {label}" for label in sorted(used - labels)]
    return found


def names(expr: str) -> set[str]:
    """Return the metrics that an expression reads, histograms without their suffix."""
    known = {one.name: one for one in all_declared()}
    metrics = (_metric(name, known) for name, _ in _SELECTOR.findall(expr))
    return {metric.name for metric in metrics if metric is not None}


def _metric(name: str, known: dict[str, Declared]) -> Declared | None:
    if name in known and known[name].kind != "histogram":
        return known[name]
    for suffix in _SUFFIXES:
        metric = known.get(name.removesuffix(suffix)) if name.endswith(suffix) else None
        if metric is not None and metric.kind == "histogram":
            return metric
    return None

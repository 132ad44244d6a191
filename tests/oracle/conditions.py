"""The model of truth for conditions: all that is known of a shopper at one time, and each feature read from it.

Part of `tests.oracle.decisions`, by the same rules: slow, short, written from the contract alone.
"""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.campaigns import Campaign, Condition
from schemas.catalog import Product
from tests.oracle.profiles import DAY, Json, in_story_order, millis, profile

Catalog = dict[str, Product]
MINUTE = 60_000
UNITS = {"m": MINUTE, "h": 60 * MINUTE, "d": DAY}
RECENT_KINDS = {"views": "view", "clicks": "click", "cart_adds": "add"}
OPS = ("at_least", "at_most", "above", "below", "equals", "one_of")


def length(text: str) -> int:
    """Return a duration in ms."""
    return int(text[:-1]) * UNITS[text[-1]]


class Shopper:
    """All that is known of a shopper, seen from the newest event time, or `at` if that is newer."""

    def __init__(self, known: list[Json], catalog: Catalog, default_profiling: bool, at: int) -> None:
        self.id = known[0].get("userId") or known[0]["anonymousId"]
        self.events = in_story_order(known)
        self.now = max(at, *(millis(event["timestamp"]) for event in known))
        tags = {key: product.category for key, product in catalog.items() if product.category}
        self.line = profile(self.id, known, self.now, 2, tags)
        self.consent = {"profiling": default_profiling, "marketing": False, "training": False}
        self.consent |= {purpose: stated["granted"] for purpose, stated in self.line["consent"].items()}
        self.traits: Json = {}
        for event in self.events:  # in order of time: later words win
            context = event.get("context") or {}
            self.traits |= {key: context[key] for key in ("timezone", "locale") if context.get(key)}
            self.traits |= event.get("traits") or {}

    def zone(self, shop_zone: str) -> ZoneInfo:
        """Return the shopper's time zone if there is one of that name, else the shop's."""
        try:
            return ZoneInfo(self.traits["timezone"])
        except (KeyError, ValueError, OSError):
            return ZoneInfo(shop_zone)


def features(eligible: list[Campaign], shopper: Shopper) -> Json:
    """Return all values that the conditions of eligible campaigns read, by name and parameter."""
    found = {}
    todo = [campaign.when for campaign in eligible if campaign.when is not None]
    while todo:
        condition = todo.pop()
        todo += [
            *(condition.all or ()),
            *(condition.any or ()),
            *([condition.not_] if condition.not_ else []),
        ]
        if condition.feature is not None:
            parameter = condition.tag or condition.name or condition.within
            key = f"{condition.feature}({parameter})" if parameter else str(condition.feature)
            found[key] = feature(condition, shopper)
    return found


def holds(condition: Condition, shopper: Shopper) -> bool:
    """Return whether a condition holds; a missing value passes no comparison."""
    if condition.all is not None:
        return all(holds(part, shopper) for part in condition.all)
    if condition.any is not None:
        return any(holds(part, shopper) for part in condition.any)
    if condition.not_ is not None:
        return not holds(condition.not_, shopper)
    value = feature(condition, shopper)
    op = next(op for op in OPS if getattr(condition, op) is not None)
    return value is not None and compare(value, op, getattr(condition, op))


def compare(value: Any, op: str, wanted: Any) -> bool:
    """Return whether a value passes; a boolean is no number, a text neither."""
    if op == "one_of":
        return any(compare(value, "equals", option) for option in wanted)
    if op == "equals":
        return (type(value) is bool) == (type(wanted) is bool) and value == wanted
    if isinstance(value, bool | str):
        return False
    return {
        "at_least": value >= wanted,
        "at_most": value <= wanted,
        "above": value > wanted,
        "below": value < wanted,
    }[op]


def feature(condition: Condition, shopper: Shopper) -> Any:
    """Return the value that a comparison looks at, money in major units."""
    line, now, name = shopper.line, shopper.now, str(condition.feature)
    if name in ("views", "clicks", "searches", "cart_adds", "orders", "spend"):
        value = counter(name, condition.within, line, now)
        return value / 100 if name == "spend" else value
    match name:
        case "affinity":
            return line["affinity"].get(condition.tag, 0.0)
        case "cart_value":
            return sum(entry["quantity"] * (entry["price"] or 0) for entry in line["cart"].values()) / 100
        case "cart_items":
            return sum(entry["quantity"] for entry in line["cart"].values())
        case "days_since_order":
            return line["rfm"]["recency"]
        case "days_since_seen":
            return (now - line["last_seen"]) // DAY
        case "session_events":
            return line["session"]["events"]
        case "session_minutes":
            start = line["session"]["start"]
            return 0.0 if start is None else round((line["recent"][-1]["at"] - start) / MINUTE, 6)
        case "rfm":
            return segment(line["rfm"])
        case "is_known":
            return any(event.get("userId") for event in shopper.events)
        case "trait":
            return shopper.traits.get(condition.name)
    raise AssertionError(name)


def counter(name: str, within: str | None, line: Json, now: int) -> int:
    """Return a counter since the beginning, over whole UTC days, or over minutes and hours (ruling 55)."""
    if within is None:
        return int(line[name])
    if within.endswith("d"):
        newest = now // DAY
        wanted = {
            datetime.fromtimestamp(day * DAY // 1000, UTC).strftime("%Y-%m-%d")
            for day in range(newest - int(within[:-1]) + 1, newest + 1)
        }
        return sum(counts[name] for day, counts in line["days"].items() if day in wanted)
    start = now - length(within)
    if name in RECENT_KINDS:
        kinds = [entry["kind"] for entry in line["recent"] if start < entry["at"] <= now]
        return kinds.count(RECENT_KINDS[name])
    counted = [o for o in line["orders_log"] if o["total"] is not None and not o["cancelled"]]
    inside = [order for order in counted if start < order["at"] <= now]
    return len(inside) if name == "orders" else sum(o["total"] - o["refunded"] for o in inside)


def segment(rfm: Json) -> str | None:
    """Return the first group of ruling 11 that matches."""
    if rfm["recency"] is None:
        return "prospect"
    r = 5 - sum(rfm["recency"] > days for days in (7, 30, 90, 180))
    f = max(1, sum(rfm["frequency"] >= orders for orders in (1, 2, 4, 8, 16)))
    groups = {
        "champion": r in (4, 5) and f in (4, 5),
        "loyal": r in (3, 4, 5) and f in (3, 4, 5),
        "new": r in (4, 5) and f == 1,
        "promising": r in (3, 4, 5) and f == 2,
        "at_risk": r in (1, 2) and f in (3, 4, 5),
        "lost": r in (1, 2) and f in (1, 2),
    }
    return next((name for name, matches in groups.items() if matches), None)

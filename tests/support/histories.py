"""Whole histories of one shopper, campaigns and catalogues, for Hypothesis.

Times walk in steps that hit the edges of windows exactly. BECKON_PROPERTY_HISTORIES says how many
histories each property sees; without it they are few and the same ones in every run.
"""

import os
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from schemas import campaign_checks
from schemas.campaigns import CampaignFile
from schemas.catalog import Product
from schemas.ids import Minor
from tests.support.story import DAY, HOUR, MINUTE, Json

_GIVEN = os.environ.get("BECKON_PROPERTY_HISTORIES")
HISTORIES = int(_GIVEN or 300)

#: For every property over histories.
some_histories = settings(
    max_examples=HISTORIES,
    deadline=None,
    derandomize=_GIVEN is None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)

#: Friday before Berlin's clocks go forward, and before they go back; a plain Monday; the first time of all.
STARTS = (1_774_569_600_000, 1_792_713_600_000, 1_772_409_600_000, 946_684_800_000)
#: From one event to the next, in ms: the exact edges of sessions, days, caps, cool-downs, windows, half-lives.
_STEPS = (
    *(0, 0, 1, 999, MINUTE, 7 * MINUTE, 20 * MINUTE, 30 * MINUTE, 30 * MINUTE + 1, HOUR - 1, HOUR, HOUR + 1),
    *(
        MINUTE,
        3 * MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        20 * MINUTE,
        40 * MINUTE,
        3 * HOUR,
        7 * HOUR,
        DAY - 1,
        DAY,
    ),
    *(-MINUTE, -HOUR, -HOUR - 1, DAY + 1, -DAY, 2 * DAY, 7 * DAY - 1, 7 * DAY),
    *(14 * DAY, 30 * DAY, 30 * DAY + 1, 34 * DAY, 35 * DAY, 366 * DAY),
)
steps = st.sampled_from(_STEPS)
starts = st.sampled_from(STARTS)
products = st.sampled_from(("boots", "tent", "mug", "7"))
categories = st.sampled_from(("shoes", "camping", "Shoes ", None, ""))
prices = st.sampled_from((19.99, 5, "12.50", 1.005, 0, None))
totals = st.sampled_from((100, 19.99, "35.50", 0, 250.005, 10.1))
orders = st.sampled_from(("o1", "o2", "o3"))
zones = st.sampled_from(
    ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Mars/Base", "Australia/Lord_Howe")
)

_PRODUCT_EVENTS = (
    *("Product Viewed", "Product Viewed", "Product Clicked", "Product Added", "Product Added"),
    *("Product Removed", "Product Added to Wishlist", "Viewed Product"),
)
_QUIET_EVENTS = ("Product List Viewed", "Cart Viewed", "Checkout Started")


@st.composite
def _product(draw: Any) -> Json:
    properties = {
        "product_id": draw(products),
        "category": draw(categories),
        "price": draw(prices),
        "quantity": draw(st.sampled_from((1, 2, "3", 2.0, None))),
    }
    return {"event": draw(st.sampled_from(_PRODUCT_EVENTS)), "properties": properties}


@st.composite
def _order(draw: Any) -> Json:
    lines = draw(st.lists(st.tuples(products, categories), max_size=3))
    properties: Json = {
        "order_id": draw(orders),
        draw(st.sampled_from(("total", "total", "revenue"))): draw(totals),
        "currency": "USD",
        "products": [{"product_id": p, "quantity": 1, "category": category} for p, category in lines],
    }
    match draw(st.integers(0, 5)):
        case 0:
            properties["coupon"] = draw(st.sampled_from(("SPRING", "")))
        case 1:
            properties["discount"] = draw(st.sampled_from((0, 5, "2.50")))
    return {"event": "Order Completed", "properties": properties}


@st.composite
def _order_change(draw: Any) -> Json:
    name = draw(st.sampled_from(("Order Refunded", "Order Refunded", "Order Cancelled", "Order Updated")))
    properties: Json = {"order_id": draw(orders)}
    if draw(st.booleans()):
        properties["total"] = draw(totals)
    return {"event": name, "properties": properties}


@st.composite
def _consent(draw: Any) -> Json:
    yes_more_often = st.sampled_from((True, True, True, False, None))
    stated = {purpose: draw(yes_more_often) for purpose in ("profiling", "marketing", "training")}
    return {"event": "Consent Changed", "properties": {"consents": stated}}


_searches = st.just({"event": "Products Searched", "properties": {"query": "warm boots"}})
_only_seen = st.sampled_from(_QUIET_EVENTS).map(lambda name: {"event": name, "properties": {}})
_feedback = st.just({"event": "Promotion Viewed", "properties": {"promotion_id": "p0"}})
_traits = st.fixed_dictionaries(
    {},
    optional={
        "vip": st.booleans(),
        "age": st.sampled_from((17, 18, 18.5, 40)),
        "city": st.sampled_from(("Berlin", "Delhi")),
    },
).map(lambda traits: {"type": "identify", "traits": traits})
_bodies = st.one_of(
    *(_product(), _product(), _product(), _product(), _product()),
    *(_order(), _order_change(), _consent(), _searches, _searches, _only_seen, _feedback, _traits),
)


@st.composite
def histories(draw: Any, events_max: int = 30) -> list[Json]:
    """Return events of the shopper `ann`, in the order of a walk through time, each messageId once."""
    at = draw(starts)
    # A rhythm, kept half of the time, meets the edge of a window again and again.
    rhythm = draw(steps)
    events = []
    # A drawn count: Hypothesis alone would make most histories as short as it can.
    count = draw(st.integers(1, events_max))
    for number, body in enumerate(draw(st.lists(_bodies, min_size=count, max_size=count))):
        at = max(at + (rhythm if draw(st.booleans()) else draw(steps)), STARTS[-1])
        event = {"type": "track", "messageId": f"m{number}", "timestamp": at, **body}
        event["userId" if draw(st.integers(0, 9)) else "anonymousId"] = "ann"
        if not draw(st.integers(0, 7)):
            event["context"] = {"timezone": draw(zones), "locale": "de"}
        events.append(event)
    return events


def agreed(events: list[Json]) -> list[Json]:
    """Return the history of a shopper who agreed to marketing before it began."""
    first = min(event["timestamp"] for event in events)
    yes = {"consents": {"marketing": True, "training": True}}
    said = {"type": "track", "event": "Consent Changed", "messageId": "yes", "properties": yes}
    return [{**said, "timestamp": first, "userId": "ann"}, *events]


@st.composite
def disturbed(draw: Any, events: list[Json]) -> list[Json]:
    """Return the events in another order, some of them twice."""
    arrivals = draw(st.permutations(events))
    copies = draw(st.lists(st.sampled_from(arrivals), max_size=4))
    for copy in copies:
        arrivals.insert(draw(st.integers(0, len(arrivals))), copy)
    return arrivals


@st.composite
def nearly_in_order(draw: Any, events: list[Json]) -> list[Json]:
    """Return the events by time, but for a few that come late, and a few that come twice."""
    arrivals = sorted(events, key=lambda event: event["timestamp"])
    for _ in range(draw(st.integers(0, 3))):
        late = arrivals.pop(draw(st.integers(0, len(arrivals) - 1)))
        arrivals.insert(draw(st.integers(0, len(arrivals))), late)
    for _ in range(draw(st.integers(0, 2))):
        arrivals.insert(draw(st.integers(0, len(arrivals))), draw(st.sampled_from(arrivals)))
    return arrivals


_ops = st.sampled_from(("at_least", "at_most", "above", "below", "equals"))
_within_any = st.sampled_from((None, None, "1d", "2d", "7d", "35d", "30m", "1h", "24h"))
_within_days = st.sampled_from((None, "1d", "7d", "35d"))


@st.composite
def _comparison(draw: Any) -> Json:
    op, small = draw(_ops), draw(st.integers(0, 4))
    match draw(st.integers(0, 11)):
        case 0 | 1:
            limit = draw(st.sampled_from((0.5, 1.0, 2.0, 4.0, 0)))
            return {
                "feature": "affinity",
                "tag": draw(st.sampled_from(("shoes", "camping", "Shoes "))),
                op: limit,
            }
        case 2 | 3:
            name = draw(st.sampled_from(("views", "clicks", "cart_adds", "orders")))
            return {"feature": name, "within": draw(_within_any), op: small}
        case 4:
            return {"feature": "searches", "within": draw(_within_days), op: small}
        case 5:
            limit = draw(st.sampled_from((0, 19.99, 100, 135.5)))
            return {"feature": "spend", "within": draw(_within_any), op: limit}
        case 6:
            return {"feature": "cart_value", op: draw(st.sampled_from((0, 5, 19.99, 44.98)))}
        case 7:
            return {"feature": draw(st.sampled_from(("cart_items", "session_events"))), op: small}
        case 8:
            name = draw(st.sampled_from(("days_since_order", "days_since_seen")))
            return {"feature": name, op: draw(st.sampled_from((0, 1, 7, 30)))}
        case 9:
            return {"feature": "session_minutes", op: draw(st.sampled_from((0, 1, 30, 20.5)))}
        case 10:
            names = ("champion", "loyal", "new", "promising", "at_risk", "lost", "prospect")
            return {
                "feature": "rfm",
                "one_of": draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)),
            }
    return draw(st.sampled_from(_OTHER_COMPARISONS))


_OTHER_COMPARISONS: tuple[Json, ...] = (
    {"feature": "is_known", "equals": True},
    {"feature": "is_known", "equals": False},
    {"feature": "trait", "name": "vip", "equals": True},
    {"feature": "trait", "name": "age", "at_least": 18},
    {"feature": "trait", "name": "age", "one_of": [17, 18.5]},
    {"feature": "trait", "name": "city", "equals": "Berlin"},
    {"feature": "trait", "name": "timezone", "one_of": ["Asia/Kolkata", "Mars/Base"]},
)
comparisons = _comparison()
conditions: st.SearchStrategy[Json] = st.recursive(
    comparisons,
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=3).map(lambda some: {"all": some}),
        st.lists(parts, min_size=1, max_size=3).map(lambda some: {"any": some}),
        parts.map(lambda part: {"not": part}),
    ),
    max_leaves=4,
)
_copies = st.sampled_from(
    (None, None, {"template": "Still looking at {first_product}?"}, {"template": "{name} {{first_product}}"})
)
_products_shown = st.sampled_from(
    (None, {"from": "cart"}, {"from": "viewed", "at_most": 1}, {"from": "viewed"})
)
_caps = st.lists(
    st.fixed_dictionaries({"at_most": st.integers(1, 3), "per": st.sampled_from(("1h", "1d", "7d", "35d"))}),
    max_size=2,
)
_triggers = st.sampled_from(
    (
        *(["Product Viewed"], ["Product Viewed"], ["Product Viewed", "Product Added", "Products Searched"]),
        *(
            ["Products Searched", "Product Viewed"],
            ["Order Completed", "Product Added"],
            ["Checkout Started"],
        ),
    )
)


_timers = st.sampled_from(
    (
        ["Cart Abandoned"],
        ["Session Ended", "Cart Abandoned"],
        ["Days Without Visit", "Product Viewed"],
        ["Order Anniversary", "Session Ended"],
    )
)
_afters = st.sampled_from((None, "20m", "60m", "1h", "1d", "24h", "30d"))


@st.composite
def _campaign(draw: Any, place: int, timers: bool) -> Json:
    shown, copy = draw(_products_shown), draw(_copies)
    if shown is None and copy is not None:
        copy = {"template": "{name} {{first_product}}"}
    offer = {
        "promotion_id": f"p{place}",
        "name": f"offer {place}",
        "cost": draw(st.sampled_from((0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 1.01))),
        "products": shown,
        "copy": copy,
    }
    triggers = draw(_timers if timers and draw(st.booleans()) else _triggers)
    live: Json = {}
    if not draw(st.integers(0, 5)):
        live = {"from": "2026-03-28T00:00:00Z", "to": "2026-10-25T00:00:00Z"}
    return {
        "id": f"c{place}",
        "triggers": triggers,
        "after": draw(_afters) if timers else None,
        "offers": [offer],
        "live": live,
        "when": draw(st.none() | conditions),
        "valid_for": draw(st.sampled_from(("1m", "9h", "7d", "7d", "7d"))),
        "reach_within": draw(st.sampled_from(("10m", "10m", "9m"))),
        "priority": draw(st.sampled_from((0, 0, 0, 0, 1, -1))),
        "caps": draw(_caps),
        "hold_out": draw(st.sampled_from((0.0, 0.0, 0.0, 0.5, 1.0))),
        "purpose": draw(st.sampled_from(("marketing", "marketing", "training", "profiling"))),
    }


@st.composite
def _shop(draw: Any) -> Json:
    quiet = st.sampled_from((("21:00", "08:00"), ("02:30", "03:00"), ("13:00", "13:01"), ("03:30", "02:15")))
    hours = draw(st.none() | st.none() | quiet)
    return {
        "time_zone": draw(st.sampled_from(("UTC", "Europe/Berlin", "America/New_York"))),
        "cool_down": draw(st.sampled_from((None, None, "20m", "1h", "1d", "7d"))),
        "hold_out": draw(st.sampled_from((0.0, 0.0, 0.0, 0.3))),
        "salt": draw(st.sampled_from(("", "spring"))),
        "quiet_hours": None if hours is None else {"from": hours[0], "to": hours[1]},
    }


@st.composite
def campaign_files(draw: Any, campaigns_max: int = 3, timers: bool = False) -> CampaignFile:
    """Return a file that the checks pass; with `timers`, time alone sets some of its campaigns off."""
    count = draw(st.integers(1, campaigns_max))
    tree = {"shop": draw(_shop()), "campaigns": [draw(_campaign(place, timers)) for place in range(count)]}
    file = msgspec.convert(tree, CampaignFile)
    campaign_checks.check(file)
    return file


_margins = st.sampled_from((None, 500, 2020, 3000))
_stocks = st.sampled_from((None, 0, 3, 3))
catalogs = st.dictionaries(products, st.tuples(_margins, _stocks), min_size=1, max_size=4).map(
    lambda rows: {
        product_id: Product(product_id, None, "camping", None if margin is None else Minor(margin), stock)
        for product_id, (margin, stock) in rows.items()
    }
)

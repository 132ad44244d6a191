"""Whole histories of one shopper, campaigns and catalogues, for Hypothesis.

Times walk in steps that hit the edges of windows exactly. BECKON_PROPERTY_HISTORIES says how many
histories each property sees; without it they are the same ones in every run.
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
from tests.support.tape import Tape, tapes

_GIVEN = os.environ.get("BECKON_PROPERTY_HISTORIES")
HISTORIES = int(_GIVEN or 2000)

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
PRODUCTS = ("boots", "tent", "mug", "7")
_CATEGORIES = ("shoes", "camping", "Shoes ", None, "")
_PRICES = (19.99, 5, "12.50", 1.005, 0, None)
_QUANTITIES = (1, 2, "3", 2.0, None)
_TOTALS = (100, 19.99, "35.50", 0, 250.005, 10.1)
_ORDERS = ("o1", "o2", "o3")
_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Mars/Base", "Australia/Lord_Howe")
_PRODUCT_EVENTS = (
    *("Product Viewed", "Product Viewed", "Product Clicked", "Product Added", "Product Added"),
    *("Product Removed", "Product Added to Wishlist", "Viewed Product"),
)
_ORDER_CHANGES = ("Order Refunded", "Order Refunded", "Order Cancelled", "Order Updated")
_QUIET_EVENTS = ("Product List Viewed", "Cart Viewed", "Checkout Started")
#: The longest body is an order of three lines.
_CHOICES_PER_EVENT = 20


def _product(tape: Tape) -> Json:
    properties = {
        "product_id": tape.pick(PRODUCTS),
        "category": tape.pick(_CATEGORIES),
        "price": tape.pick(_PRICES),
        "quantity": tape.pick(_QUANTITIES),
    }
    return {"event": tape.pick(_PRODUCT_EVENTS), "properties": properties}


def _order(tape: Tape) -> Json:
    properties: Json = {
        "order_id": tape.pick(_ORDERS),
        tape.pick(("total", "total", "revenue")): tape.pick(_TOTALS),
        "currency": "USD",
        "products": [
            {"product_id": tape.pick(PRODUCTS), "quantity": 1, "category": tape.pick(_CATEGORIES)}
            for _ in range(tape.pick(range(4)))
        ],
    }
    match tape.pick(range(6)):
        case 4:
            properties["coupon"] = tape.pick(("SPRING", ""))
        case 5:
            properties["discount"] = tape.pick((0, 5, "2.50"))
    return {"event": "Order Completed", "properties": properties}


def _order_change(tape: Tape) -> Json:
    properties: Json = {"order_id": tape.pick(_ORDERS)}
    if tape.one_in(2):
        properties["total"] = tape.pick(_TOTALS)
    return {"event": tape.pick(_ORDER_CHANGES), "properties": properties}


def _consent(tape: Tape) -> Json:
    # More often yes.
    stated = {
        purpose: tape.pick((True, True, True, False, None))
        for purpose in ("profiling", "marketing", "training")
    }
    return {"event": "Consent Changed", "properties": {"consents": stated}}


def _search(tape: Tape) -> Json:
    return {"event": "Products Searched", "properties": {"query": "warm boots"}}


def _only_seen(tape: Tape) -> Json:
    return {"event": tape.pick(_QUIET_EVENTS), "properties": {}}


def _feedback(tape: Tape) -> Json:
    return {"event": "Promotion Viewed", "properties": {"promotion_id": "p0"}}


def _traits(tape: Tape) -> Json:
    said = {
        "vip": tape.pick((None, True, False)),
        "age": tape.pick((None, 17, 18, 18.5, 40)),
        "city": tape.pick((None, "Berlin", "Delhi")),
    }
    return {"type": "identify", "traits": {name: value for name, value in said.items() if value is not None}}


_BODIES = (
    *(_product, _product, _product, _product, _product),
    *(_order, _order_change, _consent, _search, _search, _only_seen, _feedback, _traits),
)


_start = st.binary(min_size=2, max_size=2)
_event = st.binary(min_size=_CHOICES_PER_EVENT, max_size=_CHOICES_PER_EVENT)
# Made once: a strategy costs more to make than to draw from.
_EVENTS = [st.lists(_event, min_size=count, max_size=count) for count in range(31)]


@st.composite
def histories(draw: Any, events_max: int = 30) -> list[Json]:
    """Return events of the shopper `ann`, in the order of a walk through time, each messageId once."""
    first = Tape(draw(_start))
    at = first.pick(STARTS)
    # A rhythm, kept half of the time, meets the edge of a window again and again.
    rhythm = first.pick(_STEPS)
    events = []
    # A drawn count: Hypothesis alone would make most histories as short as it can.
    for number, random in enumerate(draw(_EVENTS[draw(st.integers(1, events_max))])):
        tape = Tape(random)
        at = max(at + (tape.pick(_STEPS) if tape.one_in(2) else rhythm), STARTS[-1])
        event = {"type": "track", "messageId": f"m{number}", "timestamp": at}
        event["anonymousId" if tape.one_in(10) else "userId"] = "ann"
        if tape.one_in(8):
            event["context"] = {"timezone": tape.pick(_ZONES), "locale": "de"}
        events.append(event | tape.pick(_BODIES)(tape))
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
    places = draw(st.binary(min_size=len(events), max_size=len(events)))
    arrivals = [event for _, event in sorted(zip(places, events, strict=True), key=lambda pair: pair[0])]
    tape = draw(tapes(9))
    for _ in range(tape.pick(range(5))):
        arrivals.insert(tape.pick(range(len(arrivals) + 1)), tape.pick(arrivals))
    return arrivals


@st.composite
def nearly_in_order(draw: Any, events: list[Json]) -> list[Json]:
    """Return the events by time, but for a few that come late, and a few that come twice."""
    arrivals = sorted(events, key=lambda event: event["timestamp"])
    tape = draw(tapes(12))
    for _ in range(tape.pick(range(4))):
        late = arrivals.pop(tape.pick(range(len(arrivals))))
        arrivals.insert(tape.pick(range(len(arrivals) + 1)), late)
    for _ in range(tape.pick(range(3))):
        arrivals.insert(tape.pick(range(len(arrivals) + 1)), tape.pick(arrivals))
    return arrivals


_OPS = ("at_least", "at_most", "above", "below", "equals")
_WITHIN_ANY = (None, None, "1d", "2d", "7d", "35d", "30m", "1h", "24h")
_WITHIN_DAYS = (None, "1d", "7d", "35d")
_SMALL = range(5)
_SEGMENTS = ("champion", "loyal", "new", "promising", "at_risk", "lost", "prospect")


def _comparison(tape: Tape) -> Json:
    op = tape.pick(_OPS)
    match tape.pick(range(12)):
        case 0 | 1:
            tag, limit = tape.pick(("shoes", "camping", "Shoes ")), tape.pick((0.5, 1.0, 2.0, 4.0, 0))
            return {"feature": "affinity", "tag": tag, op: limit}
        case 2 | 3:
            name = tape.pick(("views", "clicks", "cart_adds", "orders"))
            return {"feature": name, "within": tape.pick(_WITHIN_ANY), op: tape.pick(_SMALL)}
        case 4:
            return {"feature": "searches", "within": tape.pick(_WITHIN_DAYS), op: tape.pick(_SMALL)}
        case 5:
            limit = tape.pick((0, 19.99, 100, 135.5))
            return {"feature": "spend", "within": tape.pick(_WITHIN_ANY), op: limit}
        case 6:
            return {"feature": "cart_value", op: tape.pick((0, 5, 19.99, 44.98))}
        case 7:
            return {"feature": tape.pick(("cart_items", "session_events")), op: tape.pick(_SMALL)}
        case 8:
            name = tape.pick(("days_since_order", "days_since_seen"))
            return {"feature": name, op: tape.pick((0, 1, 7, 30))}
        case 9:
            return {"feature": "session_minutes", op: tape.pick((0, 1, 30, 20.5))}
        case 10:
            return {"feature": "rfm", "one_of": tape.some(_SEGMENTS, 3, shortest=1)}
    return tape.pick(_OTHER_COMPARISONS)


_OTHER_COMPARISONS: tuple[Json, ...] = (
    {"feature": "is_known", "equals": True},
    {"feature": "is_known", "equals": False},
    {"feature": "trait", "name": "vip", "equals": True},
    {"feature": "trait", "name": "age", "at_least": 18},
    {"feature": "trait", "name": "age", "one_of": [17, 18.5]},
    {"feature": "trait", "name": "city", "equals": "Berlin"},
    {"feature": "trait", "name": "timezone", "one_of": ["Asia/Kolkata", "Mars/Base"]},
)


def _condition(tape: Tape, depth: int = 0) -> Json:
    """Return a comparison, or some of them joined, at most three levels deep."""
    joined = tape.pick(("", "", "all", "any", "not")) if depth < 3 else ""
    match joined:
        case "":
            return _comparison(tape)
        case "not":
            return {"not": _condition(tape, depth + 1)}
    parts = (1, 2, 3) if depth == 0 else (1, 2)
    return {joined: [_condition(tape, depth + 1) for _ in range(tape.pick(parts))]}


_COPIES = (
    None,
    None,
    {"template": "Still looking at {first_product}?"},
    {"template": "{name} {{first_product}}"},
)
_SHOWN: tuple[Json | None, ...] = (
    None,
    {"from": "cart"},
    {"from": "viewed", "at_most": 1},
    {"from": "viewed"},
)
_TRIGGERS = (
    *(["Product Viewed"], ["Product Viewed"], ["Product Viewed", "Product Added", "Products Searched"]),
    *(["Products Searched", "Product Viewed"], ["Order Completed", "Product Added"], ["Checkout Started"]),
)
_TIMERS = (
    *(["Cart Abandoned"], ["Session Ended", "Cart Abandoned"]),
    *(["Days Without Visit", "Product Viewed"], ["Order Anniversary", "Session Ended"]),
)
_AFTERS = (None, "20m", "60m", "1h", "1d", "24h", "30d")
_CAP_LENGTHS = ("1h", "1d", "7d", "35d")
#: Of a campaign: its conditions may have three parts of two parts of two comparisons.
_CHOICES_PER_CAMPAIGN = 120


def _campaign(tape: Tape, place: int, timers: bool) -> Json:
    shown, copy = tape.pick(_SHOWN), tape.pick(_COPIES)
    if shown is None and copy is not None:
        copy = {"template": "{name} {{first_product}}"}
    offer = {
        "promotion_id": f"p{place}",
        "name": f"offer {place}",
        "cost": tape.pick((0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 1.01)),
        "products": shown,
        "copy": copy,
    }
    triggers = tape.pick(_TIMERS) if timers and tape.one_in(2) else tape.pick(_TRIGGERS)
    live: Json = {}
    if tape.one_in(6):
        live = {"from": "2026-03-28T00:00:00Z", "to": "2026-10-25T00:00:00Z"}
    return {
        "id": f"c{place}",
        "triggers": triggers,
        "after": tape.pick(_AFTERS) if timers else None,
        "offers": [offer],
        "live": live,
        "valid_for": tape.pick(("7d", "7d", "7d", "9h", "1m")),
        "reach_within": tape.pick(("10m", "10m", "9m")),
        "priority": tape.pick((0, 0, 0, 0, 1, -1)),
        "caps": [
            {"at_most": tape.pick((1, 2, 3)), "per": tape.pick(_CAP_LENGTHS)}
            for _ in range(tape.pick((0, 1, 2)))
        ],
        "hold_out": tape.pick((0.0, 0.0, 0.0, 0.5, 1.0)),
        "purpose": tape.pick(("marketing", "marketing", "training", "profiling")),
        "when": _condition(tape) if tape.one_in(2) else None,
    }


def _shop(tape: Tape) -> Json:
    quiet = (("21:00", "08:00"), ("02:30", "03:00"), ("13:00", "13:01"), ("03:30", "02:15"))
    hours = tape.pick(quiet) if tape.one_in(3) else None
    return {
        "time_zone": tape.pick(("UTC", "Europe/Berlin", "America/New_York")),
        "cool_down": tape.pick((None, None, "20m", "1h", "1d", "7d")),
        "hold_out": tape.pick((0.0, 0.0, 0.0, 0.3)),
        "salt": tape.pick(("", "spring")),
        "quiet_hours": None if hours is None else {"from": hours[0], "to": hours[1]},
    }


@st.composite
def campaign_files(draw: Any, campaigns_max: int = 3, timers: bool = False) -> CampaignFile:
    """Return a file that the checks pass; with `timers`, time alone sets some of its campaigns off."""
    shop = _shop(draw(tapes(7)))
    some = draw(st.lists(tapes(_CHOICES_PER_CAMPAIGN), min_size=1, max_size=campaigns_max))
    tree = {"shop": shop, "campaigns": [_campaign(tape, place, timers) for place, tape in enumerate(some)]}
    file = msgspec.convert(tree, CampaignFile)
    campaign_checks.check(file)
    return file


def _catalog(tape: Tape) -> dict[str, Product]:
    rows: dict[str, Product] = {}
    for product_id in tape.some(PRODUCTS, 4, shortest=1):
        margin, stock = tape.pick((None, 500, 2020, 3000)), tape.pick((None, 0, 3, 3))
        rows[product_id] = Product(
            product_id, None, "camping", None if margin is None else Minor(margin), stock
        )
    return rows


catalogs = tapes(13).map(_catalog)

"""The model of truth for profiles: slow, short, written from the contract alone.

Shares no code with `schemas` or `processors`. Takes events that the border would accept, as parsed
JSON, tags by category, and returns the objects of `profiles.jsonl`. Whatever can be said as a sum or a
sorted list over all events is said so; only what depends on bounds is played event by event.
"""

from collections import defaultdict
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from hashlib import blake2b
from typing import Any

Json = dict[str, Any]

DAY = 86_400_000
HALF_LIFE = 14 * DAY
V1 = {
    "Viewed Product": "Product Viewed",
    "Clicked Product": "Product Clicked",
    "Added Product": "Product Added",
    "Removed Product": "Product Removed",
    "Viewed Product Category": "Product List Viewed",
    "Started Order": "Checkout Started",
    "Updated Order": "Order Updated",
    "Completed Order": "Order Completed",
    "Viewed Promotion": "Promotion Viewed",
    "Clicked Promotion": "Promotion Clicked",
}
KINDS = {
    "Product Viewed": "view",
    "Product Clicked": "click",
    "Product Added to Wishlist": "wish",
    "Product Added": "add",
    "Product Removed": "remove",
}
WEIGHTS = {"view": 1, "click": 1, "wish": 3, "add": 4, "remove": -2}
DAY_FIELDS = ("views", "clicks", "searches", "cart_adds", "orders", "spend")


def millis(text: str | float) -> int:
    """Return the event time in ms; ISO-8601 without a zone is UTC."""
    if not isinstance(text, str):
        return int(text // 1)
    when = datetime.fromisoformat(text)
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    whole = when.replace(microsecond=0)
    return int(whole.timestamp()) * 1000 + when.microsecond // 1000


def minor(amount: str | float, digits: int) -> int:
    """Return minor units, half up on the decimal text."""
    scaled = Decimal(amount if isinstance(amount, str) else repr(amount)).scaleb(digits)
    return int(scaled.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def tie(message_id: str) -> bytes:
    """Return the bytes that break ties."""
    return blake2b(message_id.encode()).digest()[:6]


def profiles(
    events: list[Json], as_of: int | None = None, digits: int = 2, catalog: dict[str, str] | None = None
) -> list[Json]:
    """Return the profile lines of all shoppers, sorted by user_id; `catalog` has categories by product."""
    end = as_of if as_of is not None else max(millis(e["timestamp"]) for e in events)
    mine, came_from = belonging(events)
    lines = {user: profile(user, mine[user], end, digits, catalog or {}) for user in sorted(mine)}
    for user, others in came_from.items():
        lines[user]["merged_from"] = sorted(others)
    return list(lines.values())


def belonging(events: list[Json]) -> tuple[dict[str, list[Json]], dict[str, set[str]]]:
    """Return whose each event is in the end, and the ids that each shopper took in: all events, in story order."""
    mine: dict[str, list[Json]] = {}
    came_from: dict[str, set[str]] = {}
    redirects: dict[str, str] = {}
    for event in sorted(events, key=lambda e: (millis(e["timestamp"]), tie(e["messageId"]))):
        home = event.get("userId") or event["anonymousId"]
        for _ in range(4):
            home = redirects.get(home, home)
        mine.setdefault(home, []).append(event)
        other = other_id(event)
        if other is None or other == home:
            continue
        if other not in redirects:  # the first one moves all that there was
            mine[home] += mine.pop(other, [])
            came_from[home] = came_from.get(home, set()) | came_from.pop(other, set()) | {other}
        redirects[other] = home
    return mine, came_from


def other_id(event: Json) -> str | None:
    """Return the second id of an identify or alias; one that names the same id twice has none (ruling 39)."""
    user = event.get("userId")
    if event["type"] == "alias":
        other = event["previousId"]
    else:
        other = event.get("anonymousId") if event["type"] == "identify" and user else None
    return None if other == user else other


def in_story_order(events: list[Json]) -> list[Json]:
    """Return the events by (time, digest), each message once."""
    once: dict[str, Json] = {}
    for event in sorted(events, key=lambda e: (millis(e["timestamp"]), tie(e["messageId"]))):
        once.setdefault(event["messageId"], event)
    return list(once.values())


def profile(user: str, events: list[Json], as_of: int, digits: int, catalog: dict[str, str]) -> Json:
    """Return one profile line from all events of one shopper."""
    story = [
        (millis(e["timestamp"]), tie(e["messageId"]), name_of(e), e.get("properties") or {})
        for e in in_story_order(events)
    ]
    times = [at for at, *_ in story]
    touches, cart_log, weights = logs(story, digits, catalog)
    orders, totals = play_orders(story, digits)
    recent = sorted(touches)[-50:]
    counts = {
        field: sum(name == wanted for _, _, name, _ in story)
        for field, wanted in (
            ("views", "Product Viewed"),
            ("clicks", "Product Clicked"),
            ("cart_adds", "Product Added"),
            ("searches", "Products Searched"),
            ("refunds", "Order Refunded"),
        )
    }
    return {
        "user_id": user,
        "first_seen": min(times),
        "last_seen": max(times),
        **counts,
        "orders": totals["orders"],
        "spend": totals["spend"],
        "affinity": affinity(weights, as_of),
        "cart": cart(sorted(cart_log)[-32:], as_of),
        "recent": [{"product_id": product, "kind": kind, "at": at} for at, _, _, product, kind in recent],
        "orders_log": [
            order_line(order_id, order)
            for order_id, order in sorted(orders.items(), key=lambda item: (order_at(item[1]), item[0]))
        ],
        "session": session([at for at, *_ in recent]),
        "days": days(story, orders, totals["evicted"], max(times)),
        "rfm": rfm(orders, as_of),
        "consent": consent(story),
        "merged_from": [],
    }


def name_of(event: Json) -> str:
    """Return the canonical event name."""
    if event["type"] != "track":
        return str(event["type"])
    return V1.get(event["event"], event["event"])


def logs(story: list[Any], digits: int, catalog: dict[str, str]) -> tuple[list[Any], list[Any], list[Any]]:
    """Return all entries of `recent` and `cart_log`, and (tag, time, weight) of every touch, unbounded."""
    touches, cart_log, weights = [], [], []
    for at, digest, name, props in story:
        if name in KINDS:
            kind = KINDS[name]
            product = str(props["product_id"])
            touches.append((at, digest, 0, product, kind))
            if category := props.get("category") or catalog.get(product):
                weights.append((category, at, WEIGHTS[kind]))
            if kind in ("add", "remove"):
                price = None if props.get("price") is None else minor(props["price"], digits)
                cart_log.append((at, digest, 0, product, kind, int(float(props.get("quantity") or 1)), price))
        if name == "Order Completed":
            for line, item in enumerate(props["products"]):
                touches.append((at, digest, line, str(item["product_id"]), "buy"))
                cart_log.append((at, digest, line, str(item["product_id"]), "bought", 0, None))
                if category := item.get("category") or catalog.get(str(item["product_id"])):
                    weights.append((category, at, 8))
    # None does not compare; (at, digest, line) is unique within a message, so nothing after it ever does.
    return touches, cart_log, weights


def affinity(weights: list[Any], as_of: int) -> dict[str, float]:
    """Return tag -> sum of weight * 2^(-(age)/half-life), those that round above 0."""
    sums: dict[str, float] = defaultdict(float)
    for tag, at, weight in weights:
        sums[tag] += weight * 2.0 ** (-(as_of - at) / HALF_LIFE)
    return {tag: round(value, 6) for tag, value in sums.items() if round(value, 6) > 0}


def cart(log: list[Any], as_of: int) -> Json:
    """Play the newest 32 cart operations."""
    held: dict[str, Json] = {}
    for at, _, _, product, op, quantity, price in log:
        if op == "add" and as_of - at <= 30 * DAY:
            before = held.get(product, {"quantity": 0})["quantity"]
            held[product] = {"quantity": before + quantity, "price": price, "added": at}
        elif op == "remove" and product in held:
            held[product]["quantity"] -= quantity
            if held[product]["quantity"] <= 0:
                del held[product]
        elif op == "bought":
            held.pop(product, None)
    return held


def session(times: list[int]) -> Json:
    """Walk back from the newest entry while gaps stay at or below 30 minutes."""
    if not times:
        return {"start": None, "events": 0}
    first = len(times) - 1
    while first > 0 and times[first] - times[first - 1] <= 30 * 60_000:
        first -= 1
    return {"start": times[first], "events": len(times) - first}


def play_orders(story: list[Any], digits: int) -> tuple[dict[str, Json], Json]:
    """Play order events in (time, digest) order with the bound of 64; return the log and the totals."""
    log: dict[str, Json] = {}
    gone: list[Json] = []
    for at, digest, name, props in story:
        if not name.startswith("Order "):
            continue
        order = log.setdefault(
            str(props["order_id"]),
            {
                "done": None,
                "noted": None,
                "totals": [],
                "discounts": [],
                "refunds": [],
                "whole": False,
                "cancelled": False,
            },
        )
        amount = props.get("total") if props.get("total") is not None else props.get("revenue")
        value = None if amount is None else minor(amount, digits)
        if name in ("Order Completed", "Order Updated") and value is not None:
            order["totals"].append((at, digest, value))
        if name == "Order Completed":
            order["done"] = at if order["done"] is None else min(order["done"], at)
            order["discounts"].append(
                (at, digest, bool(props.get("coupon")) or float(props.get("discount") or 0) > 0)
            )
        else:
            order["noted"] = at if order["noted"] is None else min(order["noted"], at)
        if name == "Order Refunded" and value is None:
            order["whole"] = True
        elif name == "Order Refunded":
            order["refunds"].append(value)
        order["cancelled"] |= name == "Order Cancelled"
        while len(log) > 64:
            oldest = min(log, key=lambda key: (order_at(log[key]), key))
            gone.append(log.pop(oldest))
    counted = [
        order for order in (*log.values(), *gone) if order["done"] is not None and not order["cancelled"]
    ]
    return log, {"orders": len(counted), "spend": sum(map(worth, counted)), "evicted": gone}


def order_at(order: Json) -> int:
    """Return when an order happened: its earliest Completed, else the earliest note of it."""
    at = order["done"] if order["done"] is not None else order["noted"]
    assert isinstance(at, int)
    return at


def total_of(order: Json) -> int | None:
    """Return the newest total of a completed order."""
    return max(order["totals"])[2] if order["done"] is not None else None


def refunded_of(order: Json) -> int | None:
    """Return what went back, never more than the total once that is known."""
    total = total_of(order)
    if order["whole"]:
        return total
    return sum(order["refunds"]) if total is None else min(sum(order["refunds"]), total)


def worth(order: Json) -> int:
    """Return what a completed, not cancelled order is worth."""
    total, back = total_of(order), refunded_of(order)
    assert total is not None and back is not None
    return max(0, total - back)


def order_line(order_id: str, order: Json) -> Json:
    """Return one entry of `orders_log`."""
    return {
        "order_id": order_id,
        "at": order_at(order),
        "total": total_of(order),
        "refunded": refunded_of(order),
        "cancelled": order["cancelled"],
        "discounted": max(order["discounts"])[2] if order["discounts"] else False,
    }


def days(story: list[Any], orders: dict[str, Json], evicted: list[Json], last_seen: int) -> Json:
    """Return the calendar days of the last 35 on which something happened."""
    found: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(DAY_FIELDS, 0))
    fields = {
        "Product Viewed": "views",
        "Product Clicked": "clicks",
        "Products Searched": "searches",
        "Product Added": "cart_adds",
    }
    for at, _, name, _ in story:
        if name in fields:
            found[at // DAY][fields[name]] += 1
    for order in (*orders.values(), *evicted):
        if order["done"] is not None and not order["cancelled"]:
            found[order["done"] // DAY]["orders"] += 1
            found[order["done"] // DAY]["spend"] += worth(order)
    newest = last_seen // DAY
    return {
        datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d"): counts
        for day, counts in sorted(found.items())
        if newest - 34 <= day <= newest and any(counts.values())
    }


def rfm(orders: dict[str, Json], as_of: int) -> Json:
    """Return raw recency, frequency and money of the orders in the log."""
    real = [order for order in orders.values() if order["done"] is not None and not order["cancelled"]]
    year = [order for order in real if as_of - 365 * DAY < order["done"] <= as_of]
    newest = max((order["done"] for order in real), default=None)
    return {
        "recency": None if newest is None else (as_of - newest) // DAY,
        "frequency": len(year),
        "monetary": sum(map(worth, year)),
    }


def consent(story: list[Any]) -> Json:
    """Return the last word on each purpose."""
    stated: dict[str, Json] = {}
    for at, _, name, props in story:  # the story is in (time, digest) order: later words win
        if name == "Consent Changed":
            for purpose in ("profiling", "marketing", "training"):
                if props["consents"].get(purpose) is not None:
                    stated[purpose] = {"granted": props["consents"][purpose], "at": at}
    return stated

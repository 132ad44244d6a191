"""Events of shoppers for tests on the broker: most kinds, from a seed, in the order of their times.

Shoppers `one-...` send everything through `clicks`, so their decisions can be compared with a replay's.
Shoppers `many-...` send each event to its own topic; of them only the profiles can be.
"""

from random import Random
from typing import Any, NamedTuple

import msgspec

CATEGORIES = ("running-shoes", "yoga", "camping", "coffee", "kitchen", "headphones")
STEP_MS = 250
_KINDS = (
    ("Product Viewed", 46),
    ("Product Clicked", 12),
    ("Product Added", 12),
    ("Product Removed", 4),
    ("Product Added to Wishlist", 4),
    ("Products Searched", 9),
    ("Product List Viewed", 4),
    ("Order Completed", 4),
    ("Order Refunded", 1),
    ("Order Cancelled", 1),
    ("Promotion Viewed", 2),
    ("Consent Changed", 1),
)
_TOPICS = {"Order": "purchases", "Promotion": "feedback", "Consent": "identities"}


class Sent(NamedTuple):
    """One record for Kafka; `topic` is the name without prefix."""

    topic: str
    key: str
    value: bytes


def shopping(seed: int, shoppers: int, events: int, end_ms: int) -> list[Sent]:
    """Return `events` events of `shoppers` shoppers, the last of them just before `end_ms`."""
    rng = Random(seed)
    names = [("one" if number % 2 else "many") + f"-{number:04d}" for number in range(shoppers)]
    start_ms = end_ms - events * STEP_MS
    sent = [_event(rng, name, "Consent Changed", n, start_ms) for n, name in enumerate(names[:events])]
    kinds, weights = zip(*_KINDS, strict=True)
    chosen = rng.choices(kinds, weights, k=events - len(sent))
    for number, kind in enumerate(chosen, len(sent)):
        # Some shoppers do much more than others.
        name = names[int(shoppers * rng.random() ** 1.7)]
        sent.append(_event(rng, name, kind, number, start_ms))
    return sent


def track(user: str, message_id: str, at_ms: int, event: str, **properties: object) -> dict[str, Any]:
    """Return one track event as parsed JSON."""
    return {
        "type": "track",
        "event": event,
        "messageId": message_id,
        "timestamp": at_ms,
        "userId": user,
        "properties": properties,
    }


def view(user: str, message_id: str, at_ms: int, **changes: object) -> bytes:
    """Return a Product Viewed as bytes; `changes` replace properties."""
    properties = {"product_id": "p1", "name": "A shoe", "category": "running-shoes"} | changes
    return msgspec.json.encode(track(user, message_id, at_ms, "Product Viewed", **properties))


def _event(rng: Random, name: str, kind: str, number: int, start_ms: int) -> Sent:
    at_ms = start_ms + number * STEP_MS
    value = track(name, f"m{number}-{start_ms}", at_ms, kind, **_properties(rng, kind, number))
    value["context"] = {"locale": "en-US", "timezone": "UTC"}
    topic = "clicks" if name.startswith("one") else _TOPICS.get(kind.split(" ", 1)[0], "clicks")
    return Sent(topic, name, msgspec.json.encode(value))


def _properties(rng: Random, kind: str, number: int) -> dict[str, Any]:
    if kind == "Products Searched":
        return {"query": rng.choice(CATEGORIES)}
    if kind == "Product List Viewed":
        return {"list_id": "spring"}
    if kind == "Promotion Viewed":
        return {"promotion_id": "run-10"}
    if kind == "Consent Changed":
        return {"consents": {"marketing": rng.random() < 0.8}}
    if kind == "Order Completed":
        lines = [_product(rng) | {"quantity": rng.randint(1, 3)} for _ in range(rng.randint(1, 3))]
        return {
            "order_id": f"o{number}",
            "total": 20 + rng.randrange(200),
            "currency": "USD",
            "products": lines,
        }
    if kind.startswith("Order"):
        return {"order_id": f"o{rng.randrange(number + 1)}", "total": rng.randrange(50)}
    return _product(rng) | {"quantity": rng.randint(1, 2)}


def _product(rng: Random) -> dict[str, Any]:
    number = rng.randrange(60)
    category = CATEGORIES[number % len(CATEGORIES)]
    return {
        "product_id": f"p{number}",
        "name": f"{category} no {number}",
        "category": category,
        "price": 5 + number + 0.95,
        "currency": "USD",
    }

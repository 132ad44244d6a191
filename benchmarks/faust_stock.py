"""The rival next door: the same job as a stock Faust agent with a table, as Faust's own manual writes it.

Settings are Faust's defaults: JSON codec, changelog on, at least once. Run by `beckon bench`, which passes
brokers, topics and the like in `STOCK_...` variables:
`python -m benchmarks.faust_stock worker --without-web -l warn`.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import faust
from msgspec import Struct

HALF_LIFE_S = 14 * 86_400.0
RECENT_MAX = 20
COUNTERS = {
    "Product Viewed": "views",
    "Product Clicked": "clicks",
    "Product Added": "cart_adds",
    "Products Searched": "searches",
    "Order Completed": "orders",
    "Order Refunded": "refunds",
}
WEIGHTS = {"Product Viewed": 1.0, "Product Clicked": 1.0, "Product Added": 4.0, "Order Completed": 8.0}

Profile = dict[str, Any]
Event = dict[str, Any]


class Promoting(Struct, frozen=True):
    """After one of `triggers`, an interest of at least `interest` in one of `categories` brings a promotion."""

    triggers: tuple[str, ...]
    interest: float
    categories: tuple[str, ...]


def new_profile() -> Profile:
    """Return the profile of a shopper who did nothing yet."""
    return {**dict.fromkeys(COUNTERS.values(), 0), "last_seen": 0.0, "affinity": {}, "recent": []}


def build(settings: Mapping[str, str]) -> faust.App:
    """Return the app with its one agent; `settings` has the `STOCK_...` variables."""
    app = faust.App(
        settings["STOCK_APP"],
        broker="kafka://" + settings["STOCK_SERVERS"],
        store="memory://",
        datadir=settings["STOCK_FOLDER"],
        topic_partitions=int(settings["STOCK_PARTITIONS"]),
        topic_replication_factor=1,
    )
    events = app.topic(*settings["STOCK_TOPICS"].split(","), key_type=str, value_serializer="json")
    promotions = app.topic(settings["STOCK_PROMOTIONS"], key_type=str, value_serializer="json")
    profiles = app.Table("profiles", default=new_profile)
    rule = Promoting(
        tuple(settings["STOCK_TRIGGERS"].split(",")),
        float(settings["STOCK_INTEREST"]),
        tuple(settings["STOCK_PROMOTED"].split(",")),
    )

    @app.agent(events)
    async def count(stream: Any) -> None:
        """Update the shopper's profile with every event, and promote where the interest is strong."""
        async for event in stream:
            shopper = event.get("userId") or event["anonymousId"]
            profile = profiles[shopper]
            promotion = update(profile, event, rule)
            profiles[shopper] = profile  # a stored value changes by being set: this writes the changelog
            if promotion is not None:
                await promotions.send(key=shopper, value=promotion)

    return app


def update(profile: Profile, event: Event, rule: Promoting) -> Profile | None:
    """Change a profile in place by one event; return the promotion that it brings, if any."""
    name, properties = event["event"], event["properties"]
    at = datetime.fromisoformat(event["timestamp"]).timestamp()
    profile["last_seen"] = max(profile["last_seen"], at)
    counter = COUNTERS.get(name)
    if counter is not None:
        profile[counter] += 1
    weight = WEIGHTS.get(name)
    if weight is not None:
        for product in properties.get("products", (properties,)):
            profile["recent"] = [*profile["recent"], product["product_id"]][-RECENT_MAX:]
            interest = _at(profile["affinity"], product["category"], at) + weight
            profile["affinity"][product["category"]] = [interest, at]
    if name not in rule.triggers:
        return None
    for category in rule.categories:
        interest = _at(profile["affinity"], category, at)
        if interest >= rule.interest:
            return {"id": event["messageId"], "category": category, "interest": interest}
    return None


def _at(affinity: dict[str, list[float]], category: str, at: float) -> float:
    strength, as_of = affinity.get(category, (0.0, at))
    faded: float = strength * 2.0 ** ((as_of - at) / HALF_LIFE_S)
    return faded


if __name__ == "__main__":
    build(os.environ).main()

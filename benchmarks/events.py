"""The events of the two jobs of design 12, and what must come out of them.

Both are made from a seed, so that every run and every engine gets the same bytes. Unless a load says otherwise,
every title and every query is new: whoever reads texts with a model must read each of them.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from schemas.events import EventName
from schemas.ids import MS_PER_DAY
from schemas.timestamps import iso_utc
from schemas.topics import CLICKS

#: 2024-01-01T00:00:00Z: behind every clock, so that no event lies in the future.
START_MS = 1_704_067_200_000
#: A tenth of a second between two events of the peer job, as in the measurements of its rivals.
STEP_MS = 100
SHOPPERS = 20_000
#: Zipf's exponent: the busiest shopper of 20,000 does about 3 % of all that happens.
SKEW = 0.8
#: The full job gives a shopper this many events, enough to fill the bounded logs of a profile.
EVENTS_PER_SHOPPER = 200
#: The full job's events are spread over this many days; profiles count 35.
DAYS = 34


class Job(StrEnum):
    """`peer`: small profiles, the job that rivals ran too. `full`: a real shop's visits, full profiles."""

    PEER = "peer"
    FULL = "full"


class Load(Struct, frozen=True):
    """What an engine is given to do.

    `skew` 0: all of the peer job's shoppers are equally busy. `promotions`: percent of its events that bring one.
    `unseen`: the share of its texts that no other event has; the others are titles of its 5,000 products.
    `silent` campaigns more wait for an event that never comes.
    """

    job: Job
    events: int
    shoppers: int = SHOPPERS
    skew: float = SKEW
    promotions: int = 2
    unseen: float = 1.0
    silent: int = 0


class Record(NamedTuple):
    """One event as it goes to Kafka; `key` is its shopper."""

    topic: str
    key: str
    name: EventName
    value: bytes


class Counts(Struct, frozen=True):
    """What a profile counted; equal for equal events, whoever counts."""

    views: int = 0
    clicks: int = 0
    cart_adds: int = 0
    searches: int = 0
    orders: int = 0
    refunds: int = 0


#: Which counter an event moves; the others move none.
COUNTED: Mapping[EventName, int] = {
    EventName.PRODUCT_VIEWED: 0,
    EventName.PRODUCT_CLICKED: 1,
    EventName.PRODUCT_ADDED: 2,
    EventName.PRODUCTS_SEARCHED: 3,
    EventName.ORDER_COMPLETED: 4,
    EventName.ORDER_REFUNDED: 5,
}


def expected(records: Iterable[Record]) -> dict[str, Counts]:
    """Return what every shopper's profile must have counted in the end; no order comes twice."""
    found: dict[str, list[int]] = {}
    for record in records:
        counters = found.setdefault(record.key, [0, 0, 0, 0, 0, 0])
        place = COUNTED.get(record.name)
        if place is not None:
            counters[place] += 1
    return {shopper: Counts(*counters) for shopper, counters in found.items()}


def make(load: Load) -> Iterator[Record]:
    """Yield the events of a job, in the order in which they happened."""
    return _peer(load) if load.job is Job.PEER else _full(load.events)


_SHELVES: Mapping[str, tuple[str, ...]] = {
    "running-shoes": ("trail running shoe", "road runner", "marathon racer"),
    "yoga": ("yoga mat", "cork block", "meditation cushion"),
    "camping": ("two-person tent", "sleeping bag", "camp stove"),
    "coffee": ("espresso beans", "pour-over kettle", "burr grinder"),
    "kitchen": ("chef knife", "cast-iron pan", "mixing bowl"),
    "headphones": ("wireless headphones", "studio earbuds", "headphone case"),
    "gaming": ("gaming mouse", "mechanical keyboard", "console stand"),
    "skincare": ("night cream", "vitamin serum", "clay mask"),
}
_LABELS = tuple(_SHELVES)
_COLOURS = ("black", "white", "red", "blue", "green", "grey")
_PRODUCTS = 5_000
_KINDS = (EventName.PRODUCT_VIEWED, EventName.PRODUCT_ADDED, EventName.ORDER_COMPLETED)
_KIND_WEIGHTS = (90, 7, 3)


def _peer(load: Load) -> Iterator[Record]:
    rng = Random("peer job")
    heights = list(accumulate(1 / rank**load.skew for rank in range(1, load.shoppers + 1)))
    encode = msgspec.json.Encoder().encode
    for number in range(load.events):
        place = bisect_right(heights, rng.random() * heights[-1], hi=load.shoppers - 1)
        (name,) = rng.choices(_KINDS, _KIND_WEIGHTS)
        # Everyone has a favourite shelf; looks at the others get rarer with their distance.
        label = _LABELS[(place + int(rng.random() ** 2 * len(_LABELS))) % len(_LABELS)]
        product: dict[str, Any] = {
            "product_id": f"p{rng.randrange(_PRODUCTS):04d}",
            "name": f"{rng.choice(_COLOURS)} {rng.choice(_SHELVES[label])} {number:06x}",
            "category": label,
            "price": rng.randint(500, 30_000) / 100,
        }
        if load.unseen < 1 and rng.random() >= load.unseen:
            product["name"] = title_of(int(product["product_id"][1:]))
        yield _peer_record(number, f"u{place:05d}", name, product, encode)


def title_of(product: int) -> str:
    """Return the title that a product of the peer job keeps, where its texts are not all new."""
    shelf = _SHELVES[_LABELS[product % len(_LABELS)]]
    return f"{_COLOURS[product % len(_COLOURS)]} {shelf[product % len(shelf)]} no {product:04d}"


def each_product_once(count: int = _PRODUCTS) -> Iterator[Record]:
    """Yield a view of every product of the peer job: whoever remembers texts knows all titles then."""
    encode = msgspec.json.Encoder().encode
    for number in range(count):
        label = _LABELS[number % len(_LABELS)]
        product = {"product_id": f"p{number:04d}", "name": title_of(number), "category": label, "price": 9.99}
        # Before all other events, as its place in the topic says.
        yield _peer_record(number - count, f"w{number:05d}", EventName.PRODUCT_VIEWED, product, encode)


def _peer_record(
    number: int, shopper: str, name: EventName, product: dict[str, Any], encode: Callable[[Any], bytes]
) -> Record:
    properties = _order(number, product) if name is EventName.ORDER_COMPLETED else product
    envelope = {
        "type": "track",
        "event": name.value,
        "messageId": f"{number:08x}",
        "timestamp": iso_utc(START_MS + number * STEP_MS),
        "userId": shopper,
        "properties": properties,
    }
    return Record(CLICKS.name, shopper, name, encode(envelope))


def _order(number: int, product: dict[str, Any]) -> dict[str, Any]:
    line = {**product, "quantity": 1}
    return {"order_id": f"o{number:08x}", "total": product["price"], "currency": "USD", "products": [line]}


def _full(count: int) -> Iterator[Record]:
    """The simulated shop's visits, with new texts, and categories that say what the titles say."""
    # The simulator takes its titles from the model's samples; the peer job does without both.
    from streams.simulator import Shop

    shop = Shop(1, max(8, count // EVENTS_PER_SHOPPER), START_MS, broken_share=0.0)
    interests = {product.id: product.interest for product in shop.goods.all()}
    span_ms = DAYS * MS_PER_DAY
    for number in range(count):
        event = shop.next(START_MS + number * span_ms // count)
        envelope = msgspec.json.decode(event.value)
        _renew(envelope["properties"], f" {number:06x}", interests.__getitem__)
        value = msgspec.json.encode(envelope)
        yield Record(event.topic, event.key, EventName(envelope["event"]), value)


def _renew(properties: dict[str, Any], mark: str, interest_of: Callable[[str], str]) -> None:
    if "query" in properties:
        properties["query"] += mark
    for product in (properties, *properties.get("products", ())):
        if "name" in product:
            product["name"] += mark
            product["category"] = interest_of(product["product_id"])

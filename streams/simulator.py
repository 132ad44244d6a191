"""A simulated shop: many shoppers at once, each event as a shop would send it. No clock, no I/O.

Same seed, same start and same calls give the same bytes. Times are given by the caller, so a file of
a day's events takes seconds, and a live demo runs in real time (a visit then passes in seconds: many
people are squeezed into a minute, but each one's story is whole).
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from schemas.events import EventName, Rejection
from schemas.topics import CLICKS
from streams.simulator_goods import Goods
from streams.simulator_shoppers import population
from streams.simulator_visits import Act, Offer, Visit

#: Titles with this seed on are never used in training (`models_onnx.sample_titles` takes seeds).
GOODS_SEED = 900_001
GOODS = 400
#: One event in 250 is broken, as some always are.
BROKEN_SHARE = 0.004


class Event(Struct, frozen=True):
    """A record for Kafka. `broken`: the reason for which it must become a dead letter, if it must."""

    topic: str
    key: str
    message_id: str
    value: bytes
    broken: Rejection | None = None


class Shop:
    """All shoppers of one simulation. `start_ms` only makes the message ids of two runs differ."""

    def __init__(
        self,
        seed: int,
        shoppers: int,
        start_ms: int,
        visitors: int | None = None,
        broken_share: float = BROKEN_SHARE,
    ) -> None:
        self.goods = Goods(GOODS_SEED + seed, GOODS)
        self.shoppers = population(seed, shoppers, self.goods.interests)
        self._seed = seed
        self._broken_share = broken_share
        self._rng = Random(f"shop {seed}")
        self._salt = f"{seed} {start_ms}"
        self._sent = 0
        self._offers: dict[str, Offer] = {}
        self._visits_of = dict.fromkeys((shopper.id for shopper in self.shoppers), 0)
        self._away = list(range(shoppers))
        self._present = [self._arrive() for _ in range(visitors or max(1, shoppers // 4))]

    def next(self, at_ms: int) -> Event:
        """Return the next event of the shop; it happens at `at_ms`."""
        present = self._rng.randrange(len(self._present))
        visit, acts = self._present[present]
        if self._rng.random() < self._broken_share:
            return self._break(self._envelope(visit, _SAMPLE, at_ms))
        act = next(acts, None)
        while act is None:
            visit, acts = self._present[present] = self._replace(visit)
            act = next(acts, None)
        envelope = self._envelope(visit, act, at_ms)
        return Event(act.topic, visit.shopper.id, envelope["messageId"], msgspec.json.encode(envelope))

    def promote(self, shopper_id: str, offer: Offer) -> None:
        """Let a promotion reach a shopper: it is noticed and changes the will to buy from now on."""
        self._offers[shopper_id] = offer

    def _arrive(self) -> tuple[Visit, Iterator[Act]]:
        # The one who leaves swaps places with the last: no search through thousands of shoppers.
        place = self._rng.randrange(len(self._away))
        self._away[place], self._away[-1] = self._away[-1], self._away[place]
        number = self._away.pop()
        shopper = self.shoppers[number]
        visit_number = self._visits_of[shopper.id]
        self._visits_of[shopper.id] += 1
        rng = Random(f"visit {self._seed} {shopper.id} {visit_number}")
        visit = Visit(shopper, visit_number, self.goods, rng, lambda: self._offers.get(shopper.id))
        return visit, visit.acts()

    def _replace(self, visit: Visit) -> tuple[Visit, Iterator[Act]]:
        self._away.append(int(visit.shopper.id.rpartition("-")[2]))
        return self._arrive()

    def _envelope(self, visit: Visit, act: Act, at_ms: int) -> dict[str, Any]:
        self._sent += 1
        shopper = visit.shopper
        return {
            "type": "track",
            "event": act.event.value,
            "messageId": blake2b(f"{self._salt} {self._sent}".encode(), digest_size=12).hexdigest(),
            "timestamp": iso(at_ms),
            "userId" if shopper.known else "anonymousId": shopper.id,
            "context": {
                "locale": shopper.locale,
                "timezone": shopper.timezone,
                "sessionId": f"{shopper.id}-{visit.number}",
            },
            "properties": act.properties,
        }

    def _break(self, envelope: dict[str, Any]) -> Event:
        reason, damage = self._rng.choice(_DAMAGES)
        value = damage(envelope)
        key = envelope.get("userId") or envelope["anonymousId"]
        return Event(CLICKS.name, key, envelope["messageId"], value, reason)


def iso(at_ms: int) -> str:
    """Return RFC 3339 with milliseconds.

    >>> iso(1_780_304_400_007)
    '2026-06-01T09:00:00.007Z'
    """
    whole = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def stream(shop: Shop, rate: float, seconds: float, start_ms: int) -> Iterator[Event]:
    """Yield `rate * seconds` events, evenly spaced in event time from `start_ms` on."""
    for number in range(round(rate * seconds)):
        yield shop.next(start_ms + int(number * 1000 / rate))


# What a broken event would have been: a look at a product.
_SAMPLE = Act(
    CLICKS.name, EventName.PRODUCT_VIEWED, {"product_id": "p-0000", "price": 9.95, "currency": "USD"}
)


def _with_properties(**changes: object) -> Callable[[dict[str, Any]], bytes]:
    def damage(envelope: dict[str, Any]) -> bytes:
        properties = {key: value for key, value in envelope["properties"].items() if key not in changes}
        properties |= {key: value for key, value in changes.items() if value is not None}
        return msgspec.json.encode({**envelope, "properties": properties})

    return damage


def _cut(envelope: dict[str, Any]) -> bytes:
    value = msgspec.json.encode(envelope)
    return value[: len(value) * 2 // 3]


def _yesterday(envelope: dict[str, Any]) -> bytes:
    return msgspec.json.encode({**envelope, "timestamp": "yesterday"})


_DAMAGES: tuple[tuple[Rejection, Callable[[dict[str, Any]], bytes]], ...] = (
    (Rejection.BAD_VALUE, _with_properties(price=-5)),
    (Rejection.WRONG_TYPE, _with_properties(price="cheap")),
    (Rejection.MISSING_FIELD, _with_properties(product_id=None)),
    (Rejection.BAD_TIMESTAMP, _yesterday),
    (Rejection.NOT_JSON, _cut),
)

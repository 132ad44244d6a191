"""What a shopper does during one visit, as a sequence of acts; pure, all chance comes from `rng`."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from msgspec import Struct

from schemas.events import EventName
from schemas.topics import CLICKS, FEEDBACK, IDENTITIES, PURCHASES
from streams.simulator_goods import Goods, Product
from streams.simulator_shoppers import Shopper

CURRENCY = "USD"


class Act(Struct, frozen=True):
    """One thing done: which topic and event, and the event's properties."""

    topic: str
    event: EventName
    properties: dict[str, Any]


class Offer(Struct, frozen=True):
    """A promotion that reached a shopper; `code` is the coupon's, if it has one."""

    promotion_id: str
    decision_id: str
    code: str | None


class Visit:
    """One visit. `newest_offer` tells which promotion reached the shopper last, if any."""

    def __init__(
        self,
        shopper: Shopper,
        number: int,
        goods: Goods,
        rng: Random,
        newest_offer: Callable[[], Offer | None],
    ) -> None:
        self.shopper = shopper
        self.number = number
        self._goods = goods
        self._rng = rng
        self._newest_offer = newest_offer
        self._seen_offer = newest_offer()
        self._cart: list[Product] = []

    def acts(self) -> Iterator[Act]:
        """Yield what the shopper does, one act at a time; an offer that comes meanwhile has its effect."""
        if self.number == 0 and self.shopper.marketing is not None:
            yield self._consent(self.shopper.marketing)
        for _ in range(self._rng.randint(1, 3)):
            yield from self._look_around(self._subject())
            yield from self._notice()
        if not self._cart:
            return
        if self._rng.random() < 0.2:
            yield _product_act(EventName.PRODUCT_REMOVED, self._cart.pop(), quantity=1)
        if self._cart and self._rng.random() < 0.6:
            yield from self._check_out()

    def _subject(self) -> str:
        if self._rng.random() < self.shopper.focus:
            return self.shopper.interest
        return self._rng.choice([other for other in self._goods.interests if other != self.shopper.interest])

    def _look_around(self, interest: str) -> Iterator[Act]:
        if self._rng.random() < 0.6:
            query = self._goods.query(interest, self._rng)
            yield Act(CLICKS.name, EventName.PRODUCTS_SEARCHED, {"query": query})
        # What they came for gets a longer look than what caught their eye.
        looks = self._rng.randint(1, 4 if interest == self.shopper.interest else 2)
        for _ in range(looks):
            product = self._goods.pick(interest, self._rng)
            if self._rng.random() < 0.4:
                yield _product_act(EventName.PRODUCT_CLICKED, product)
            yield _product_act(EventName.PRODUCT_VIEWED, product)
            if self._rng.random() < 0.25:
                self._cart.append(product)
                yield _product_act(EventName.PRODUCT_ADDED, product, quantity=1)

    def _notice(self) -> Iterator[Act]:
        offer = self._newest_offer()
        if offer is None or offer == self._seen_offer:
            return
        self._seen_offer = offer
        seen = {"promotion_id": offer.promotion_id, "decision_id": offer.decision_id}
        yield Act(FEEDBACK.name, EventName.PROMOTION_VIEWED, seen)
        if self._rng.random() < 0.4:
            yield Act(FEEDBACK.name, EventName.PROMOTION_CLICKED, seen)

    def _check_out(self) -> Iterator[Act]:
        value = _total(self._cart)
        yield Act(CLICKS.name, EventName.CHECKOUT_STARTED, {"value": value, "currency": CURRENCY})
        offer = self._newest_offer()
        chance = self.shopper.buys if offer is None else self.shopper.buys_promoted
        if self._rng.random() >= chance:
            return
        order_id = f"order-{self.shopper.id}-{self.number}"
        order: dict[str, Any] = {
            "order_id": order_id,
            "total": value,
            "currency": CURRENCY,
            "products": [{**_properties(product), "quantity": 1} for product in self._cart],
        }
        if offer is not None and offer.code:
            order["coupon"] = offer.code
        yield Act(PURCHASES.name, EventName.ORDER_COMPLETED, order)
        if self._rng.random() < 0.08:
            back = {"order_id": order_id, "total": self._cart[0].price, "currency": CURRENCY}
            yield Act(PURCHASES.name, EventName.ORDER_REFUNDED, back)

    def _consent(self, marketing: bool) -> Act:
        training = marketing and self._rng.random() < 0.5
        consents = {"profiling": True, "marketing": marketing, "training": training}
        return Act(IDENTITIES.name, EventName.CONSENT_CHANGED, {"consents": consents})


def _product_act(event: EventName, product: Product, **more: int) -> Act:
    return Act(CLICKS.name, event, {**_properties(product), **more})


def _properties(product: Product) -> dict[str, Any]:
    return {
        "product_id": product.id,
        "name": product.title,
        "category": product.department,
        "brand": product.brand,
        "price": product.price,
        "currency": CURRENCY,
    }


def _total(cart: list[Product]) -> float:
    return round(sum(product.price for product in cart), 2)

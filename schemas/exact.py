"""The exact lane of the border: any bytes, every rule, in the order of ruling 46.

Slow and complete; `schemas.decode` asks it whenever its fast lane does not accept a record.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from schemas import rejects
from schemas.events import (
    BrowseEvent,
    ConsentChanged,
    Envelope,
    EventName,
    FeedbackEvent,
    IdentityEvent,
    OrderCancelled,
    OrderCompleted,
    OrderLine,
    OrderRefunded,
    OrderUpdated,
    ProductEvent,
    Purpose,
    Rejection,
    SearchEvent,
    ShopEvent,
    Skipped,
)
from schemas.ids import MS_PER_DAY, EventTime, Minor, OrderId, ProductId, ShopperId, digest_of
from schemas.money import Amount, Money
from schemas.rejects import Json, Reject
from schemas.timestamps import EARLIEST, from_number, parse_time

RECORD_BYTES_MAX = 256 * 1024
DEPTH_MAX = 32
LINES_MAX = 1000
# Integers beyond all bounds: Python is slow to read long ones, and refuses the longest.
_INT_DIGITS_MAX = 400
_INT_TOO_LONG: int = 10**_INT_DIGITS_MAX

#: Segment V1 names (ruling 49); only names are mapped.
ALIASES = {
    "Viewed Product": EventName.PRODUCT_VIEWED,
    "Clicked Product": EventName.PRODUCT_CLICKED,
    "Added Product": EventName.PRODUCT_ADDED,
    "Removed Product": EventName.PRODUCT_REMOVED,
    "Viewed Product Category": EventName.LIST_VIEWED,
    "Started Order": EventName.CHECKOUT_STARTED,
    "Updated Order": EventName.ORDER_UPDATED,
    "Completed Order": EventName.ORDER_COMPLETED,
    "Viewed Promotion": EventName.PROMOTION_VIEWED,
    "Clicked Promotion": EventName.PROMOTION_CLICKED,
}
_TRACK_NAMES = {
    **{name.value: name for name in EventName if name not in (EventName.IDENTIFY, EventName.ALIAS)},
    **ALIASES,
}
# Every escape but one for half of a surrogate pair.
_ESCAPE = re.compile(
    rb"\\(?:[^u]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def parse(raw: bytes) -> Json:
    """Return the record as a JSON object, or raise `Reject`."""
    if len(raw) > RECORD_BYTES_MAX:
        raise Reject(Rejection.TOO_LARGE, "", f"has {len(raw)} bytes, {RECORD_BYTES_MAX} are allowed")
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, parse_int=_integer)
        if b"\\u" in raw and b"\\" in _ESCAPE.sub(b"", raw):
            raise ValueError("half of a surrogate pair")  # noqa: TRY301 - one way out of here
    except RecursionError:
        raise Reject(Rejection.TOO_LARGE, "", f"is nested deeper than {DEPTH_MAX}") from None
    except ValueError as error:
        remark = "looks like a schema-registry format; " if raw[:1] == b"\0" else ""
        raise Reject(Rejection.NOT_JSON, "", f"{remark}{error}"[:200]) from None
    if too_deep(raw):
        raise Reject(Rejection.TOO_LARGE, "", f"is nested deeper than {DEPTH_MAX}")
    if not isinstance(value, dict):
        rejects.wrong_type("", "an object", value)
    return value


def too_deep(raw: bytes) -> bool:
    """Return whether brackets outside of strings nest deeper than allowed; `raw` is valid JSON."""
    if raw.count(b"[") + raw.count(b"{") <= DEPTH_MAX:
        return False
    depth = 0
    for byte in _STRINGS.sub(b"", raw):
        if byte in b"[{":
            depth += 1
            if depth > DEPTH_MAX:
                return True
        elif byte in b"]}":
            depth -= 1
    return False


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) < _INT_DIGITS_MAX:
        return int(digits)
    return -_INT_TOO_LONG if digits[0] == "-" else _INT_TOO_LONG


class ExactReader:
    """Checks parsed records and builds events. `traits`: names of traits that may be kept."""

    def __init__(self, money: Money, traits: Collection[str]) -> None:
        self._money = money
        self._traits = frozenset(traits)

    def read(self, record: Json, broker_ms: int) -> ShopEvent | Skipped:
        """Return the event, or raise `Reject` with the first rule that it breaks."""
        version = record.get("schema_version")
        if version is not None and (isinstance(version, bool) or version != 1):
            raise Reject(Rejection.UNSUPPORTED_VERSION, "schema_version", "only version 1 is known")
        name = _name_of(record)
        if isinstance(name, Skipped):
            return name
        envelope = _envelope(record, name, broker_ms)
        if name in (EventName.IDENTIFY, EventName.ALIAS):
            return self._identity(record, envelope, name)
        properties = record.get("properties")
        if properties is not None and not isinstance(properties, dict):
            rejects.wrong_type("properties", "an object", properties)
        build = _BUILDERS[name]
        return build(self, envelope, name, properties or {})

    def _identity(self, record: Json, envelope: Envelope, name: EventName) -> IdentityEvent:
        traits = record.get("traits")
        kept = {
            key: value
            for key, value in (traits.items() if isinstance(traits, dict) else ())
            if key in self._traits and _is_trait(value)
        }
        source = "previousId" if name is EventName.ALIAS else "anonymousId"
        anonymous = rejects.identifier(record, source, source)
        other = anonymous if anonymous != envelope.shopper else None
        return IdentityEvent(envelope, name, other, kept)

    def _product(self, envelope: Envelope, name: EventName, props: Json) -> ShopEvent:
        product_id = rejects.required(_id(props, "product_id"), "properties.product_id")
        title, category, brand = _text(props, "name"), _text(props, "category"), _text(props, "brand")
        price = _amount(props, "price")
        currency = self._currency(props)
        quantity = rejects.quantity(props, "quantity", "properties.quantity")
        minor = self._minor(price, currency)
        return ProductEvent(
            envelope, name, ProductId(product_id), title, category, brand, minor, quantity or 1
        )

    def _search(self, envelope: Envelope, name: EventName, props: Json) -> ShopEvent:
        query = rejects.required(_text(props, "query"), "properties.query")
        return SearchEvent(envelope, name, query, _text(props, "category"))

    def _list(self, envelope: Envelope, name: EventName, props: Json) -> ShopEvent:
        _id(props, "list_id")
        _text(props, "category")
        rejects.array(props, "products", "properties.products")
        return BrowseEvent(envelope, name)

    def _cart(self, envelope: Envelope, name: EventName, props: Json) -> ShopEvent:
        rejects.array(props, "products", "properties.products")
        _amount(props, "value")
        self._currency(props)
        return BrowseEvent(envelope, name)

    def _order_completed(self, envelope: Envelope, name: EventName, props: Json) -> ShopEvent:
        order_id = rejects.required(_id(props, "order_id"), "properties.order_id")
        items = rejects.array(props, "products", "properties.products")
        if items is None:
            rejects.missing("properties.products")
        if len(items) > LINES_MAX:
            rejects.bad_value("properties.products", f"has more than {LINES_MAX} lines")
        heads = [_line_head(item, f"properties.products[{index}]") for index, item in enumerate(items)]
        total = _total(props)
        if total is None:
            rejects.missing("properties.total")
        currency = rejects.required(self._currency(props), "properties.currency")
        coupon = _text(props, "coupon")
        discount = _amount(props, "discount")
        lines = tuple(
            self._line(head, item, f"properties.products[{index}]", currency)
            for index, (head, item) in enumerate(zip(heads, items, strict=True))
        )
        discounted = coupon is not None or float(discount or 0) > 0
        minor = self._money.minor(total, currency)
        return OrderCompleted(envelope, name, OrderId(order_id), minor, discounted, lines)

    def _line(self, head: tuple[str, int], item: Json, path: str, currency: str) -> OrderLine:
        price = self._minor(rejects.amount(item, "price", f"{path}.price"), currency)
        title = rejects.text(item, "name", f"{path}.name", 1024)
        category = rejects.text(item, "category", f"{path}.category", 256)
        return OrderLine(ProductId(head[0]), head[1], title, category, price)

    def _order_change(self, envelope: Envelope, name: EventName, props: Json) -> ShopEvent:
        order_id = OrderId(rejects.required(_id(props, "order_id"), "properties.order_id"))
        total = _total(props)
        minor = self._minor(total, self._currency(props))
        rejects.array(props, "products", "properties.products")
        if name is EventName.ORDER_REFUNDED:
            return OrderRefunded(envelope, name, order_id, minor)
        if name is EventName.ORDER_CANCELLED:
            return OrderCancelled(envelope, name, order_id)
        return OrderUpdated(envelope, name, order_id, minor)

    def _promotion(self, envelope: Envelope, name: EventName, props: Json) -> ShopEvent:
        subject = rejects.required(_id(props, "promotion_id"), "properties.promotion_id")
        decision_id, creative = _id(props, "decision_id"), _text(props, "creative")
        _id(props, "position")
        return FeedbackEvent(envelope, name, subject, decision_id, None, creative)

    def _coupon(self, envelope: Envelope, name: EventName, props: Json) -> ShopEvent:
        subject = rejects.required(_id(props, "coupon_id"), "properties.coupon_id")
        order_id, decision_id = _id(props, "order_id"), _id(props, "decision_id")
        return FeedbackEvent(envelope, name, subject, decision_id, order_id)

    def _consent(self, envelope: Envelope, name: EventName, props: Json) -> ShopEvent:
        consents = props.get("consents")
        if consents is None:
            rejects.missing("properties.consents")
        if not isinstance(consents, dict):
            rejects.wrong_type("properties.consents", "an object", consents)
        stated: dict[Purpose, bool] = {}
        for purpose in Purpose:
            granted = consents.get(purpose.value)
            if granted is not None and not isinstance(granted, bool):
                rejects.wrong_type(f"properties.consents.{purpose}", "true or false", granted)
            if granted is not None:
                stated[purpose] = granted
        return ConsentChanged(envelope, name, stated)

    def _currency(self, props: Json) -> str | None:
        currency = props.get("currency")
        if currency is None or currency == "":
            return None
        if not isinstance(currency, str):
            rejects.wrong_type("properties.currency", "a text", currency)
        if not self._money.knows(currency):
            rejects.bad_value(
                "properties.currency", "is neither the base currency nor in shop.currency_rates"
            )
        return currency

    def _minor(self, amount: Amount | None, currency: str | None) -> Minor | None:
        return None if amount is None else self._money.minor(amount, currency)


Builder = Callable[[ExactReader, Envelope, EventName, Json], ShopEvent]

# One entry per name of a track event: an event without a builder is a KeyError in the first test.
_BUILDERS: Mapping[EventName, Builder] = {
    EventName.PRODUCT_VIEWED: ExactReader._product,
    EventName.PRODUCT_CLICKED: ExactReader._product,
    EventName.PRODUCT_ADDED: ExactReader._product,
    EventName.PRODUCT_REMOVED: ExactReader._product,
    EventName.PRODUCT_WISHED: ExactReader._product,
    EventName.PRODUCTS_SEARCHED: ExactReader._search,
    EventName.LIST_VIEWED: ExactReader._list,
    EventName.LIST_FILTERED: ExactReader._list,
    EventName.CART_VIEWED: ExactReader._cart,
    EventName.CHECKOUT_STARTED: ExactReader._cart,
    EventName.ORDER_COMPLETED: ExactReader._order_completed,
    EventName.ORDER_REFUNDED: ExactReader._order_change,
    EventName.ORDER_CANCELLED: ExactReader._order_change,
    EventName.ORDER_UPDATED: ExactReader._order_change,
    EventName.PROMOTION_VIEWED: ExactReader._promotion,
    EventName.PROMOTION_CLICKED: ExactReader._promotion,
    EventName.COUPON_APPLIED: ExactReader._coupon,
    EventName.COUPON_DENIED: ExactReader._coupon,
    EventName.COUPON_REMOVED: ExactReader._coupon,
    EventName.CONSENT_CHANGED: ExactReader._consent,
}
_TRAIT_MAX = 2**53
_TEXT_MAX = {"name": 1024, "query": 1024}


def _is_trait(value: Any) -> bool:
    # Within what the profile's codec can write; anything else is ignored, never fatal (ruling 66).
    if isinstance(value, str):
        return len(value) <= 256
    return isinstance(value, int | float) and abs(value) <= _TRAIT_MAX


def _text(props: Json, key: str) -> str | None:
    return rejects.text(props, key, f"properties.{key}", _TEXT_MAX.get(key, 256))


def _id(props: Json, key: str) -> str | None:
    return rejects.identifier(props, key, f"properties.{key}")


def _amount(props: Json, key: str) -> Amount | None:
    return rejects.amount(props, key, f"properties.{key}")


def _total(props: Json) -> Amount | None:
    total, revenue = _amount(props, "total"), _amount(props, "revenue")
    return total if total is not None else revenue


def _line_head(item: Any, path: str) -> tuple[str, int]:
    if not isinstance(item, dict):
        rejects.wrong_type(path, "an object", item)
    product_id = rejects.required(
        rejects.identifier(item, "product_id", f"{path}.product_id"), f"{path}.product_id"
    )
    quantity = rejects.quantity(item, "quantity", f"{path}.quantity")
    if quantity is None:
        rejects.missing(f"{path}.quantity")
    return product_id, quantity


def _name_of(record: Json) -> EventName | Skipped:
    kind = rejects.required(_name(record, "type"), "type")
    if kind in (EventName.IDENTIFY, EventName.ALIAS):
        return EventName(kind)
    if kind != "track":
        return Skipped(f"type {kind[:64]}")
    event = rejects.required(_name(record, "event"), "event")
    return _TRACK_NAMES.get(event) or Skipped("event")


def _name(record: Json, key: str) -> str | None:
    value = record.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        rejects.wrong_type(key, "a text", value)
    return value


def _envelope(record: Json, name: EventName, broker_ms: int) -> Envelope:
    message_id = rejects.required(rejects.identifier(record, "messageId", "messageId", 100), "messageId")
    at = time_of(record.get("timestamp"), broker_ms)
    user = rejects.identifier(record, "userId", "userId")
    anonymous = rejects.identifier(record, "anonymousId", "anonymousId")
    previous = rejects.identifier(record, "previousId", "previousId")
    shopper = user if user is not None or name is EventName.ALIAS else anonymous
    if shopper is None:
        rejects.missing("userId")
    if name is EventName.ALIAS and previous is None:
        rejects.missing("previousId")
    context = record.get("context")
    locale = timezone = None
    if isinstance(context, dict):
        locale, timezone = _context_text(context, "locale"), _context_text(context, "timezone")
    return Envelope(
        ShopperId(shopper), message_id, digest_of(message_id), at, user is not None, locale, timezone
    )


def time_of(value: Any, broker_ms: int) -> EventTime:
    """Return the event time of a `timestamp` field, or raise `Reject` (rulings 8 and 45)."""
    if value is None:
        rejects.missing("timestamp")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        rejects.wrong_type("timestamp", "a time", value)
    at = parse_time(value) if isinstance(value, str) else from_number(value)
    if at is None:
        raise Reject(Rejection.BAD_TIMESTAMP, "timestamp", "is not a time that we know")
    if not EARLIEST <= at <= broker_ms + MS_PER_DAY:
        raise Reject(Rejection.BAD_TIMESTAMP, "timestamp", "is before 2000 or more than a day ahead")
    return at


def _context_text(context: Json, key: str) -> str | None:
    value = context.get(key)  # never fatal (ruling 66)
    return value if isinstance(value, str) and 0 < len(value) <= 64 else None

"""The border: bytes in; an event, a skip or a dead letter out. Never raises.

Two lanes. The fast one decodes the events that make up almost all traffic straight into narrow types
and accepts only what is surely right. Everything else, right or wrong, goes to the exact lane
(`schemas.exact`), which knows every rule. A property test holds that both agree where both accept.
"""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from schemas.events import (
    DeadLetter,
    Envelope,
    EventName,
    OrderCompleted,
    OrderLine,
    ProductEvent,
    Rejection,
    SearchEvent,
    ShopEvent,
    Skipped,
)
from schemas.exact import DEPTH_MAX, LINES_MAX, RECORD_BYTES_MAX, ExactReader, parse, time_of
from schemas.ids import MS_PER_DAY, EventTime, OrderId, ProductId, ShopperId, digest_of
from schemas.money import Money
from schemas.rejects import AMOUNT_MAX, QUANTITY_MAX, Reject
from schemas.timestamps import EARLIEST, parse_time, parse_utc

# Typed by what they name: a call of a NewType for each would cost a tenth of the whole reading.
_Whole = Annotated[int, Meta(ge=-(2**53), le=2**53)]
_Id = Annotated[str, Meta(min_length=1, max_length=128)] | _Whole
_ShopperId = Annotated[ShopperId, Meta(min_length=1, max_length=128)] | _Whole
_ProductId = Annotated[ProductId, Meta(min_length=1, max_length=128)] | _Whole
_Text = Annotated[str, Meta(max_length=256)]
_Name = Annotated[str, Meta(max_length=1024)]
_Amount = Annotated[float, Meta(ge=0, le=AMOUNT_MAX)] | Annotated[int, Meta(ge=0, le=int(AMOUNT_MAX))]
_Quantity = Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]


class _Context(Struct, gc=False):
    locale: str | None = None
    timezone: str | None = None


class _Product(Struct, gc=False):
    product_id: _ProductId
    name: _Name | None = None
    category: _Text | None = None
    brand: _Text | None = None
    price: _Amount | None = None
    currency: str | None = None
    quantity: _Quantity | None = None


class _Search(Struct, gc=False):
    query: Annotated[str, Meta(min_length=1, max_length=1024)]
    category: _Text | None = None


class _Line(Struct, gc=False):
    product_id: _Id
    quantity: _Quantity
    price: _Amount | None = None
    name: _Name | None = None
    category: _Text | None = None


class _Order(Struct, gc=False):
    order_id: _Id
    products: Annotated[list[_Line], Meta(max_length=LINES_MAX)]
    currency: Annotated[str, Meta(min_length=1)]
    total: _Amount | None = None
    revenue: _Amount | None = None
    coupon: _Text | None = None
    discount: _Amount | None = None


class _Track(Struct, gc=False, tag_field="event", rename="camel"):
    type: Literal["track"]
    message_id: Annotated[str, Meta(min_length=1, max_length=100)]
    timestamp: str | int
    user_id: _ShopperId | None = None
    anonymous_id: _ShopperId | None = None
    previous_id: _Id | None = None
    context: _Context | None = None
    schema_version: Literal[1] | None = msgspec.field(default=None, name="schema_version")


class _Received(Struct, gc=False):
    value: Any = msgspec.field(default=None, name="receivedAt")


# Kinder than the border, but only what the border accepts has a use for the time.
_decode_received = msgspec.json.Decoder(_Received).decode


class _ProductTrack(_Track, gc=False):
    properties: _Product = msgspec.field(default_factory=lambda: _Product(ProductId("")))


class _Viewed(_ProductTrack, gc=False, tag="Product Viewed"):
    pass


class _Clicked(_ProductTrack, gc=False, tag="Product Clicked"):
    pass


class _Added(_ProductTrack, gc=False, tag="Product Added"):
    pass


class _Removed(_ProductTrack, gc=False, tag="Product Removed"):
    pass


class _Wished(_ProductTrack, gc=False, tag="Product Added to Wishlist"):
    pass


class _Searched(_Track, gc=False, tag="Products Searched"):
    properties: _Search = msgspec.field(default_factory=lambda: _Search(""))


class _Completed(_Track, gc=False, tag="Order Completed"):
    properties: _Order = msgspec.field(default_factory=lambda: _Order("", [], ""))


_Fast = _Viewed | _Clicked | _Added | _Removed | _Wished | _Searched | _Completed
_NAMES: Mapping[type, EventName] = {
    _Viewed: EventName.PRODUCT_VIEWED,
    _Clicked: EventName.PRODUCT_CLICKED,
    _Added: EventName.PRODUCT_ADDED,
    _Removed: EventName.PRODUCT_REMOVED,
    _Wished: EventName.PRODUCT_WISHED,
    _Searched: EventName.PRODUCTS_SEARCHED,
    _Completed: EventName.ORDER_COMPLETED,
}
# What is left without these needs a closer look: brackets, escapes, control characters, non-ASCII.
_PLAIN = bytes(code for code in range(0x20, 0x7F) if code not in b"[{\\")
_CONTROL = re.compile(rb"[\x00-\x1f]")
# Escapes that all readers understand alike; one for an ASCII letter could hide the name of a field.
_ESCAPE = re.compile(rb'\\(?:["\\/bfnrt]|u(?!00[0-7]|[dD][89a-fA-F])[0-9a-fA-F]{4})')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Border:
    """Reads records for one shop.

    `base_currency` and `rates` (base units per unit of another currency) turn amounts into minor units;
    `traits` names the traits that a profile may keep.
    """

    def __init__(
        self,
        base_currency: str = "USD",
        rates: Mapping[str, float] | None = None,
        traits: Collection[str] = (),
    ) -> None:
        self.money = Money(base_currency, rates)
        self._exact = ExactReader(self.money, traits)
        self._decode = msgspec.json.Decoder(_Fast).decode

    def read(self, raw: bytes | None, broker_ms: int) -> ShopEvent | Skipped | DeadLetter:
        """Return what a record is; `broker_ms` is the time the broker gave it."""
        if not raw:
            return DeadLetter(Rejection.TOMBSTONE, "", "has no value")
        try:
            event = self._read_fast(raw, broker_ms)
            return event if event is not None else self.read_exact(raw, broker_ms)
        except Exception as error:  # noqa: BLE001 - the border stands whatever comes; the record is kept
            return DeadLetter(Rejection.PROCESSING_FAILED, "", f"{type(error).__name__}: {error}"[:200])

    def read_exact(self, raw: bytes, broker_ms: int) -> ShopEvent | Skipped | DeadLetter:
        """Return what a record is, by the exact lane alone."""
        try:
            return self._exact.read(parse(raw), broker_ms)
        except Reject as reject:
            return reject.letter

    def read_line(self, raw: bytes, wall_ms: int) -> ShopEvent | Skipped | DeadLetter:
        """Return what a line of a file is: its broker time is `receivedAt`, else `wall_ms` (ruling 8)."""
        if not raw or raw.isspace():
            return self.read(None, wall_ms)
        # The name of a field may be written with escapes.
        dated = b'"receivedAt"' in raw or b"\\u00" in raw
        return self.read(raw, _received_at(raw, wall_ms) if dated else wall_ms)

    def _read_fast(self, raw: bytes, broker_ms: int) -> ShopEvent | None:
        if len(raw) > RECORD_BYTES_MAX or raw.count(b'"event"') != 1:
            return None  # two "event" keys: the tag would be the first one, the rules take the last
        unusual = raw.translate(None, _PLAIN)
        if unusual.strip(b"[{") and not _is_harmless(raw):
            return None
        if len(unusual) > DEPTH_MAX and not _is_flat(raw):
            return None
        try:
            track = self._decode(raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return None
        timestamp = track.timestamp
        at = (parse_utc(timestamp) if isinstance(timestamp, str) else None) or _time_of(timestamp)
        user = track.user_id
        shopper = track.anonymous_id if user is None else user
        if shopper is None or at is None or not EARLIEST <= at <= broker_ms + MS_PER_DAY:
            return None
        locale = timezone = None
        if track.context is not None:
            locale, timezone = _short(track.context.locale), _short(track.context.timezone)
        message_id = track.message_id
        envelope = Envelope(
            ShopperId(str(shopper)) if isinstance(shopper, int) else shopper,
            message_id,
            digest_of(message_id),
            at,
            user is not None,
            locale,
            timezone,
        )
        name, properties = _NAMES[type(track)], track.properties
        if isinstance(properties, _Product):
            return self._product(envelope, name, properties)
        if isinstance(properties, _Search):
            if not properties.query:
                return None
            return SearchEvent(envelope, name, properties.query, properties.category or None)
        return self._order(envelope, name, properties)

    def _product(self, envelope: Envelope, name: EventName, product: _Product) -> ShopEvent | None:
        product_id, price, currency = product.product_id, product.price, product.currency
        if product_id == "" or (currency and not self.money.knows(currency)):
            return None
        return ProductEvent(
            envelope,
            name,
            ProductId(str(product_id)) if isinstance(product_id, int) else product_id,
            product.name or None,
            product.category or None,
            product.brand or None,
            None if price is None else self.money.minor(price, currency or None),
            product.quantity or 1,
        )

    def _order(self, envelope: Envelope, name: EventName, order: _Order) -> ShopEvent | None:
        minor, currency = self.money.minor, order.currency
        total = order.revenue if order.total is None else order.total
        if order.order_id == "" or total is None or not self.money.knows(currency):
            return None
        lines = [
            OrderLine(
                ProductId(str(line.product_id)),
                line.quantity,
                line.name or None,
                line.category or None,
                None if line.price is None else minor(line.price, currency),
            )
            for line in order.products
        ]
        discounted = bool(order.coupon) or bool(order.discount)
        order_id = OrderId(str(order.order_id))
        return OrderCompleted(envelope, name, order_id, minor(total, currency), discounted, tuple(lines))


def _time_of(timestamp: str | int) -> EventTime | None:
    if isinstance(timestamp, int):
        return EventTime(timestamp)
    return parse_time(timestamp)


def _is_harmless(raw: bytes) -> bool:
    """Return whether msgspec reads a record with unusual bytes as strictly as the exact lane does."""
    if _CONTROL.search(raw) or (b"\\" in raw and b"\\" in _ESCAPE.sub(b"", raw)):
        return False
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_flat(raw: bytes) -> bool:
    """Return whether a record is surely within the nesting limit; False means "look closer"."""
    if b"\\" in raw:
        return False
    # Without escapes, every second piece between quotes lies outside of strings.
    brackets = b"".join(raw.split(b'"')[::2]).translate(None, _NO_BRACKETS)
    for _ in range(DEPTH_MAX // 2):  # one round takes away one or two levels
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if not brackets:
            return True
    return False


def _short(value: str | None) -> str | None:
    return value if value and len(value) <= 64 else None


def _received_at(raw: bytes, wall_ms: int) -> int:
    try:
        return time_of(_decode_received(raw).value, max(wall_ms, EARLIEST))
    except (Reject, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return wall_ms

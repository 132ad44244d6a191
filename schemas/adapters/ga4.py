"""Google Analytics 4 e-commerce events into ours.

Two shapes are read:

- a row of the BigQuery export, as JSON: `event_name`, `event_timestamp` (microseconds), `event_params`,
  `items`, `ecommerce`, `user_pseudo_id`, `user_id`;
- a Measurement Protocol body: `client_id` or `app_instance_id`, `user_id`, `timestamp_micros`, and up to
  25 `events` with `name`, `params` and sometimes a time of their own.

A hit about several items is one event for each of them (view, select, add, remove, wish); orders, carts and
lists stay one event with lines. Promotions are one event per distinct promotion. A category is its levels
joined by `/`. An item without item_id is known by its item_name, as GA4 itself does it. An order's total is
`value`, in GA4 without tax and shipping. A refund with items but without value gives back the sum of its
items; one with neither, the whole order.

GA4 has no event id. messageId is a digest of who, when, what, the place in the batch as far as the export
tells it, and of the content: reading the same export or body twice gives the same ids. A body without a time
takes the time at which it was received, and then its ids are only as stable as that time.

Sources: Google, "[GA4] BigQuery Export schema" (support.google.com/analytics/answer/7029846), "Recommended
events" and "Measurement Protocol reference" (developers.google.com/analytics).
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from schemas import rejects
from schemas.adapters.drafts import (
    Adapted,
    Draft,
    Part,
    Reading,
    Table,
    digest_id,
    numbered,
    part_of,
    parts_of,
    take,
)
from schemas.events import EventName, Skipped
from schemas.exact import parse
from schemas.rejects import Json, Reject
from schemas.timestamps import EARLIEST, iso_utc

_WHO: Table = {"userId": ("user_id",), "anonymousId": ("user_pseudo_id", "client_id", "app_instance_id")}
_VIEWED: Table = {
    "product_id": ("item_id", "item_name"),
    "name": ("item_name",),
    "category": ("item_category",),
    "brand": ("item_brand",),
    "price": ("price",),
}
#: A view has no quantity that could be wrong.
_MOVED: Table = {**_VIEWED, "quantity": ("quantity",)}
_CURRENCY: Table = {"currency": ("currency",)}
_LIST: Table = {"list_id": ("item_list_id", "item_list_name")}
_CART: Table = {"value": ("value",), "currency": ("currency",)}
_ORDER: Table = {
    "order_id": ("transaction_id",),
    "total": ("value", "purchase_revenue"),
    "currency": ("currency",),
    "coupon": ("coupon",),
}
_REFUND: Table = {
    "order_id": ("transaction_id",),
    "total": ("value", "refund_value"),
    "currency": ("currency",),
}
_PROMOTION: Table = {
    "promotion_id": ("promotion_id", "promotion_name"),
    "creative": ("creative_name",),
    "position": ("creative_slot",),
}
_LEVELS = ("item_category", "item_category2", "item_category3", "item_category4", "item_category5")
#: Where a row of the export stands in its upload; absent in old exports.
_PLACE = ("event_bundle_sequence_id", "batch_page_id", "batch_ordering_id", "batch_event_index", "stream_id")
_VALUES = ("string_value", "int_value", "double_value", "float_value")
_YEAR_3000 = 32_503_680_000_000
_MICROS = re.compile(r"[0-9]{1,18}")


class _Hit(Struct):
    """One GA4 event of either shape.

    `rest` is where the export repeats some parameters; `items` None: the hit has none at all.
    `head` is the envelope's own part, with `origins` as in `Adapted`.
    """

    name: str
    params: Part
    rest: Part
    items: list[Part] | None
    head: dict[str, Any]
    origins: dict[str, str]
    items_path: str

    def some(self) -> list[Part]:
        if not self.items:
            rejects.missing(self.items_path)
        return self.items


def read(record: bytes | Json, received_ms: int | None = None) -> list[Reading]:
    """Return what each event of one record becomes: envelopes, a skip, or a dead letter.

    `received_ms` is the time of a Measurement Protocol body that names none.
    """
    try:
        fields = parse(record) if isinstance(record, bytes) else record
        body = Part("", fields)
        if "events" not in fields:
            return _read_one(_row, body, 0, received_ms)
        count = len(parts_of("events", fields["events"]))
    except Reject as reject:
        return [reject.letter]
    return [r for index in range(count) for r in _read_one(_protocol_event, body, index, received_ms)]


def _read_one(
    open_hit: Callable[[Part, int, int | None], _Hit | Skipped],
    body: Part,
    index: int,
    received_ms: int | None,
) -> list[Reading]:
    try:
        hit = open_hit(body, index, received_ms)
        return [hit] if isinstance(hit, Skipped) else list(_EVENTS[hit.name](hit))
    except Reject as reject:
        return [reject.letter]


def _row(row: Part, _: int, __: int | None) -> _Hit | Skipped:
    name = _name(row, "event_name")
    if isinstance(name, Skipped):
        return name
    values = {}
    for param in parts_of("event_params", row.fields.get("event_params")):
        value = part_of(param.at("value"), param.fields.get("value"))
        values[str(param.get("key"))] = value.get(*_VALUES)
    params = Part("event_params", values)
    rest = part_of("ecommerce", row.fields.get("ecommerce") or {})
    items = parts_of("items", row.fields["items"]) if row.fields.get("items") is not None else None
    origins = {"timestamp": "event_timestamp", "messageId": "event_timestamp"}
    head = take(_WHO, (row,), "", origins)
    at = _millis(row.get("event_timestamp"))
    place = [str(row.get(field)) for field in _PLACE]  # the same number is a text in some exports
    what = [
        [item.get("item_id", "item_name", "promotion_id") for item in items or ()],
        values.get("transaction_id"),
    ]
    head["messageId"] = digest_id("ga4", row.get("user_pseudo_id", "user_id"), at, name, place, what)
    _add_time_and_context(head, at, row, params)
    return _Hit(name, params, rest, items, head, origins, "items")


def _protocol_event(body: Part, index: int, received_ms: int | None) -> _Hit | Skipped:
    event = part_of(f"events[{index}]", body.fields["events"][index])
    name = _name(event, "name")
    if isinstance(name, Skipped):
        return name
    params = part_of(event.at("params"), event.fields.get("params") or {})
    path = params.at("items")
    items = parts_of(path, params.fields["items"]) if params.fields.get("items") is not None else None
    timed = event if event.get("timestamp_micros") is not None else body
    origins = {"timestamp": timed.at("timestamp_micros"), "messageId": event.path}
    head = take(_WHO, (body,), "", origins)
    at = _millis(timed.get("timestamp_micros"))
    at = received_ms if at is None else at
    who = body.get("client_id", "app_instance_id", "user_id")
    head["messageId"] = digest_id("ga4", who, at, name, index, params.fields)
    _add_time_and_context(head, at, body, params)
    return _Hit(name, params, params, items, head, origins, path)


def _name(part: Part, field: str) -> str | Skipped:
    name = part.get(field)
    if name is None:
        rejects.missing(part.at(field))
    if not isinstance(name, str):
        rejects.wrong_type(part.at(field), "a text", name)
    return name if name in _EVENTS else Skipped(name[:64])


def _add_time_and_context(head: dict[str, Any], at: Any, record: Part, params: Part) -> None:
    if at is not None:
        # As text in the usual form, which the border reads on its fast lane.
        usual = isinstance(at, int) and not isinstance(at, bool) and EARLIEST <= at < _YEAR_3000
        head["timestamp"] = iso_utc(at) if usual else at
    device = record.get("device")
    context = {
        "locale": device.get("language") if isinstance(device, dict) else None,
        "sessionId": params.get("ga_session_id"),
    }
    if stated := {key: value for key, value in context.items() if value is not None}:
        head["context"] = stated


def _millis(micros: Any) -> Any:
    """Return milliseconds; what is no number of microseconds is left for the border to refuse."""
    if isinstance(micros, str) and _MICROS.fullmatch(micros):
        micros = int(micros)
    return micros // 1000 if isinstance(micros, int) and not isinstance(micros, bool) else micros


def _per_item(name: EventName, table: Table) -> "_Build":
    def build(hit: _Hit) -> list[Reading]:
        return [_about(hit, name, table, item, index) for index, item in enumerate(hit.some())]

    return build


def _about(hit: _Hit, name: EventName, table: Table, item: Part, index: int) -> Adapted:
    draft = _draft(hit, name, index)
    draft.take(table, item)
    draft.put("category", _category(item), item.at("item_category"))
    draft.take(_CURRENCY, hit.params)
    return draft.done()


def _with_lines(name: EventName, table: Table) -> "_Build":
    def build(hit: _Hit) -> list[Reading]:
        draft = _draft(hit, name)
        draft.take(table, hit.params, hit.rest)
        draft.origins["properties.products"] = hit.items_path
        if hit.items is not None:
            draft.products([_line(item) for item in hit.items], hit.items, _MOVED)
        return [draft.done()]

    return build


def _refund(hit: _Hit) -> list[Reading]:
    draft = _draft(hit, EventName.ORDER_REFUNDED)
    draft.take(_REFUND, hit.params, hit.rest)
    if "total" not in draft.properties and hit.items:
        draft.put("total", _sum(hit.items), hit.params.at("value"))
    return [draft.done()]


def _sum(items: list[Part]) -> str:
    """Return what the refunded items cost; as text, so that no cent is lost on the way to the border."""
    total = Decimal(0)
    for item in items:
        price, quantity = item.get("price"), item.get("quantity")
        if price is None:
            rejects.missing(item.at("price"))
        try:
            total += Decimal(str(price)) * Decimal(str(quantity or 1))
        except ArithmeticError:
            rejects.bad_value(item.at("price"), "times its quantity is no amount")
    return str(total)


def _search(hit: _Hit) -> list[Reading]:
    draft = _draft(hit, EventName.PRODUCTS_SEARCHED)
    draft.take({"query": ("search_term",)}, hit.params)
    return [draft.done()]


def _promotion(name: EventName) -> "_Build":
    def build(hit: _Hit) -> list[Reading]:
        found: dict[str, Adapted] = {}
        for item in hit.items or [hit.params]:
            draft = _draft(hit, name, len(found))
            draft.take(_PROMOTION, item, hit.params)
            found.setdefault(str(draft.properties.get("promotion_id")), draft.done())
        return list(found.values())

    return build


def _line(item: Part) -> dict[str, Any]:
    line = {"quantity": 1, **take(_MOVED, (item,), "", {})}
    category = _category(item)
    return line if category is None else {**line, "category": category}


def _category(item: Part) -> Any:
    levels = [level for name in _LEVELS if (level := item.get(name)) is not None]
    if not levels or not all(isinstance(level, str) for level in levels):
        return next(iter(levels), None)
    return "/".join(levels)


def _draft(hit: _Hit, name: EventName, index: int = 0) -> Draft:
    return Draft(name, {**hit.head, "messageId": numbered(hit.head["messageId"], index)}, hit.origins)


_Build = Callable[[_Hit], list[Reading]]
#: What is not here is skipped and counted.
_EVENTS: Mapping[str, _Build] = {
    "view_item": _per_item(EventName.PRODUCT_VIEWED, _VIEWED),
    "select_item": _per_item(EventName.PRODUCT_CLICKED, _VIEWED),
    "add_to_cart": _per_item(EventName.PRODUCT_ADDED, _MOVED),
    "remove_from_cart": _per_item(EventName.PRODUCT_REMOVED, _MOVED),
    "add_to_wishlist": _per_item(EventName.PRODUCT_WISHED, _VIEWED),
    "view_item_list": _with_lines(EventName.LIST_VIEWED, _LIST),
    "view_cart": _with_lines(EventName.CART_VIEWED, _CART),
    "begin_checkout": _with_lines(EventName.CHECKOUT_STARTED, _CART),
    "purchase": _with_lines(EventName.ORDER_COMPLETED, _ORDER),
    "refund": _refund,
    "search": _search,
    "view_search_results": _search,
    "view_promotion": _promotion(EventName.PROMOTION_VIEWED),
    "select_promotion": _promotion(EventName.PROMOTION_CLICKED),
}

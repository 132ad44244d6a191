"""Snowplow e-commerce events into ours.

What says what: the event is `snowplow_ecommerce_action` with a `type`; what it is about hangs on it as
entities: product, promotion, cart, checkout_step, transaction, refund, user (vendor
`com.snowplowanalytics.snowplow.ecommerce`, version 1). `site_search` of the general vendor is a search.

Three shapes are read:

- enriched JSON, as the analytics SDKs and Snowbridge's `spEnrichedToJson` write it: a column per schema,
  `unstruct_event_com_..._snowplow_ecommerce_action_1`, `contexts_com_..._product_1`;
- self-describing JSON, as Snowplow Micro shows it: `unstruct_event` and `contexts` with Iglu addresses;
- the tracker protocol, as trackers post it: `ue_pr` or `ue_px`, `co` or `cx`, alone or in `payload_data`.

messageId is Snowplow's event id; an action on several products is one event for each, the second with
`-1` behind the id. userId is Snowplow's, else the `user` entity's unless it is a guest; anonymousId is the
domain, session or network user id. Time is derived_tstamp, else the collector's (trackers: true time, else
device time).

Sources: Snowplow documentation, "Ecommerce events", "Enriched stream TSV file format", "Example tracker
HTTP request headers" (docs.snowplow.io); the schemas in github.com/snowplow/iglu-central.
"""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from schemas import rejects
from schemas.adapters.drafts import Adapted, Draft, Part, Reading, Table, numbered, part_of, parts_of, take
from schemas.events import EventName, Rejection, Skipped
from schemas.exact import parse
from schemas.rejects import Json, Reject

_HEAD: Table = {
    "messageId": ("event_id", "eid"),
    "timestamp": ("derived_tstamp", "ttm", "collector_tstamp", "dtm"),
    "userId": ("user_id", "uid"),
    "anonymousId": ("domain_userid", "duid", "network_userid", "tnuid", "nuid"),
}
_CONTEXT = {"locale": ("br_lang", "lang"), "timezone": ("os_timezone", "tz")}
_VIEWED: Table = {
    "product_id": ("id",),
    "name": ("name",),
    "category": ("category",),
    "brand": ("brand",),
    "price": ("price",),
    "currency": ("currency",),
}
#: A view has no quantity, and trackers write 0 there.
_MOVED: Table = {**_VIEWED, "quantity": ("quantity",)}
_PROMOTION: Table = {"promotion_id": ("id",), "creative": ("creative_id",), "position": ("position",)}
_CART: Table = {"value": ("total_value",), "currency": ("currency",)}
_ORDER: Table = {
    "order_id": ("transaction_id",),
    "total": ("revenue",),
    "currency": ("currency",),
    "coupon": ("discount_code",),
    "discount": ("discount_amount",),
}
_REFUND: Table = {"order_id": ("transaction_id",), "total": ("refund_amount",), "currency": ("currency",)}

_VENDOR = r"com[._]snowplowanalytics[._]snowplow(?:[._]ecommerce)?"
_ADDRESS = re.compile(rf"iglu:{_VENDOR}/(\w+)/jsonschema/(\d+)-\d+-\d+")
_COLUMN = re.compile(rf"(unstruct_event|contexts)_{_VENDOR}_([a-z_]+?)_(\d+)(?:_\d+_\d+)?")
_ACTION, _SEARCH = "snowplow_ecommerce_action", "site_search"
#: The Kafka JSON of several tools, in order of preference: the event, then the entities.
_EVENT_FIELDS = ("unstruct_event", "ue_pr", "ue_px")
_ENTITY_FIELDS = ("contexts", "derived_contexts", "co", "cx")
_BASE64 = ("ue_px", "cx")


class _Event(Struct):
    """One Snowplow event: what it says (`name` "" if nothing for us) and what hangs on it, by schema name."""

    record: Part
    name: str
    said: Part
    entities: dict[str, list[Part]]

    def some(self, entity: str) -> list[Part]:
        found = self.entities.get(entity)
        if not found:
            raise Reject(Rejection.MISSING_FIELD, f"contexts.{entity}", "is required by this event")
        return found


def read(record: bytes | Json) -> list[Reading]:
    """Return what each event of one record becomes: envelopes, a skip, or a dead letter."""
    try:
        fields = parse(record) if isinstance(record, bytes) else record
        if "payload_data" not in str(fields.get("schema", "")):
            return _read_one(Part("", fields))
        hits = parts_of("data", fields.get("data"))
    except Reject as reject:
        return [reject.letter]
    return [reading for hit in hits for reading in _read_one(hit)]


def _read_one(record: Part) -> list[Reading]:
    try:
        event = _event(record)
        if event.name == _SEARCH:
            return [_search(event)]
        if event.name != _ACTION:
            return [Skipped(str(record.get("event_name", "event", "e") or "no event")[:64])]
        kind = event.said.get("type")
        if kind is None:
            rejects.missing(event.said.at("type"))
        build = _ACTIONS.get(kind) if isinstance(kind, str) else None
        return list(build(event)) if build else [Skipped(str(kind)[:64])]
    except Reject as reject:
        return [reject.letter]


def _products(name: EventName, table: Table) -> "_Build":
    def build(event: _Event) -> list[Reading]:
        return [_about(event, name, table, part, index) for index, part in enumerate(event.some("product"))]

    return build


def _promotions(name: EventName) -> "_Build":
    def build(event: _Event) -> list[Reading]:
        some = event.some("promotion")
        return [_about(event, name, _PROMOTION, part, index) for index, part in enumerate(some)]

    return build


def _about(event: _Event, name: EventName, table: Table, part: Part, index: int) -> Adapted:
    draft = _draft(event, name, index)
    draft.take(table, part)
    return draft.done()


def _list_viewed(event: _Event) -> list[Reading]:
    draft = _draft(event, EventName.LIST_VIEWED)
    draft.take({"list_id": ("name",)}, event.said)
    products = event.entities.get("product", [])
    draft.products([take(_VIEWED, (part,), "", {}) for part in products], products, _VIEWED)
    return [draft.done()]


def _checkout(event: _Event) -> list[Reading]:
    step = event.some("checkout_step")[0]
    if step.get("step") != 1:  # later steps of the same checkout start nothing
        return [Skipped("checkout_step after the first")]
    draft = _draft(event, EventName.CHECKOUT_STARTED)
    draft.take(_CART, *event.entities.get("cart", [Part("contexts.cart", {})]))
    return [draft.done()]


def _order(event: _Event) -> list[Reading]:
    draft = _draft(event, EventName.ORDER_COMPLETED)
    order = event.some("transaction")[0]
    draft.take(_ORDER, order)
    products = event.entities.get("product", [])
    draft.products([_line(part, order) for part in products], products, _MOVED)
    return [draft.done()]


def _line(product: Part, order: Part) -> dict[str, Any]:
    line = {"quantity": 1, **take(_MOVED, (product,), "", {})}
    if line.pop("currency", None) not in (None, order.get("currency")):
        line.pop("price", None)  # our lines have their order's currency
    return line


def _refund(event: _Event) -> list[Reading]:
    draft = _draft(event, EventName.ORDER_REFUNDED)
    draft.take(_REFUND, event.some("refund")[0])
    return [draft.done()]


def _search(event: _Event) -> Adapted:
    draft = _draft(event, EventName.PRODUCTS_SEARCHED)
    terms = event.said.get("terms")
    if isinstance(terms, list) and all(isinstance(term, str) for term in terms):
        terms = " ".join(terms)
    draft.put("query", terms, event.said.at("terms"))
    return draft.done()


_Build = Callable[[_Event], list[Reading]]
#: What is not here (trns_error, and what Snowplow will add) is skipped and counted.
_ACTIONS: Mapping[str, _Build] = {
    "product_view": _products(EventName.PRODUCT_VIEWED, _VIEWED),
    "list_click": _products(EventName.PRODUCT_CLICKED, _VIEWED),
    "add_to_cart": _products(EventName.PRODUCT_ADDED, _MOVED),
    "remove_from_cart": _products(EventName.PRODUCT_REMOVED, _MOVED),
    "list_view": _list_viewed,
    "promo_view": _promotions(EventName.PROMOTION_VIEWED),
    "promo_click": _promotions(EventName.PROMOTION_CLICKED),
    "checkout_step": _checkout,
    "transaction": _order,
    "refund": _refund,
}


def _draft(event: _Event, name: EventName, index: int = 0) -> Draft:
    origins: dict[str, str] = {}
    head = take(_HEAD, (event.record,), "", origins)
    users = event.entities.get("user", [])
    if "userId" not in head and users and users[0].get("is_guest") is not True:
        head.update(take({"userId": ("id",)}, users, "", origins))
    if "anonymousId" not in head and (sessions := event.entities.get("client_session")):
        head.update(take({"anonymousId": ("userId",)}, sessions, "", origins))  # phones have no domain
    if index and "messageId" in head:
        head["messageId"] = numbered(str(head["messageId"]), index)
    if isinstance(head.get("timestamp"), str):
        head["timestamp"] = head["timestamp"].replace(" UTC", "Z")  # as BigQuery exports times
    context = take(_CONTEXT, (event.record,), "", {})
    return Draft(name, {**head, "context": context} if context else head, origins)


def _event(record: Part) -> _Event:
    event = _Event(record, "", record, {})
    for field, value in record.fields.items():
        column = _COLUMN.fullmatch(field)
        if column and value is not None:
            kind, name, major = column.groups()
            if kind == "contexts":
                parts = parts_of(record.at(field), value)
                _hang(event, name, major, parts)
            else:
                _say(event, name, major, part_of(record.at(field), value))
    for field in _EVENT_FIELDS:
        if record.get(field) is not None:
            outer = _object(record, field)
            name, major, said = _self_described(part_of(outer.at("data"), outer.fields.get("data")))
            _say(event, name, major, said)
    for field in _ENTITY_FIELDS:
        if record.get(field) is not None:
            outer = _object(record, field)
            for part in parts_of(outer.at("data"), outer.fields.get("data")):
                name, major, entity = _self_described(part)
                _hang(event, name, major, [entity])
    return event


def _say(event: _Event, name: str, major: str, said: Part) -> None:
    if name not in (_ACTION, _SEARCH):
        return
    if major != "1":
        raise Reject(Rejection.UNSUPPORTED_VERSION, said.path, f"only version 1 of {name} is known")
    event.name, event.said = name, said


def _hang(event: _Event, name: str, major: str, parts: list[Part]) -> None:
    if major == "1":  # an entity of another version is missed where it is needed
        event.entities.setdefault(name, []).extend(parts)


def _self_described(part: Part) -> tuple[str, str, Part]:
    address = _ADDRESS.fullmatch(str(part.get("schema")))
    if address is None:  # another vendor's
        return "", "", part
    return address[1], address[2], part_of(part.at("data"), part.fields.get("data"))


def _object(record: Part, field: str) -> Part:
    """Return the object of a field that trackers send as JSON text, or as that in base64."""
    path, value = record.at(field), record.fields[field]
    if not isinstance(value, str):
        return part_of(path, value)
    try:
        text = (
            base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)) if field in _BASE64 else value.encode()
        )
        return Part(path, parse(text))
    except Reject as reject:
        raise Reject(reject.letter.reason, path, reject.letter.detail) from None
    except ValueError as error:
        rejects.bad_value(path, f"is not base64: {error}"[:200])

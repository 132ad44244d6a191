"""The JSON Schemas that others read: one file per topic in `schemas/json`, made from the types here.

`asyncapi.json` beside them says who writes and reads which.

`python -m schemas.contract` writes them again; a test fails when a file differs. They say what can be
said in JSON Schema: the border knows more (bytes, nesting, times, rates), so what it accepts always fits.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from schemas import asyncapi, topics
from schemas.campaigns import CampaignFile
from schemas.catalog import Line
from schemas.decisions import Decision, Promotion, Revocation
from schemas.events import EventName, Purpose, Rejection
from schemas.exact import ALIASES, LINES_MAX
from schemas.rejects import AMOUNT_MAX, JSON_NUMBER, QUANTITY_MAX

FOLDER = Path(__file__).parent / "json"
Schema = dict[str, Any]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_NULL: Schema = {"type": "null"}
_NUMBER_TEXT: Schema = {"type": "string", "pattern": f"^{JSON_NUMBER}$"}


def _one_of(*choices: Schema) -> Schema:
    return {"anyOf": list(choices)}


def _text(longest: int) -> Schema:
    return {"type": "string", "maxLength": longest}


def _id(longest: int = 128) -> Schema:
    return _one_of(_text(longest), {"type": "integer"})


_AMOUNT = _one_of({"type": "number", "minimum": 0, "maximum": AMOUNT_MAX}, _NUMBER_TEXT)
_QUANTITY = _one_of({"type": "integer", "minimum": 1, "maximum": QUANTITY_MAX}, _NUMBER_TEXT)
_CURRENCY: Schema = _text(3)
_ARRAY: Schema = {"type": "array"}
_FIELDS: dict[str, Schema] = {
    "product_id": _id(),
    "order_id": _id(),
    "promotion_id": _id(),
    "coupon_id": _id(),
    "decision_id": _id(),
    "list_id": _id(),
    "position": _id(),
    "name": _text(1024),
    "query": _text(1024),
    "category": _text(256),
    "brand": _text(256),
    "coupon": _text(256),
    "creative": _text(256),
    "price": _AMOUNT,
    "total": _AMOUNT,
    "revenue": _AMOUNT,
    "discount": _AMOUNT,
    "value": _AMOUNT,
    "quantity": _QUANTITY,
    "currency": _CURRENCY,
    "products": _ARRAY,
}


class Row(Struct, frozen=True):
    """A row of the event table (design 3): names of properties, in the order in which they are checked."""

    topic: topics.Topic
    events: tuple[EventName, ...]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


TABLE = (
    Row(
        topics.CLICKS,
        (
            EventName.PRODUCT_VIEWED,
            EventName.PRODUCT_CLICKED,
            EventName.PRODUCT_ADDED,
            EventName.PRODUCT_REMOVED,
            EventName.PRODUCT_WISHED,
        ),
        ("product_id",),
        ("name", "category", "brand", "price", "currency", "quantity"),
    ),
    Row(topics.CLICKS, (EventName.PRODUCTS_SEARCHED,), ("query",), ("category",)),
    Row(
        topics.CLICKS,
        (EventName.LIST_VIEWED, EventName.LIST_FILTERED),
        (),
        ("list_id", "category", "products"),
    ),
    Row(
        topics.CLICKS,
        (EventName.CART_VIEWED, EventName.CHECKOUT_STARTED),
        (),
        ("products", "value", "currency"),
    ),
    Row(
        topics.PURCHASES,
        (EventName.ORDER_COMPLETED,),
        ("order_id", "products", "currency"),
        ("total", "revenue", "coupon", "discount"),
    ),
    Row(
        topics.PURCHASES,
        (EventName.ORDER_REFUNDED, EventName.ORDER_CANCELLED, EventName.ORDER_UPDATED),
        ("order_id",),
        ("total", "revenue", "currency", "products"),
    ),
    Row(
        topics.FEEDBACK,
        (EventName.PROMOTION_VIEWED, EventName.PROMOTION_CLICKED),
        ("promotion_id",),
        ("decision_id", "creative", "position"),
    ),
    Row(
        topics.FEEDBACK,
        (EventName.COUPON_APPLIED, EventName.COUPON_DENIED, EventName.COUPON_REMOVED),
        ("coupon_id",),
        ("order_id", "decision_id"),
    ),
    Row(topics.IDENTITIES, (EventName.CONSENT_CHANGED,), ("consents",)),
)


def documents() -> dict[str, Schema]:
    """Return every schema by the name of its file, without `.schema.json`."""
    inputs = {topic.name: _input(topic) for topic in topics.SOURCES if topic is not topics.INTERNAL}
    return {
        **inputs,
        "catalog": _of(Line, "One product of the catalogue"),
        "campaigns": campaigns(),
        "promotions": _promotions(),
        "decisions": _of(Decision, "The value of a record in `decisions`", "urn:beckon:schema:decision:1"),
        "dead-letters": _dead_letters(),
    }


def campaigns() -> Schema:
    """Return the schema of a campaign file, for editors; the reader checks more than it can say."""
    schema = _of(CampaignFile, "Beckon campaign file")
    keys = ("all", "any", "not", "feature")
    schema["$defs"]["Condition"]["oneOf"] = [{"required": [key]} for key in keys]
    return schema


def write(folder: Path) -> None:
    """Write all schemas and the AsyncAPI document into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / asyncapi.FILE).write_text(render(asyncapi.document()), encoding="utf-8")
    for name, schema in documents().items():
        (folder / f"{name}.schema.json").write_text(render(schema), encoding="utf-8")


def render(schema: Schema) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _of(struct: type[Struct], title: str, urn: str | None = None) -> Schema:
    (reference,), parts = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    name = {"$id": urn} if urn else {}
    return {"$schema": _DRAFT, **name, "title": title, **reference, "$defs": parts}


def _promotions() -> Schema:
    """What goes out, and what takes it back; `type` says which."""
    references, parts = msgspec.json.schema_components([Promotion, Revocation], ref_template="#/$defs/{name}")
    return {
        "$schema": _DRAFT,
        "$id": "urn:beckon:schema:promotion:1",
        "title": "The value of a record in `promotions`",
        "anyOf": list(references),
        "$defs": parts,
    }


def _input(topic: topics.Topic) -> Schema:
    rows = [row for row in TABLE if row.topic is topic]
    kinds = {name.value: _track(name, row) for row in rows for name in row.events}
    if topic is topics.IDENTITIES:
        kinds |= {"identify": _identify(), "alias": _alias()}
    return {
        "$schema": _DRAFT,
        "title": f"An event of the topic `{topic.name}`",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in kinds],
        "$defs": {"envelope": _envelope(), "line": _line(), **kinds},
    }


def _envelope() -> Schema:
    ids = {name: _one_of(_id(), _NULL) for name in ("userId", "anonymousId", "previousId")}
    return {
        "properties": {
            "messageId": _present(_id(100)),
            "timestamp": _one_of({"type": "string", "minLength": 1}, {"type": "number"}),
            **ids,
            "schema_version": {"enum": [1, None]},
        },
        "required": ["messageId", "timestamp"],
        "anyOf": [_with("userId"), _with("anonymousId")],
    }


def _track(name: EventName, row: Row) -> Schema:
    names = [name.value, *(old for old, new in ALIASES.items() if new is name)]
    properties: Schema = {"type": "object", "properties": {}}
    for field in row.required:
        properties["properties"][field] = _present(_field(field, name))
    for field in row.optional:
        properties["properties"][field] = _one_of(_field(field, name), _NULL)
    # An optional text may be empty, which is as good as absent.
    if row.required:
        properties["required"] = list(row.required)
    if name is EventName.ORDER_COMPLETED:
        properties["anyOf"] = [_with("total"), _with("revenue")]
    if not row.required:
        properties = _one_of(properties, _NULL)
    required = ["type", "event", *(["properties"] if row.required else [])]
    return {
        "$ref": "#/$defs/envelope",
        "properties": {"type": {"const": "track"}, "event": {"enum": names}, "properties": properties},
        "required": required,
    }


def _field(field: str, name: EventName) -> Schema:
    if field == "consents":
        stated = {purpose.value: {"type": ["boolean", "null"]} for purpose in Purpose}
        return {"type": "object", "properties": stated}
    if field == "products" and name is EventName.ORDER_COMPLETED:
        return {"type": "array", "items": {"$ref": "#/$defs/line"}, "maxItems": LINES_MAX}
    return _FIELDS[field]


def _line() -> Schema:
    optional = {name: _one_of(_FIELDS[name], _NULL) for name in ("price", "name", "category")}
    required = {name: _present(_FIELDS[name]) for name in ("product_id", "quantity")}
    return {"type": "object", "properties": required | optional, "required": list(required)}


def _identify() -> Schema:
    kind = {"type": {"const": "identify"}}
    return {"$ref": "#/$defs/envelope", "properties": kind, "required": ["type"]}


def _alias() -> Schema:
    kind = {"type": {"const": "alias"}}
    both = [_with("userId"), _with("previousId")]
    return {"$ref": "#/$defs/envelope", "properties": kind, "required": ["type"], "allOf": both}


def _with(field: str) -> Schema:
    """Return what a field looks like that is there: neither null nor empty."""
    return {"required": [field], "properties": {field: {"not": {"enum": [None, ""]}}}}


def _present(schema: Schema) -> Schema:
    return {**schema, "not": {"const": ""}}


def _dead_letters() -> Schema:
    number = {"type": "string", "pattern": "^[0-9]+$"}
    return {
        "$schema": _DRAFT,
        "title": "The headers of a record in `dead-letters`; its key and value are the original bytes",
        "type": "object",
        "properties": {
            "reason": {"enum": [reason.value for reason in Rejection]},
            "field": {
                "type": "string",
                "description": "Such as properties.products[2].price; empty when none",
            },
            "error": {"type": "string", "maxLength": 200},
            "topic": {"type": "string"},
            "partition": number,
            "offset": number,
            "key_bytes": number,
            "original_bytes": number,
            "original_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        },
        "required": ["reason", "field", "error", "topic", "partition", "offset"],
    }


if __name__ == "__main__":
    write(FOLDER)

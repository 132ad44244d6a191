"""The AsyncAPI 3 document: every topic with its key, headers, value, and who writes and reads it.

`python -m schemas.contract` writes it to `schemas/json/asyncapi.json`, beside the JSON Schemas that it names.
The setting `topics.prefix` goes before every address.
"""

from typing import Any

from msgspec import Struct

from schemas import topics
from schemas.topics import Topic

Json = dict[str, Any]

FILE = "asyncapi.json"
_BINDING = "0.5.0"  # of AsyncAPI's Kafka bindings
_JSON_SCHEMA = "application/schema+json;version=draft-2020-12"
_SHOPPER = "The shopper: userId, else anonymousId; UTF-8, partitioned by murmur2."
_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "string", "pattern": "^[0-9]+$"}


class Message(Struct, frozen=True):
    """What a record of a topic holds. `schema` names a file beside the document; without it, `payload` says it."""

    title: str
    key: str
    schema: str = ""
    payload: Json = {}
    headers: Json = {}
    content_type: str = "application/json"


class Role(Struct, frozen=True):
    """A part of the system, with the topics that it writes and reads."""

    name: str
    title: str
    sends: tuple[Topic, ...] = ()
    receives: tuple[Topic, ...] = ()


#: Whole names of the headers that a CloudEvent has in Kafka's binary mode.
_CLOUD_EVENT: Json = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka protocol binding, binary mode",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "description": "The decision_id"},
        "ce_source": {"type": "string", "pattern": "^/beckon/campaigns/"},
        "ce_type": {"enum": ["promotion.offered", "promotion.revoked"]},
        "ce_subject": {"type": "string", "description": "The shopper"},
        "ce_time": {"type": "string", "format": "date-time", "description": "Stream time, not the clock"},
        "ce_dataschema": {"const": "urn:beckon:schema:promotion:1"},
        "content-type": {"const": "application/json"},
    },
    "required": [
        *("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time"),
        *("ce_dataschema", "content-type"),
    ],
}
_ORIGIN: Json = {
    "type": "object",
    "description": "What it is; of an event, where it was first read, with the broker's time there,"
    " and how many redirects it followed",
    "properties": {
        "kind": {"type": "string", "enum": ["stray", "redirected", "claim", "transfer", "tick"]},
        "topic": _TEXT,
        "partition": _NUMBER,
        "offset": _NUMBER,
        "broker_ms": _NUMBER,
        "hops": _NUMBER,
    },
    "required": ["kind"],
}
_CAMPAIGN: Json = {
    "description": "A campaign under its id, a tombstone where it was taken out; under `shop`, what holds for"
    " all of them and their ids in file order",
    "anyOf": [
        {"$ref": "./campaigns.schema.json#/$defs/Campaign"},
        {
            "type": "object",
            "properties": {
                "campaigns": {"type": "array", "items": _TEXT},
                "shop": {"$ref": "./campaigns.schema.json#/$defs/Shop"},
            },
            "required": ["campaigns"],
        },
    ],
}
_DIGEST: Json = {
    "type": "object",
    "properties": {"digest": {"type": "string", "description": "Names the meaning of what was applied"}},
}
_BYTES: Json = {"type": "string", "contentEncoding": "binary"}

MESSAGES: dict[Topic, Message] = {
    topics.CLICKS: Message(
        "Something a shopper looked at, searched or put into the cart", _SHOPPER, "clicks"
    ),
    topics.PURCHASES: Message("An order, or what became of it", _SHOPPER, "purchases"),
    topics.FEEDBACK: Message("What a shopper did with a promotion or coupon", _SHOPPER, "feedback"),
    topics.IDENTITIES: Message("Who a shopper is, and consent", _SHOPPER, "identities"),
    topics.INTERNAL: Message(
        "What workers tell themselves, in their own format: events under their right key, claims, moved profiles, ticks",
        _SHOPPER,
        payload=_BYTES,
        headers=_ORIGIN,
    ),
    topics.CATALOG: Message("A product", "The product's id.", "catalog"),
    topics.CAMPAIGNS: Message(
        "A campaign, or what holds for all",
        "The campaign's id, or `shop`.",
        payload=_CAMPAIGN,
        headers=_DIGEST,
    ),
    topics.PROMOTIONS: Message("A promotion to be sent", _SHOPPER, "promotions", headers=_CLOUD_EVENT),
    topics.DECISIONS: Message("A decision with every candidate and its reason", _SHOPPER, "decisions"),
    topics.DEAD_LETTERS: Message(
        "A record that could not be used, with why in its headers",
        "The original's key, cut at 10,000 bytes.",
        payload={**_BYTES, "description": "The original's bytes, cut at 900,000."},
        headers={"$ref": "./dead-letters.schema.json"},
        content_type="application/octet-stream",
    ),
    topics.CHANGELOG: Message(
        "A shopper's profile, private to the workers and the mirror",
        _SHOPPER,
        payload={**_BYTES, "description": "One format byte, then MessagePack; a tombstone after erasure."},
        content_type="application/octet-stream",
    ),
}

ROLES = (
    Role("shop", "Shop sites and apps", sends=(topics.CLICKS, topics.IDENTITIES, topics.CATALOG)),
    Role("orders", "Order system", sends=(topics.PURCHASES,)),
    Role(
        "notifications",
        "Notification services; they read committed records only",
        sends=(topics.FEEDBACK,),
        receives=(topics.PROMOTIONS,),
    ),
    Role("marketing", "`beckon campaigns apply`", sends=(topics.CAMPAIGNS,)),
    Role(
        "worker",
        "`beckon worker`",
        sends=(
            *(topics.PROMOTIONS, topics.DECISIONS, topics.DEAD_LETTERS),
            *(topics.INTERNAL, topics.CHANGELOG),
        ),
        receives=(*topics.SOURCES, topics.CATALOG, topics.CAMPAIGNS, topics.CHANGELOG),
    ),
    Role("mirror", "`beckon mirror`", receives=(topics.CHANGELOG, topics.PROMOTIONS)),
    Role("analysis", "Uplift, back-tests, `beckon why`", receives=(topics.DECISIONS, topics.PROMOTIONS)),
    Role("operators", "`beckon dead-letters`", receives=(topics.DEAD_LETTERS,)),
)


def document() -> Json:
    """Return the whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Beckon",
            "version": "1",
            "description": "Real-time promotion for online shops. The setting `topics.prefix` goes before every"
            " address.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics.ALL},
        "operations": dict(
            _operation(role, action, topic)
            for role in ROLES
            for action, group in (("send", role.sends), ("receive", role.receives))
            for topic in group
        ),
        "components": {"messages": {topic.name: _message(topic) for topic in topics.ALL}},
    }


def _channel(topic: Topic) -> Json:
    kept = {"topicConfiguration": {"cleanup.policy": ["compact"]}} if topic.compacted else {}
    shared = "Has as many partitions as the other topics by shopper." if topic.co else ""
    return {
        "address": topic.name,
        "title": MESSAGES[topic].title,
        **({"description": shared} if shared else {}),
        "messages": {"record": {"$ref": f"#/components/messages/{topic.name}"}},
        "bindings": {"kafka": {**kept, "bindingVersion": _BINDING}},
    }


def _operation(role: Role, action: str, topic: Topic) -> tuple[str, Json]:
    channel = f"#/channels/{topic.name}"
    return f"{role.name}.{action}.{topic.name}", {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/record"}],
        "title": role.title,
        "tags": [{"name": role.name}],
    }


def _message(topic: Topic) -> Json:
    message = MESSAGES[topic]
    payload = {"$ref": f"./{message.schema}.schema.json"} if message.schema else message.payload
    return {
        "name": topic.name,
        "title": message.title,
        "contentType": message.content_type,
        **({"headers": _in_format(message.headers)} if message.headers else {}),
        "payload": _in_format(payload),
        "bindings": {
            "kafka": {"key": {"type": "string", "description": message.key}, "bindingVersion": _BINDING}
        },
    }


def _in_format(schema: Json) -> Json:
    # AsyncAPI's own dialect is draft 07; ours is newer.
    return {"schemaFormat": _JSON_SCHEMA, "schema": schema}

"""The AsyncAPI document: made from the types, whole in its references, and true to what is written."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource

from schemas import asyncapi, contract, topics
from schemas.decisions import Promotion, Trigger
from schemas.events import DeadLetter, Rejection
from schemas.ids import EventTime, ShopperId
from streams.internal import Tick, note_output, redirected_output, stray_output
from streams.outputs import Headers, Origin, dead_letter_output, promotion_output

FILE = contract.FOLDER / "asyncapi.json"
DOCUMENT = json.loads(FILE.read_text(encoding="utf-8"))
#: The meta-schema of AsyncAPI 3.0.0: `schemas/3.0.0-without-$id.json` of the npm package @asyncapi/specs.
META_SCHEMA = os.environ.get("BECKON_ASYNCAPI_SCHEMA", "")
ORIGIN = Origin("clicks", 2, 17, 1_772_409_600_000)


def found(reference: str) -> Any:
    """Return what a reference of the document points to, in it or in a file beside it."""
    file, _, pointer = reference.partition("#")
    node = DOCUMENT if not file else json.loads((contract.FOLDER / file).read_text(encoding="utf-8"))
    for step in pointer.split("/")[1:]:
        node = node[step]
    return node


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [each for value in node.values() for each in references(value)]
    return [each for value in node for each in references(value)] if isinstance(node, list) else []


def test_the_checked_in_document_is_the_one_that_the_types_give() -> None:
    assert FILE.read_text(encoding="utf-8") == contract.render(asyncapi.document()), (
        "asyncapi.json differs: run `python -m schemas.contract` and say in the changelog what changed"
    )


def test_every_topic_is_a_channel_with_one_message() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert list(DOCUMENT["channels"]) == [topic.name for topic in topics.ALL]
    for name, channel in DOCUMENT["channels"].items():
        assert channel["address"] == name
        assert channel["messages"] == {"record": {"$ref": f"#/components/messages/{name}"}}
    kept = {n for n, c in DOCUMENT["channels"].items() if "topicConfiguration" in c["bindings"]["kafka"]}
    assert kept == {"catalog", "campaigns", "beckon-profiles-changelog"}


def test_every_reference_leads_somewhere() -> None:
    found_in = references(DOCUMENT)
    assert len(found_in) > 70
    assert all(found(reference) for reference in found_in)


def test_every_topic_is_written_by_somebody_and_read_by_somebody() -> None:
    senders: dict[str, list[str]] = {}
    for name, operation in DOCUMENT["operations"].items():
        role, action, topic = name.split(".", 2)
        assert operation["channel"] == {"$ref": f"#/channels/{topic}"}
        assert operation["messages"] == [{"$ref": f"#/channels/{topic}/messages/record"}]
        assert operation["action"] == action
        if action == "send":
            senders.setdefault(topic, []).append(role)
    assert senders == {
        "clicks": ["shop"],
        "identities": ["shop"],
        "catalog": ["shop"],
        "purchases": ["orders"],
        "feedback": ["notifications"],
        "campaigns": ["marketing"],
        "promotions": ["worker"],
        "decisions": ["worker"],
        "dead-letters": ["worker"],
        "beckon.internal": ["worker"],
        "beckon-profiles-changelog": ["worker"],
    }
    read = {name.split(".", 2)[2] for name in DOCUMENT["operations"] if ".receive." in name}
    assert read == senders.keys()


def written(headers: Headers) -> dict[str, str]:
    return {name: value.decode() for name, value in headers}


def checked(topic: str, headers: Headers) -> set[str]:
    """Return the headers that the document names and this record lacks; what it has must be as the document says."""
    schema = DOCUMENT["components"]["messages"][topic]["headers"]["schema"]
    whole = found(schema["$ref"]) if "$ref" in schema else schema
    values = written(headers)
    Draft202012Validator(whole).validate(values)
    assert values.keys() <= whole["properties"].keys()
    return whole["properties"].keys() - values.keys()


def test_a_promotion_has_the_headers_of_the_document() -> None:
    promotion = Promotion(
        type="promotion.offered", promotion_id="p", name="Ten", creative=None, decision_id="d1", user_id="ann",
        campaign_id="spring", product_ids=(), coupon=None, copy=None, channels=("push",), not_before=1,
        deliver_before=2, expires_at=3, reasons=(), trigger=Trigger("Product Viewed", "m1", 1),
    )  # fmt: skip
    assert checked("promotions", promotion_output(promotion, 1_772_409_600_000, 3).headers) == set()


def test_a_dead_letter_has_the_headers_of_the_document() -> None:
    letter = DeadLetter(Rejection.BAD_VALUE, "properties.price", "is below 0")
    cut = dead_letter_output(letter, ORIGIN, b"k" * 10_001, b"v" * 900_001)
    assert checked("dead-letters", cut.headers) == set()
    whole = dead_letter_output(letter, ORIGIN, b"ann", b"{")
    assert checked("dead-letters", whole.headers) == {"key_bytes", "original_bytes", "original_sha256"}


def test_a_stray_has_the_headers_of_the_document() -> None:
    assert checked("beckon.internal", stray_output(ShopperId("ann"), b"{}", ORIGIN, 12).headers) == {"hops"}


def test_what_lanes_tell_each_other_has_the_headers_of_the_document() -> None:
    ann = ShopperId("ann")
    redirected = redirected_output(ann, b"{}", ORIGIN, 1, 12)
    assert checked("beckon.internal", redirected.headers) == set()
    tick = note_output(ann, Tick(EventTime(1)), 12)
    origin = {"topic", "partition", "offset", "broker_ms", "hops"}
    assert checked("beckon.internal", tick.headers) == origin


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (
            {"id": "spring", "triggers": ["Product Viewed"], "offers": [{"promotion_id": "p", "name": "P"}]},
            True,
        ),
        ({"campaigns": ["spring"], "shop": {"cool_down": "1d"}}, True),
        ({"id": "spring", "trigers": []}, False),
        ({"shop": {}}, False),
    ],
)
def test_a_record_of_the_campaigns_topic_is_a_campaign_or_the_shop(value: Any, fits: bool) -> None:
    registry: Registry[Any] = Registry().with_resource(
        "urn:beckon:campaigns.schema.json", Resource.from_contents(found("./campaigns.schema.json"))
    )
    schema = DOCUMENT["components"]["messages"]["campaigns"]["payload"]["schema"]
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:beckon:here", **schema}
    text = json.dumps(whole).replace("./campaigns.schema.json", "urn:beckon:campaigns.schema.json")
    assert Draft202012Validator(json.loads(text), registry=registry).is_valid(value) is fits


@pytest.mark.skipif(
    not META_SCHEMA, reason="BECKON_ASYNCAPI_SCHEMA names no meta-schema (npm @asyncapi/specs)"
)
def test_the_document_fits_the_meta_schema_of_asyncapi_3() -> None:
    meta = Draft7Validator(json.loads(Path(META_SCHEMA).read_text(encoding="utf-8")))
    meta.validate(DOCUMENT)
    broken = json.loads(json.dumps(DOCUMENT))
    broken["operations"]["shop.send.clicks"]["action"] = "shout"
    assert not meta.is_valid(broken)

"""The checked-in JSON Schemas: made from the types, and no narrower than what the border accepts."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from schemas import contract
from schemas.events import EventName
from tests.support.border import LINE, PROPERTIES, accepted, identify, track, verdict

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = contract.documents()


def fits(name: str, value: object) -> bool:
    """Return whether a value fits the checked-in schema of a topic."""
    schema = json.loads((contract.FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema).is_valid(value)


def topic_of(event: str) -> str:
    return next(row.topic.name for row in contract.TABLE if event in row.events)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_checked_in_schema_is_the_one_that_the_types_give(name: str) -> None:
    file = contract.FOLDER / f"{name}.schema.json"
    assert file.read_text(encoding="utf-8") == contract.render(DOCUMENTS[name]), (
        f"{file.name} differs: run `python -m schemas.contract` and say in the changelog what changed"
    )
    Draft202012Validator.check_schema(DOCUMENTS[name])


def test_there_is_a_schema_for_each_topic_that_others_read_or_write() -> None:
    files = {file.name for file in contract.FOLDER.iterdir()} - {"asyncapi.json"}
    assert files == {f"{name}.schema.json" for name in DOCUMENTS}
    assert {"clicks", "purchases", "feedback", "identities", "catalog", "campaigns"} < DOCUMENTS.keys()
    assert {"promotions", "decisions", "dead-letters"} < DOCUMENTS.keys()


def test_the_table_names_every_event_once() -> None:
    names = [name for row in contract.TABLE for name in row.events]
    assert sorted([*names, EventName.IDENTIFY, EventName.ALIAS]) == sorted(EventName)


@pytest.mark.parametrize("event", PROPERTIES)
def test_a_schema_accepts_what_the_border_accepts(event: str) -> None:
    topic = topic_of(event)
    row = next(row for row in contract.TABLE if event in row.events)
    nothing = (
        dict.fromkeys(row.optional) if event != "Order Completed" else {"coupon": None, "discount": None}
    )
    empty = {name: "" for name in ("category", "creative", "decision_id", "coupon") if name in row.optional}
    for record in (
        track(event),
        track(event, **nothing),
        track(event, **empty),
        track(event, url="https://example.com", extra={"a": [1]}),
        track(event) | {"context": 5, "traits": [], "sentAt": "soon", "version": 2, "schema_version": 1},
        track(event) | {"timestamp": 1_793_448_000_000},
        track(event) | {"timestamp": "1793448000000"},
        track(event) | {"userId": 7, "anonymousId": None},
        track(event) | {"userId": "", "anonymousId": "anon-1"},
    ):
        assert verdict(record) == "accepted", record
        assert fits(topic, record), record


@pytest.mark.parametrize("event", PROPERTIES)
def test_a_schema_refuses_what_lacks_a_required_field(event: str) -> None:
    topic, record = topic_of(event), track(event)
    for name in ("type", "event", "messageId", "timestamp", "userId"):
        short = {key: value for key, value in record.items() if key != name}
        assert verdict(short) == f"missing_field {name}"
        assert not fits(topic, short)
    for name in PROPERTIES[event]:
        for short in (track(event, without=(name,)), track(event, **{name: None})):
            assert verdict(short) == f"missing_field properties.{name}"
            assert not fits(topic, short)


@pytest.mark.parametrize(
    ("event", "field"),
    [(event, field) for row in contract.TABLE for event in row.events for field in row.optional],
)
def test_the_table_and_the_border_look_at_the_same_optional_fields(event: str, field: str) -> None:
    wrong = track(event, **{field: {"a": 1}})
    assert verdict(wrong) == f"wrong_type properties.{field}"
    assert not fits(topic_of(event), wrong)


def test_numbers_in_texts_and_integers_as_ids_fit() -> None:
    record = track(product_id=622, price="19.99", quantity="2", currency="eur")
    assert accepted(record).price == 2199
    assert fits("clicks", record)
    order = track(
        "Order Completed", products=[{**LINE, "product_id": 5, "price": "1.5"}], total="40", revenue=None
    )
    assert accepted(order).total == 4000
    assert fits("purchases", order)


def test_order_lines_need_a_product_and_a_quantity() -> None:
    for line in ({"quantity": 1}, {"product_id": "p1"}, {**LINE, "quantity": 0}, {**LINE, "price": -1}, "p1"):
        record = track("Order Completed", products=[line])
        assert verdict(record) != "accepted"
        assert not fits("purchases", record)
    revenue_only = track("Order Completed", revenue=40, without=("total",))
    assert fits("purchases", revenue_only)
    assert fits("purchases", track("Completed Order", **PROPERTIES["Order Completed"]))


def test_identify_and_alias_fit() -> None:
    alias = identify(userId="ann", previousId="anon-1") | {"type": "alias"}
    for record in (identify(userId="ann", traits={"plan": "gold"}), identify(anonymousId="a"), alias):
        assert verdict(record) == "accepted"
        assert fits("identities", record)
    for record in (identify(), alias | {"previousId": None}, alias | {"userId": ""}):
        assert verdict(record).startswith("missing_field")
        assert not fits("identities", record)


def test_the_campaign_schema_accepts_the_examples_and_refuses_a_typo() -> None:
    for path in (ROOT / "examples").glob("*.yaml"):
        tree: Any = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        assert fits("campaigns", json.loads(json.dumps(tree, default=str)))
        tree["campaigns"][0]["trigers"] = tree["campaigns"][0].pop("triggers")
        assert not fits("campaigns", json.loads(json.dumps(tree, default=str)))


def test_a_dead_letter_says_why_and_where_in_its_headers() -> None:
    headers = {"reason": "bad_value", "field": "properties.price", "error": "is not between 0 and 1e9"}
    origin = {"topic": "clicks", "partition": "3", "offset": "17"}
    assert fits("dead-letters", headers | origin)
    assert not fits("dead-letters", headers)
    assert not fits("dead-letters", headers | origin | {"reason": "because"})

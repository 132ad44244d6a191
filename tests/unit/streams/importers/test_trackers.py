"""Files of Snowplow and GA4 records: what is written, skipped, rejected; devices linked to users once."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.adapters import ga4, snowplow
from schemas.decode import Border
from schemas.errors import InputError
from schemas.events import EventName, IdentityEvent
from streams.importers.folder import Report
from streams.importers.trackers import Links, Read, import_records
from tests.support.lines import Json, read, run, write

BORDER = Border("USD")
TEE = {"item_id": "tee", "item_name": "Tee", "price": 10.0, "quantity": 2}


def row(name: str, at_s: int, user: str | None = None, **fields: Any) -> Json:
    params = [{"key": "currency", "value": {"string_value": "USD"}}, *fields.pop("params", [])]
    return {
        "event_name": name,
        "event_timestamp": (1_780_304_400 + at_s) * 1_000_000,
        "event_params": params,
        "user_pseudo_id": "device",
        "user_id": user,
        "items": [TEE],
        **fields,
    }


ORDER = [
    {"key": "transaction_id", "value": {"string_value": "T1"}},
    {"key": "value", "value": {"int_value": "20"}},
]
VISIT = (
    row("page_view", 0),
    row("view_item", 1),
    row("view_item", 2, items=[{**TEE, "price": -1}]),
    row("add_to_cart", 3, user="ann"),
    row("purchase", 4, user="ann", params=ORDER),
)


def imported(folder: Path, reader: Read, *records: Json | bytes, links: Links = Links.IDENTIFY) -> Report:
    source = write(folder / "hits.jsonl", *records)
    return import_records([source], folder / "in", reader, BORDER, links)


def test_a_visit_becomes_events_by_topic_with_skips_and_dead_letters_counted(tmp_path: Path) -> None:
    report = imported(tmp_path, ga4.read, *VISIT, b"{", b"")
    assert (report.lines, report.shoppers) == (7, 2)
    assert dict(report.left_out) == {"page_view": 1}
    assert dict(report.dead_letters) == {"bad_value items[0].price": 1, "not_json": 1, "tombstone": 1}
    assert dict(report.written) == {
        "Product Viewed": 1, "Product Added": 1, "Order Completed": 1, "identify": 1
    }  # fmt: skip
    assert report.examples[0].endswith("hits.jsonl:3: items[0].price: is not between 0 and 1e9")
    letters = read(tmp_path / "in/rejected/dead_letters.jsonl")
    assert [letter["line"] for letter in letters] == [3, 6, 7]
    assert sorted(path.name for path in (tmp_path / "in").glob("*")) == [
        "clicks.jsonl", "identities.jsonl", "purchases.jsonl", "rejected", "report.json"
    ]  # fmt: skip


def test_the_first_hit_with_device_and_user_is_an_identify(tmp_path: Path) -> None:
    imported(tmp_path, ga4.read, *VISIT, *VISIT)
    (line,) = (tmp_path / "in/identities.jsonl").read_bytes().splitlines()
    event = BORDER.read(line, 1_790_000_000_000)
    assert isinstance(event, IdentityEvent)
    assert (event.name, event.envelope.shopper, event.anonymous_id) == (EventName.IDENTIFY, "ann", "device")
    assert event.envelope.at == 1_780_304_403_000


def test_without_links_device_and_user_stay_two_shoppers(tmp_path: Path) -> None:
    report = imported(tmp_path, ga4.read, *VISIT, links=Links.LEAVE)
    assert "identify" not in report.written
    run(tmp_path / "out", *sorted((tmp_path / "in").glob("*.jsonl")))
    ann, device = read(tmp_path / "out/profiles.jsonl")
    assert (ann["user_id"], ann["views"], ann["cart_adds"], ann["spend"]) == ("ann", 0, 1, 2000)
    assert (device["user_id"], device["views"], device["cart_adds"]) == ("device", 1, 0)


def test_two_imports_write_the_same_bytes_and_leave_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    imported(tmp_path, ga4.read, *VISIT)
    before = {path.name: path.read_bytes() for path in (tmp_path / "in").glob("*.json*")}
    imported(tmp_path, ga4.read, *VISIT)
    assert {path.name: path.read_bytes() for path in (tmp_path / "in").glob("*.json*")} == before
    imported(tmp_path, ga4.read, row("view_item", 1))
    assert sorted(path.name for path in (tmp_path / "in").glob("*.jsonl")) == ["clicks.jsonl"]
    assert not (tmp_path / "in/rejected/dead_letters.jsonl").exists()


def test_snowplow_records_are_read_the_same_way(tmp_path: Path) -> None:
    prefix = "com_snowplowanalytics_snowplow_ecommerce"
    action = {f"unstruct_event_{prefix}_snowplow_ecommerce_action_1": {"type": "product_view"}}
    product = {"id": "tee", "category": "Shirts", "price": 10, "currency": "USD"}
    head = {
        "event_id": "e1",
        "derived_tstamp": "2026-06-01T09:00:00.000Z",
        "domain_userid": "device",
        "user_id": "ann",
    }
    record = {**head, **action, f"contexts_{prefix}_product_1": [product]}
    report = imported(tmp_path, snowplow.read, record, {**head, "event_name": "page_ping"})
    assert dict(report.written) == {"Product Viewed": 1, "identify": 1}
    assert dict(report.left_out) == {"page_ping": 1}
    (identify,) = read(tmp_path / "in/identities.jsonl")
    assert (identify["userId"], identify["anonymousId"]) == ("ann", "device")


def test_a_folder_that_no_import_wrote_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/clicks.jsonl").write_text("mine")
    with pytest.raises(InputError, match="no import wrote"):
        imported(tmp_path, ga4.read, *VISIT)
    assert (tmp_path / "in/clicks.jsonl").read_text() == "mine"


def test_a_missing_file_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        import_records([tmp_path / "none.jsonl"], tmp_path / "in", ga4.read, BORDER, Links.LEAVE)
    assert not list((tmp_path / "in").rglob("*"))


def test_a_line_above_the_limit_is_too_large_and_the_next_one_is_read(tmp_path: Path) -> None:
    huge = json.dumps({"event_name": "x" * 400_000}).encode()
    report = imported(tmp_path, ga4.read, huge, row("view_item", 1))
    assert dict(report.dead_letters) == {"too_large": 1}
    assert dict(report.written) == {"Product Viewed": 1}

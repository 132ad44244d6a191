"""What nobody should ever send: each record ends as one dead letter, under its own id, and the worker lives on."""

import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from schemas.codec import decode_profile
from schemas.events import DeadLetter
from streams.parts import build
from tests.support.broker import Broker, Id
from tests.support.shopping import track, view
from tests.support.stand import Stand
from tests.support.workers import until

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
NOW_MS = round(time.time() * 1000)
DAY_MS = 86_400_000
KIB = 1024


class Poison(NamedTuple):
    """A value, and the reason and field with which it must become a dead letter."""

    value: bytes | None
    reason: str
    field: str


def _view(**changes: object) -> bytes:
    return view("ann", "m1", NOW_MS, **changes)


def _envelope(**changes: object) -> bytes:
    """Return a good view with fields of its envelope changed; a field set to `...` is taken out."""
    good = track("ann", "m1", NOW_MS, "Product Viewed", product_id="p1") | changes
    return msgspec.json.encode({name: value for name, value in good.items() if value is not ...})


def _order(**changes: object) -> bytes:
    line = {"product_id": "p1", "quantity": 1}
    properties = {"order_id": "o1", "total": 10, "currency": "USD", "products": [line]} | changes
    kept = {name: value for name, value in properties.items() if value is not ...}
    return msgspec.json.encode(track("ann", "m1", NOW_MS, "Order Completed", **kept))


POISONS = (
    Poison(None, "tombstone", ""),
    Poison(b"", "tombstone", ""),
    Poison(b"\x00\x00\x00\x00\x07registry", "not_json", ""),
    Poison(b"{", "not_json", ""),
    Poison(b"\xff\xfe", "not_json", ""),
    Poison(b'\xef\xbb\xbf{"type":"track"}', "not_json", ""),
    Poison(b'{"type":"track","event":"Product Viewed","messageId":"\\ud800"}', "not_json", ""),
    Poison(_view().replace(b'"p1"', b"NaN"), "not_json", ""),
    Poison(b"[" * 100_000, "too_large", ""),
    Poison(b'{"a":' * 33 + b"1" + b"}" * 33, "too_large", ""),
    Poison(b" " * (256 * KIB) + _view(), "too_large", ""),
    Poison(b"null", "wrong_type", ""),
    Poison(b"[]", "wrong_type", ""),
    Poison(b'"text"', "wrong_type", ""),
    Poison(b"{}", "missing_field", "type"),
    Poison(_envelope(event=...), "missing_field", "event"),
    Poison(_envelope(event=7), "wrong_type", "event"),
    Poison(_envelope(schema_version=2), "unsupported_version", "schema_version"),
    Poison(_envelope(messageId=...), "missing_field", "messageId"),
    Poison(_envelope(messageId="x" * 101), "bad_value", "messageId"),
    Poison(_envelope(timestamp=...), "missing_field", "timestamp"),
    Poison(_envelope(timestamp="yesterday"), "bad_timestamp", "timestamp"),
    Poison(_envelope(timestamp=True), "wrong_type", "timestamp"),
    Poison(_envelope(timestamp=NOW_MS + 2 * DAY_MS), "bad_timestamp", "timestamp"),
    Poison(_envelope(timestamp=1), "bad_timestamp", "timestamp"),
    Poison(_envelope(userId=...), "missing_field", "userId"),
    Poison(_envelope(userId="u" * 129), "bad_value", "userId"),
    Poison(_envelope(userId=1.5), "wrong_type", "userId"),
    Poison(_envelope(properties=...), "missing_field", "properties.product_id"),
    Poison(_envelope(properties=[]), "wrong_type", "properties"),
    Poison(_view(product_id=""), "missing_field", "properties.product_id"),
    Poison(_view(product_id=[1]), "wrong_type", "properties.product_id"),
    Poison(_view(name="n" * 1025), "bad_value", "properties.name"),
    Poison(_view(price=-1), "bad_value", "properties.price"),
    Poison(_view(price="cheap"), "wrong_type", "properties.price"),
    Poison(_view(price=True), "wrong_type", "properties.price"),
    Poison(_view(price=1, currency="XXX"), "bad_value", "properties.currency"),
    Poison(_view(quantity=0), "bad_value", "properties.quantity"),
    Poison(_view(quantity=2.5), "bad_value", "properties.quantity"),
    Poison(_order(order_id=...), "missing_field", "properties.order_id"),
    Poison(_order(total=...), "missing_field", "properties.total"),
    Poison(_order(currency=...), "missing_field", "properties.currency"),
    Poison(_order(products={}), "wrong_type", "properties.products"),
    Poison(_order(products=[{"product_id": "p1"}]), "missing_field", "properties.products[0].quantity"),
    Poison(_order(products=[1]), "wrong_type", "properties.products[0]"),
)


def test_every_broken_record_is_one_dead_letter_and_the_worker_lives_on(stand: Stand) -> None:
    broker = stand.broker
    with stand.workers(1) as (worker,):
        ids = broker.send("clicks", [(b"ann", poison.value) for poison in POISONS])
        good = broker.send("clicks", [(b"bob", view("bob", "m2", NOW_MS))])
        until(lambda: worker.outcomes().total() == len(POISONS) + 1, 40, f"all are read: {worker.log()}")
        assert worker.outcomes() == {"dead_letter": len(POISONS), "applied": 1}
        reasons = Counter(poison.reason for poison in POISONS)
        counted = worker.metrics()
        assert {
            reason: counted[f'beckon_dead_letters_total{{reason="{reason}"}}'] for reason in reasons
        } == reasons
        assert worker.stop() == 0
    assert _letters(broker) == {
        id_: (poison.reason, poison.field, poison.value) for id_, poison in zip(ids, POISONS, strict=True)
    }
    assert _applied(broker) == set(good)


def test_a_key_and_a_value_near_the_limit_of_the_broker_still_make_a_dead_letter(stand: Stand) -> None:
    broker = stand.broker
    long_key, long_value = (b"k" * 500_000, b"v" * 540_000), (b"ann", b"w" * 1_040_000)
    with stand.workers(1) as (worker,):
        ids = broker.send("clicks", [long_key, long_value])
        stand.wait_drained([worker])
    letters = {broker.source_of(record): record for record in broker.records("dead-letters")}
    assert letters.keys() == set(ids)
    first, second = letters[ids[0]], letters[ids[1]]
    assert (first.key, first.value) == (b"k" * 10_000, b"v" * 540_000)
    assert first.headers["key_bytes"] == b"500000"
    assert (second.key, second.value) == (b"ann", b"w" * 900_000)
    assert second.headers["original_bytes"] == b"1040000"


def test_the_json_test_suite_and_naughty_strings_are_applied_or_dead_lettered_by_id(stand: Stand) -> None:
    suite, naughty = DATA / "json_test_suite" / "test_parsing", DATA / "naughty_strings" / "blns.shared.json"
    if not suite.is_dir() or not naughty.is_file():
        pytest.skip(f"the corpora are not here: {suite.parent}, {naughty.parent}")
    files = {path.name: path.read_bytes() for path in sorted(suite.iterdir())}
    texts: list[str] = list(dict.fromkeys(msgspec.json.decode(naughty.read_bytes())))
    records = [(b"file", value) for value in files.values()]
    records += [(b"text", text.encode()) for text in texts]
    for number, text in enumerate(texts):
        product, shopper = f"shopper-{number}", text
        records.append((product.encode(), view(product, f"m-{number}", NOW_MS, name=text)))
        records.append((shopper.encode(), view(shopper, f"m-{number}", NOW_MS)))
    border = build(stand.settings, tags="category").border
    verdicts = [border.read(value, NOW_MS) for _, value in records]

    with stand.workers(1) as (worker,):
        ids = stand.broker.send("clicks", records)
        stand.wait_drained([worker])
        counts = worker.outcomes()
        assert worker.stop() == 0

    dead = {id_: found for id_, found in zip(ids, verdicts, strict=True) if isinstance(found, DeadLetter)}
    letters = _letters(stand.broker)
    assert {id_: (reason, field) for id_, (reason, field, _) in letters.items()} == {
        id_: (letter.reason.value, letter.field) for id_, letter in dead.items()
    }
    assert letters.keys() | _applied(stand.broker) == set(ids)
    assert counts == {"dead_letter": len(dead), "applied": len(ids) - len(dead)}
    # What the suite calls no JSON is none here; what it calls JSON is no event.
    reasons = {name: letters[id_][0] for name, id_ in zip(files, ids, strict=False)}
    assert all(
        reason in {"not_json", "too_large", "tombstone"} for name, reason in reasons.items() if name[0] == "n"
    )
    assert all(reason != "not_json" for name, reason in reasons.items() if name[0] == "y")
    # Every text is a fine name of a product, and all but the empty and the long ones are shoppers.
    odd = sum(not 1 <= len(text) <= 128 for text in texts)
    assert len(dead) == len(files) + len(texts) + odd


def _letters(broker: Broker) -> dict[Id, tuple[str, str, bytes | None]]:
    """Return dead letters by the id of their original; fail if one has two."""
    found: dict[Id, tuple[str, str, bytes | None]] = {}
    for record in broker.records("dead-letters"):
        source = broker.source_of(record)
        assert source not in found
        headers = record.headers
        found[source] = (headers["reason"].decode(), headers["field"].decode(), record.value)
    return found


def _applied(broker: Broker) -> set[Id]:
    """Return the ids of applied records, where every shopper has one event: their profiles name them."""
    found = set()
    for record in broker.records("beckon-profiles-changelog"):
        for source, offset in decode_profile(record.value or b"").positions.items():
            topic, _, partition = source.rpartition("-")
            found.add(broker.id_of(topic, int(partition), offset))
    return found

"""The border on any bytes: it never raises, and its two lanes never disagree."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.decode import Border
from schemas.events import DeadLetter, EventName, Rejection, Skipped
from schemas.timestamps import parse_time, parse_utc
from tests.support.border import BORDER, BROKER_MS, PROPERTIES, raw, track, verdict

HISTORIES = int(os.environ.get("BECKON_PROPERTY_HISTORIES", "250"))
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
JSON_SUITE = SHARED / "json_test_suite" / "test_parsing"
NAUGHTY = SHARED / "naughty_strings" / "blns.shared.json"
SEGMENT = SHARED / "tracking_payloads" / "segment_ecommerce_v2_track_calls.jsonl"


def lanes_agree(record: bytes) -> None:
    """Fail when the fast lane takes a record otherwise than the exact lane alone, or when one gives up."""
    found = BORDER.read(record, BROKER_MS)
    if record:
        assert found == BORDER.read_exact(record, BROKER_MS)
    if isinstance(found, DeadLetter):
        assert found.reason is not Rejection.PROCESSING_FAILED, found
        assert len(found.detail) <= 200


numbers = st.one_of(
    st.sampled_from(
        [0, -0.0, 1, 2.0, 2.5, -1, 10_000, 10_001, 622, 19.99, 1.005, 1e9, 1e9 + 1, 1e300, 10**30]
    ),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
)
texts = st.one_of(
    st.sampled_from(
        ["", "19", "19.0", "1e5", " 1", "p1", "ann", "USD", "eur", "GBP", "x" * 128, "x" * 129, "x" * 257]
    ),
    st.sampled_from(["2026-10-31T12:00:00.000Z", "2026-10-31", "1793448000000", "1999-12-31T23:59:59.999Z"]),
    st.sampled_from(["ß" * 256, "👟" * 100, '"event"', 'a"b\\c/', "\x00", "\n", "\u2028", "]}[{" * 20]),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
leaves = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
lines = st.fixed_dictionaries(
    {"product_id": st.just("p1") | leaves, "quantity": st.integers(1, 3) | leaves},
    optional={"price": leaves, "name": leaves, "category": leaves},
)
OPTIONAL = (
    "name",
    "category",
    "brand",
    "price",
    "currency",
    "quantity",
    "total",
    "revenue",
    "coupon",
    "discount",
)
ENVELOPE = (
    "type",
    "event",
    "messageId",
    "timestamp",
    "userId",
    "anonymousId",
    "previousId",
    "context",
    "traits",
)


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """Return an event that is right or nearly so, written in one of the many ways of JSON."""
    record: dict[str, Any] = track(draw(st.sampled_from([*PROPERTIES, "Viewed Product", "Product Shared"])))
    properties = record["properties"]
    for name in draw(st.lists(st.sampled_from([*OPTIONAL, "products", *properties]), max_size=2)):
        properties[name] = draw(values)
    if draw(st.booleans()):
        properties["products"] = draw(st.lists(lines, max_size=3))
    for name in draw(st.lists(st.sampled_from([*ENVELOPE, "schema_version", "properties"]), max_size=1)):
        record[name] = draw(values)
    if draw(st.booleans()):
        record["context"] = {"locale": draw(values), "timezone": draw(texts)}
    record |= draw(st.dictionaries(st.sampled_from(["extra", "sentAt", "version"]), values, max_size=2))
    items = draw(st.permutations(list(record.items())))
    written = json.dumps(
        dict(items),
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :\n")])),
    )
    return written.encode("utf-8", "surrogatepass")


@settings(max_examples=HISTORIES, deadline=None)
@given(records())
def test_both_lanes_agree_on_events_that_are_nearly_right(record: bytes) -> None:
    lanes_agree(record)


@settings(max_examples=HISTORIES, deadline=None)
@given(
    records(),
    st.lists(
        st.tuples(
            st.floats(0, 1, exclude_max=True),
            st.integers(0, 3),
            st.sampled_from(list(b'"\\{}[],:0.-eE+ u\n\x00\xff\xc3a1')),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_both_lanes_agree_on_records_with_broken_bytes(
    record: bytes, cuts: list[tuple[float, int, int]]
) -> None:
    broken = bytearray(record)
    for place, length, byte in cuts:
        start = int(place * len(broken))
        broken[start : start + length] = bytes([byte])
    lanes_agree(bytes(broken))


@settings(max_examples=HISTORIES, deadline=None)
@given(
    records(),
    st.sampled_from(['"userId":"bob"', '"type":"page"', '"\\u0065vent":"Product Viewed"']),
    st.booleans(),
)
def test_both_lanes_agree_on_keys_that_come_twice(record: bytes, again: str, first: bool) -> None:
    more = again.encode()
    lanes_agree(b"{" + more + b"," + record[1:] if first else record[:-1] + b"," + more + b"}")


@settings(max_examples=HISTORIES, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_a_skip_or_a_dead_letter(record: bytes) -> None:
    lanes_agree(record)


digit = st.sampled_from("0123456789")
nearly_times = st.one_of(
    st.from_regex(
        r"[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\.[0-9]{3}Z", fullmatch=True
    ),
    st.from_regex(r"[0-9]{4}.[0-9W]{2}.?[0-9]{2}.[0-9]{2}.[0-9]{2}.[0-9]{2}.[0-9+ ]{3}.", fullmatch=True),
    st.text(max_size=26),
)


@settings(max_examples=HISTORIES, deadline=None)
@given(nearly_times)
def test_the_quick_reader_of_times_never_says_something_else(text: str) -> None:
    assert parse_utc(text) in {None, parse_time(text)}


@settings(max_examples=HISTORIES, deadline=None)
@given(st.sampled_from([name for name in EventName if name in PROPERTIES]), texts)
def test_a_line_of_a_file_is_read_like_a_record(name: str, text: str) -> None:
    record = json.dumps(track(name, note=text)).encode()
    assert BORDER.read_line(record, BROKER_MS) == BORDER.read(record, BROKER_MS)


# --- data that others made to break parsers; it lies beside the checkout, not in it


@pytest.mark.skipif(not JSON_SUITE.is_dir(), reason="needs ../shared/data/json_test_suite")
def test_the_json_test_suite_is_read_as_it_says_at_every_place_of_a_record() -> None:
    files = sorted(JSON_SUITE.iterdir())
    assert len(files) > 150
    for path in files:
        value = path.read_bytes()
        for record in (
            value,
            raw(track() | {"extra": "@x"}, x=value),
            raw(track(extra="@x"), x=value),
            raw(track() | {"context": "@x"}, x=value),
            raw(track(product_id="@x"), x=value),
            raw(track(price="@x"), x=value),
            raw(track("Order Completed", products="@x"), x=value),
        ):
            lanes_agree(record)
        # Alone a value is no event; within an ignored field it only has to be JSON and not too deep.
        within = verdict(raw(track() | {"extra": "@x"}, x=value))
        if path.name.startswith("y_"):
            assert within == "accepted", path.name
        if path.name.startswith("n_"):
            assert within in {"not_json", "too_large"}, path.name
            assert verdict(value) in {"not_json", "too_large", "tombstone"}, path.name


@pytest.mark.skipif(not NAUGHTY.is_file(), reason="needs ../shared/data/naughty_strings")
def test_naughty_strings_are_legal_texts_and_come_out_unchanged() -> None:
    naughty = json.loads(NAUGHTY.read_text(encoding="utf-8"))
    assert len(naughty) > 200
    for text in filter(None, naughty):
        for ascii_only in (True, False):
            record = json.dumps(track(name=text, product_id=text[:128]), ensure_ascii=ascii_only).encode()
            lanes_agree(record)
            event: Any = BORDER.read(record, BROKER_MS)
            assert (event.title, event.product_id) == (text[:1024], text[:128])


@pytest.mark.skipif(not SEGMENT.is_file(), reason="needs ../shared/data/tracking_payloads")
def test_the_calls_of_the_segment_spec_are_accepted_unchanged() -> None:
    calls = [json.loads(line) for line in SEGMENT.read_text(encoding="utf-8").splitlines()]
    assert len(calls) == 25
    envelope = {"messageId": "m1", "timestamp": "2026-10-31T12:00:00.000Z", "userId": "ann"}
    fates: dict[str, set[str]] = {}
    for call in calls:
        record = json.dumps(call | envelope).encode()
        lanes_agree(record)
        found = BORDER.read(record, BROKER_MS)
        fate = (
            found.reason
            if isinstance(found, DeadLetter)
            else "skipped"
            if isinstance(found, Skipped)
            else "accepted"
        )
        fates.setdefault(fate, set()).add(call["event"])
    assert fates.keys() <= {"accepted", "skipped"}, fates
    assert fates["accepted"] <= set(PROPERTIES)
    assert len(fates["accepted"]) >= 15
    assert not fates["skipped"] & set(PROPERTIES)


def test_a_border_of_another_shop_reads_by_its_own_currency() -> None:
    yen = Border("JPY")
    event: Any = yen.read(json.dumps(track(price=19.5, currency="jpy")).encode(), BROKER_MS)
    assert event.price == 20

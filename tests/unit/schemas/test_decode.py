"""Records of a topic and lines of a file; what both lanes agree on is in tests/property/test_border.py."""

import json

import pytest

from schemas.decode import Border
from schemas.events import DeadLetter, ProductEvent, ShopEvent, Skipped
from tests.support.border import BORDER, BROKER_MS, LINE, identify, track

LATER = "2027-06-01T00:00:00.000Z"


def line(record: object, wall_ms: int = BROKER_MS) -> ShopEvent | Skipped | DeadLetter:
    return BORDER.read_line(record if isinstance(record, bytes) else json.dumps(record).encode(), wall_ms)


def reason(found: object) -> str:
    return f"{found.reason} {found.field}".strip() if isinstance(found, DeadLetter) else type(found).__name__


def test_ruling_8_a_line_was_received_when_it_says_so() -> None:
    assert reason(line(track() | {"timestamp": LATER})) == "bad_timestamp timestamp"
    # A wall clock in 2028 lets 2027 pass; what the line says itself goes before.
    in_2028 = 1_830_000_000_000
    assert reason(line(track() | {"timestamp": LATER}, in_2028)) == "ProductEvent"
    early = track() | {"timestamp": LATER, "receivedAt": "2026-11-01T00:00:00Z"}
    assert reason(line(early, in_2028)) == "bad_timestamp timestamp"
    assert reason(line(early | {"receivedAt": "2027-05-31T00:00:00Z"}, in_2028)) == "ProductEvent"
    assert reason(line(early | {"receivedAt": 1_811_721_600_000}, in_2028)) == "ProductEvent"


@pytest.mark.parametrize(
    "received", ["soon", None, {}, True, "2099-01-01T00:00:00Z", "1999-01-01T00:00:00Z", 10**30]
)
def test_ruling_8_a_bad_received_at_is_the_wall_clock(received: object) -> None:
    assert reason(line(track() | {"receivedAt": received})) == "ProductEvent"
    assert (
        reason(line(track() | {"timestamp": "2099-01-01", "receivedAt": received}))
        == "bad_timestamp timestamp"
    )


def test_ruling_8_only_the_outermost_received_at_counts_however_it_is_written() -> None:
    inner = track(receivedAt="2027-05-31T00:00:00Z") | {"timestamp": LATER}
    assert reason(line(inner)) == "bad_timestamp timestamp"
    written = json.dumps(track() | {"timestamp": LATER, "receivedAt": "2026-11-01"})
    escaped = written.replace("receivedAt", r"\u0072eceivedAt").encode()
    assert reason(line(escaped, 1_830_000_000_000)) == "bad_timestamp timestamp"


def test_ruling_51_a_blank_line_is_a_tombstone() -> None:
    for blank in (b"", b" ", b"\r", b" \t \r"):
        assert reason(line(blank)) == "tombstone"
    assert reason(BORDER.read(None, BROKER_MS)) == reason(BORDER.read(b"", BROKER_MS)) == "tombstone"


def test_a_line_may_end_with_a_carriage_return() -> None:
    assert reason(line(json.dumps(track()).encode() + b"\r")) == "ProductEvent"


@pytest.mark.parametrize(
    "record",
    [
        track(name="Trail shoe", category="shoes", brand="Acme", price=89.95, currency="USD", quantity=2),
        track(product_id=622, price=89),
        track(name="Größe 42"),
        track(name='24" "screen"', note="a\\b/c\n\t"),
        track("Products Searched", query="zelt für zwei"),
        track("Order Completed", products=[LINE] * 40),
        track("Order Completed", revenue=40, without=("total",)),
        track() | {"timestamp": 1_793_448_000_000, "userId": 7},
        track() | {"context": {"locale": "de-DE", "timezone": "Europe/Berlin"}, "schema_version": 1},
    ],
)
def test_what_shops_usually_send_takes_the_fast_lane(record: object) -> None:
    for ascii_only in (True, False):
        raw = json.dumps(record, ensure_ascii=ascii_only).encode()
        fast = BORDER._read_fast(raw, BROKER_MS)
        assert fast is not None
        assert fast == BORDER.read_exact(raw, BROKER_MS)


def test_an_event_is_read_to_the_last_field() -> None:
    record = track(name="Trail shoe", category="shoes", brand="Acme", price=89.95, quantity=2)
    found = BORDER.read(
        json.dumps(record | {"context": {"locale": "de-DE", "timezone": "Europe/Berlin"}}).encode(), BROKER_MS
    )
    assert isinstance(found, ProductEvent)
    envelope = found.envelope
    assert (envelope.shopper, envelope.message_id, envelope.at, envelope.known) == (
        "ann",
        "m1",
        1_793_448_000_000,
        True,
    )
    assert f"{envelope.digest:012x}" == "a61406e01eea"
    assert (envelope.locale, envelope.timezone) == ("de-DE", "Europe/Berlin")
    assert (found.title, found.category, found.brand, found.price, found.quantity) == (
        "Trail shoe",
        "shoes",
        "Acme",
        8995,
        2,
    )


def test_without_settings_a_border_keeps_no_trait() -> None:
    found = Border().read(json.dumps(identify(userId="ann", traits={"plan": "gold"})).encode(), BROKER_MS)
    assert not isinstance(found, DeadLetter | Skipped | ProductEvent)
    assert getattr(found, "traits", None) == {}


def test_a_fault_of_ours_is_a_dead_letter_and_not_an_exception() -> None:
    # A time that no clock shows: what comes of it is ours, and the record must survive it.
    found = BORDER.read(json.dumps(track()).encode(), None)  # type: ignore[arg-type]
    assert reason(found) == "processing_failed"

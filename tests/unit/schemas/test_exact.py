"""The rulings on whole records and their envelope, one by one; `read` asks both lanes of the border."""

import json
from typing import Any

import pytest

from schemas.events import DeadLetter, ProductEvent
from tests.support.border import (
    BROKER_MS,
    HUGE_INTEGER,
    LINE,
    PROPERTIES,
    accepted,
    identify,
    raw,
    read,
    track,
    verdict,
)


def test_ruling_12_schema_version_counts_and_version_does_not() -> None:
    assert verdict(track() | {"version": 2}) == "accepted"
    assert verdict(track() | {"schema_version": 1}) == "accepted"
    assert verdict(track() | {"schema_version": None}) == "accepted"
    for other in (2, 0, "1", True, [], {}, 1.5):
        assert verdict(track() | {"schema_version": other}) == "unsupported_version schema_version"


def test_ruling_39_the_user_goes_before_the_anonymous_id_and_both_may_be_the_same() -> None:
    both = accepted(track() | {"anonymousId": "anon-1"}).envelope
    assert (both.shopper, both.known) == ("ann", True)
    alone = accepted(track() | {"userId": None, "anonymousId": "ann"}).envelope
    assert (alone.shopper, alone.known) == ("ann", False)
    same = accepted(identify(userId="ann", anonymousId="ann"))
    assert same.anonymous_id is None


def test_ruling_41_integers_are_ids_and_floats_and_booleans_are_not() -> None:
    assert accepted(track(product_id=622)).product_id == "622"
    assert accepted(track() | {"userId": 7, "messageId": 8}).envelope.shopper == "7"
    assert accepted(track("Order Refunded", order_id=-5)).order_id == "-5"
    assert verdict(track(product_id=622.0)) == "wrong_type properties.product_id"
    assert verdict(track(product_id=True)) == "wrong_type properties.product_id"
    assert verdict(track() | {"userId": 1.5}) == "wrong_type userId"
    assert verdict(raw(track(product_id="@id"), id=HUGE_INTEGER)) == "bad_value properties.product_id"


def test_ruling_42_null_and_empty_texts_are_absent() -> None:
    event = accepted(track(name=None, category="", brand="", price=None, currency="", quantity=None))
    assert (event.title, event.category, event.brand, event.price, event.quantity) == (None,) * 4 + (1,)
    assert accepted(track() | {"userId": "", "anonymousId": "a"}).envelope.shopper == "a"
    assert accepted(track("Order Completed", coupon="")).discounted is False
    assert verdict(track(product_id="")) == "missing_field properties.product_id"
    assert verdict(track("Products Searched", query="")) == "missing_field properties.query"
    assert verdict(track() | {"messageId": ""}) == "missing_field messageId"
    assert verdict(track("Order Completed", products=[{**LINE, "product_id": ""}])) == (
        "missing_field properties.products[0].product_id"
    )


def test_ruling_45_a_bad_time_is_one_of_three_reasons() -> None:
    def at(value: object) -> str:
        return verdict(track() | {"timestamp": value})

    assert at(1_793_448_000_000) == at(1_793_448_000_000.9) == at("1793448000000") == "accepted"
    assert at("2026-10-31") == at("2026-10-31 12:00:00") == at("2026-10-31T12:00:00+0100") == "accepted"
    assert at(1_793_448_000) == "bad_timestamp timestamp"  # seconds land in 1970 and die
    for wrong in ("soon", "", "2026-10-31T12:00", "31.10.2026", "-1793448000000", "1.7e12"):
        assert at(wrong) == "bad_timestamp timestamp"
    for wrong_type in (True, {"ms": 1}, [1]):
        assert at(wrong_type) == "wrong_type timestamp"
    assert at(None) == "missing_field timestamp"
    assert verdict(raw(track() | {"timestamp": "@t"}, t=b"1e999")) == "bad_timestamp timestamp"
    assert verdict(raw(track() | {"timestamp": "@t"}, t=HUGE_INTEGER)) == "bad_timestamp timestamp"


def test_ruling_45_there_is_no_fallback_and_a_bad_sent_at_is_ignored() -> None:
    record = track() | {"sentAt": "2026-10-31T12:00:00Z", "receivedAt": "2026-10-31T12:00:00Z"}
    del record["timestamp"]
    assert verdict(record) == "missing_field timestamp"
    assert verdict(track() | {"sentAt": {}, "receivedAt": "soon"}) == "accepted"


def test_ruling_45_a_fraction_of_a_millisecond_is_floored() -> None:
    assert accepted(track() | {"timestamp": 1_793_448_000_000.9}).envelope.at == 1_793_448_000_000
    assert (
        accepted(track() | {"timestamp": "2026-10-31T12:00:00.999999999Z"}).envelope.at == 1_793_448_000_999
    )


def test_ruling_8_times_from_2000_to_a_day_ahead_of_the_broker_both_included() -> None:
    assert verdict(track() | {"timestamp": "2000-01-01T00:00:00.000Z"}) == "accepted"
    assert verdict(track() | {"timestamp": "1999-12-31T23:59:59.999Z"}) == "bad_timestamp timestamp"
    assert verdict(track() | {"timestamp": BROKER_MS + 86_400_000}) == "accepted"
    assert verdict(track() | {"timestamp": BROKER_MS + 86_400_001}) == "bad_timestamp timestamp"
    assert verdict(track() | {"timestamp": "2099-01-01T00:00:00.000Z"}) == "bad_timestamp timestamp"


ALL_WRONG: list[tuple[str, dict[str, Any]]] = [
    # What is wrong, and the mend that shows the next fault in line.
    ("unsupported_version schema_version", {"schema_version": 1}),
    ("missing_field type", {"type": "track"}),
    ("missing_field event", {"event": "Product Viewed"}),
    ("missing_field messageId", {"messageId": "m1"}),
    ("missing_field timestamp", {"timestamp": "never"}),
    ("bad_timestamp timestamp", {"timestamp": "2026-10-31T12:00:00Z"}),
    ("wrong_type userId", {"userId": None}),
    ("wrong_type anonymousId", {"anonymousId": None}),
    ("wrong_type previousId", {"previousId": None}),
    ("missing_field userId", {"userId": "ann"}),
    ("wrong_type properties", {"properties": None}),
    ("missing_field properties.product_id", {"properties": {"product_id": "p1"}}),
]


def test_ruling_46_the_first_check_that_fails_names_the_reason() -> None:
    record: dict[str, Any] = {
        "schema_version": 9,
        "userId": {},
        "anonymousId": {},
        "previousId": {},
        "properties": [],
    }
    for expected, mend in ALL_WRONG:
        assert verdict(record) == expected
        record |= mend
    assert verdict(record) == "accepted"


def test_ruling_46_what_concerns_the_whole_record_comes_first() -> None:
    assert verdict(b"") == "tombstone"
    assert verdict(b"x" * (256 * 1024 + 1)) == "too_large"
    assert verdict(b"[" * 40 + b"x") in {"not_json", "too_large"}
    assert verdict(b"[" * 33 + b"]" * 33) == "too_large"
    assert verdict(b"[]") == "wrong_type"
    assert verdict(b'{"schema_version": 2, "event": "Nobody Knows", "type": "track"}') == (
        "unsupported_version schema_version"
    )


@pytest.mark.parametrize(
    ("event", "in_order"),
    [
        ("Product Viewed", ["product_id", "name", "category", "brand", "price", "currency", "quantity"]),
        ("Products Searched", ["query", "category"]),
        ("Product List Viewed", ["list_id", "category", "products"]),
        ("Cart Viewed", ["products", "value", "currency"]),
        ("Order Completed", ["order_id", "products", "total", "revenue", "currency", "coupon", "discount"]),
        ("Order Refunded", ["order_id", "total", "currency", "products"]),
        ("Promotion Viewed", ["promotion_id", "decision_id", "creative", "position"]),
        ("Coupon Applied", ["coupon_id", "order_id", "decision_id"]),
    ],
)
def test_ruling_46_properties_are_checked_in_the_order_of_the_table(event: str, in_order: list[str]) -> None:
    properties: dict[str, Any] = {name: {} for name in in_order}
    for name in in_order:
        assert verdict(track(event, **properties)) == f"wrong_type properties.{name}"
        if name in PROPERTIES[event]:
            properties[name] = PROPERTIES[event][name]
        else:
            del properties[name]


def test_ruling_46_order_lines_are_checked_by_index() -> None:
    lines = [LINE, {"product_id": "p2"}, {"quantity": 1}]
    assert (
        verdict(track("Order Completed", products=lines)) == "missing_field properties.products[1].quantity"
    )
    lines = [{**LINE, "price": -1}, {**LINE, "name": 5}]
    assert verdict(track("Order Completed", products=lines)) == "bad_value properties.products[0].price"


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ("Product Viewed", "product_id"),
        ("Product Added to Wishlist", "product_id"),
        ("Products Searched", "query"),
        ("Order Completed", "order_id"),
        ("Order Updated", "order_id"),
        ("Promotion Clicked", "promotion_id"),
        ("Coupon Removed", "coupon_id"),
        ("Consent Changed", "consents"),
    ],
)
def test_ruling_46_missing_properties_are_the_first_required_property(event: str, field: str) -> None:
    record = track(event)
    del record["properties"]
    assert verdict(record) == f"missing_field properties.{field}"
    assert verdict(record | {"properties": {}}) == f"missing_field properties.{field}"
    assert verdict(record | {"properties": "x"}) == "wrong_type properties"


def test_ruling_47_a_record_may_nest_32_deep_in_ignored_fields_too() -> None:
    def nested(levels: int, bracket: bytes = b"[]") -> bytes:
        inner = bracket[:1] * levels + bracket[1:] * levels
        return raw(track() | {"extra": "@x"}, x=inner)

    assert verdict(nested(31)) == "accepted"  # the record itself is depth 1
    assert verdict(nested(32)) == "too_large"
    assert verdict(nested(500)) == verdict(nested(100_000)) == "too_large"
    assert verdict(raw(track(name="@x"), x=b'"' + b"[{" * 400 + b'"')) == "accepted"
    assert accepted(raw(track(name="@x"), x=b'"' + b'\\"[' * 400 + b'"')).title == '"[' * 400


def test_ruling_48_the_envelope_and_the_lines_are_bounded_too() -> None:
    for field, longest in (("messageId", 100), ("userId", 128), ("anonymousId", 128), ("previousId", 128)):
        assert verdict(track() | {field: "x" * longest}) == "accepted"
        assert verdict(track() | {field: "x" * (longest + 1)}) == f"bad_value {field}"
    assert verdict(track("Order Completed", products=[LINE] * 1000)) == "accepted"
    assert verdict(track("Order Completed", products=[LINE] * 1001)) == "bad_value properties.products"
    long = {**LINE, "name": "x" * 1025}
    assert verdict(track("Order Completed", products=[LINE, long])) == "bad_value properties.products[1].name"
    assert verdict(track(currency="EURO")) == "bad_value properties.currency"


def test_ruling_49_unknown_types_and_names_are_skipped_before_any_check() -> None:
    for kind in ("page", "screen", "group", "Track", "TRACK", "track "):
        assert verdict({"type": kind}) == "skipped"
    for name in ("Product Shared", "product viewed", "Product Viewed ", "identify", "Viewed Products"):
        assert verdict({"type": "track", "event": name}) == "skipped"
    assert verdict({"type": None, "event": "Product Viewed"}) == "missing_field type"
    assert verdict({"type": "track"}) == verdict({"type": "track", "event": ""}) == "missing_field event"
    assert verdict({"type": 5}) == "wrong_type type"
    assert verdict({"type": "track", "event": ["Product Viewed"]}) == "wrong_type event"


@pytest.mark.parametrize(
    ("old", "name"),
    [
        ("Viewed Product", "Product Viewed"),
        ("Clicked Product", "Product Clicked"),
        ("Added Product", "Product Added"),
        ("Removed Product", "Product Removed"),
        ("Viewed Product Category", "Product List Viewed"),
        ("Started Order", "Checkout Started"),
        ("Updated Order", "Order Updated"),
        ("Completed Order", "Order Completed"),
        ("Viewed Promotion", "Promotion Viewed"),
        ("Clicked Promotion", "Promotion Clicked"),
    ],
)
def test_ruling_49_names_of_the_first_segment_spec_are_aliases(old: str, name: str) -> None:
    assert accepted(track(old, **PROPERTIES[name])).name == name


def test_ruling_49_spellings_of_properties_are_not_mapped() -> None:
    assert verdict(track("Viewed Product", id="p1", sku="p1")) == "missing_field properties.product_id"


def test_ruling_50_the_event_name_decides_and_not_a_topic_field() -> None:
    assert accepted(track("Order Completed") | {"topic": "clicks"}).order_id == "o1"


def test_ruling_51_invalid_utf8_is_no_json_wherever_it_stands() -> None:
    for broken in (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\xaf"):
        assert verdict(raw(track(name="@x"), x=b'"' + broken + b'"')) == "not_json"
        assert verdict(raw(track() | {"ignored": "@x"}, x=b'"' + broken + b'"')) == "not_json"
        assert verdict(raw(track() | {"ignored": {"@x": 1}}, x=b'"' + broken + b'"')) == "not_json"


def test_ruling_51_half_of_a_surrogate_pair_is_no_json_wherever_it_stands() -> None:
    for half in (
        rb'"\ud800"',
        rb'"\udc00"',
        rb'"\ud800\ud800"',
        rb'"\udc00\ud800"',
        rb'"\ud800x"',
        rb'"\\\ud800"',
    ):
        for place in ("name", "ignored"):
            assert verdict(raw(track(**{place: "@x"}), x=half)) == "not_json"
    assert accepted(raw(track(name="@x"), x=rb'"\ud83d\udc5f \\ud800"')).title == "\U0001f45f \\ud800"
    twice = rb'{"type": "track", "event": "Nobody Knows", "a": "\ud800", "a": 1}'
    assert verdict(twice) == "not_json"


def test_ruling_51_a_byte_order_mark_is_no_json() -> None:
    assert verdict(b"\xef\xbb\xbf" + json.dumps(track()).encode()) == "not_json"


def test_ruling_51_the_last_of_two_equal_keys_wins() -> None:
    text = json.dumps(track("Products Searched", product_id="p1"))
    assert isinstance(accepted((text[:-1] + ', "event": "Product Viewed"}').encode()), ProductEvent)
    assert isinstance(accepted((text[:-1] + r', "\u0065vent": "Product Viewed"}').encode()), ProductEvent)
    assert verdict((text[:-1] + ', "userId": 1.5}').encode()) == "wrong_type userId"
    assert accepted(('{"userId": {}, "properties": 1, ' + text[1:]).encode()).envelope.shopper == "ann"


def test_ruling_51_null_alone_is_a_wrong_type_and_other_values_too() -> None:
    for value in (b"null", b"true", b"1", b'"x"', b"[]", b"[null]"):
        assert verdict(value) == "wrong_type"


def test_ruling_51_control_characters_are_legal_in_ids_when_escaped() -> None:
    assert accepted(track(product_id="a\x00b\x1f\x7f")).product_id == "a\x00b\x1f\x7f"
    assert verdict(raw(track(product_id="@x"), x=b'"a\x00b"')) == "not_json"
    assert verdict(raw(track() | {"ignored": "@x"}, x=b'"a\tb"')) == "not_json"


def test_ruling_53_an_event_needs_an_id_and_alias_needs_two() -> None:
    assert verdict(track() | {"userId": None}) == "missing_field userId"
    assert verdict(track() | {"userId": "", "anonymousId": ""}) == "missing_field userId"
    assert verdict(identify(userId=None, anonymousId=None)) == "missing_field userId"
    alias = identify(userId="ann", previousId="anon-1") | {"type": "alias"}
    assert accepted(alias).anonymous_id == "anon-1"
    assert verdict(alias | {"previousId": None}) == "missing_field previousId"
    assert verdict(alias | {"userId": None}) == "missing_field userId"
    assert verdict(alias | {"userId": None, "anonymousId": "a"}) == "missing_field userId"


def test_ruling_66_context_and_traits_of_a_wrong_type_are_ignored() -> None:
    for wrong in (5, "x", [], True, {"locale": 5, "timezone": {}}, {"locale": "x" * 65}):
        envelope = accepted(track() | {"context": wrong, "traits": wrong}).envelope
        assert (envelope.locale, envelope.timezone) == (None, None)
        assert accepted(identify(userId="ann", traits=wrong)).traits == {}


def test_traits_are_kept_by_name_and_within_what_a_profile_can_store() -> None:
    def kept(value: object) -> object:
        return accepted(identify(userId="ann", traits={"plan": value, "email": "a@b.c"})).traits

    assert kept("gold") == {"plan": "gold"}
    assert kept(True) == {"plan": True}
    assert kept(2.5) == {"plan": 2.5}
    assert kept("x" * 257) == kept(10**30) == kept([1]) == kept(None) == {}
    assert accepted(raw(identify(userId="ann", traits={"plan": "@x"}), x=b"1e999")).traits == {}


def test_identify_and_alias_name_the_anonymous_id_to_be_merged() -> None:
    event = accepted(identify(userId="ann", anonymousId="anon-1"))
    assert (event.envelope.shopper, event.anonymous_id) == ("ann", "anon-1")
    assert accepted(identify(anonymousId="anon-1")).anonymous_id is None


def test_a_record_of_256_kib_is_the_largest() -> None:
    largest = json.dumps(track() | {"pad": ""}).encode()
    pad = 256 * 1024 - len(largest)
    assert verdict(largest.replace(b'"pad": ""', b'"pad": "' + b"x" * pad + b'"')) == "accepted"
    assert verdict(largest.replace(b'"pad": ""', b'"pad": "' + b"x" * (pad + 1) + b'"')) == "too_large"


def test_a_value_that_starts_with_byte_0_gets_a_remark() -> None:
    found = read(b"\x00\x00\x00\x00\x07" + json.dumps(track()).encode())
    assert isinstance(found, DeadLetter)
    assert (found.reason, found.field) == ("not_json", "")
    assert found.detail.startswith("looks like a schema-registry format")
    other = read(b"\x01\x00")
    assert isinstance(other, DeadLetter)
    assert "schema-registry" not in other.detail


def test_a_detail_is_never_longer_than_200_characters() -> None:
    found = read(track(product_id="x" * 5000))
    assert isinstance(found, DeadLetter)
    assert 0 < len(found.detail) <= 200

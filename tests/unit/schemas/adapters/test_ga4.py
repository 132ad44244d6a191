"""GA4 e-commerce events: every event, as a row of the export and as a Measurement Protocol body."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.adapters import ga4
from schemas.adapters.drafts import Adapted
from schemas.decode import Border
from schemas.events import (
    BrowseEvent,
    DeadLetter,
    EventName,
    FeedbackEvent,
    OrderCompleted,
    OrderRefunded,
    ProductEvent,
    Rejection,
    SearchEvent,
    ShopEvent,
    Skipped,
)

NOW = 1_790_000_000_000
MICROS = 1_780_304_400_250_999
BORDER = Border("EUR", {"USD": 0.5}, ())
TEE = {
    "item_id": "SKU_1",
    "item_name": "Tee",
    "item_brand": "(not set)",
    "item_category": "Apparel",
    "item_category2": "Shirts",
    "item_category3": "(not set)",
    "item_variant": "green",
    "price": 9.99,
    "quantity": 3,
    "index": 0,
    "coupon": "SUMMER",
}
CAP = {"item_name": "Cap", "price": 20}


def row(name: str, items: Any = None, **params: Any) -> dict[str, Any]:
    """As BigQuery exports it; integers are texts there."""
    kinds = {str: "string_value", int: "int_value", float: "double_value"}
    listed = [
        {
            "key": key,
            "value": {"string_value": None, kinds[type(value)]: str(value) if type(value) is int else value},
        }
        for key, value in {**params, "ga_session_id": 17}.items()
    ]
    return {
        "event_date": "20260601",
        "event_timestamp": str(MICROS),
        "event_name": name,
        "event_params": listed,
        "user_id": "ann",
        "user_pseudo_id": "123.456",
        "device": {"language": "en-us", "category": "mobile"},
        "event_bundle_sequence_id": "9",
        "batch_event_index": "2",
        "stream_id": "5",
        "items": items,
        "ecommerce": {"transaction_id": "(not set)"},
    }


def body(name: str, items: Any = None, **params: Any) -> dict[str, Any]:
    """As servers post it to the Measurement Protocol."""
    given_items = {} if items is None else {"items": items}
    return {
        "client_id": "123.456",
        "user_id": "ann",
        "timestamp_micros": MICROS,
        "events": [{"name": name, "params": {**params, **given_items}}],
    }


def read(record: Any, received_ms: int | None = None) -> list[ShopEvent | Skipped | DeadLetter]:
    """Return what the border makes of a record."""
    raw = record if isinstance(record, bytes) else json.dumps(record).encode()
    seen: list[ShopEvent | Skipped | DeadLetter] = []
    for reading in ga4.read(raw, received_ms):
        if not isinstance(reading, Adapted):
            seen.append(reading)
            continue
        event = BORDER.read(json.dumps(reading.envelope).encode(), NOW)
        seen.append(reading.in_origin(event) if isinstance(event, DeadLetter) else event)
    return seen


SHAPES = pytest.mark.parametrize("shape", [row, body])


@SHAPES
@pytest.mark.parametrize(
    ("name", "ours", "quantity"),
    [
        ("view_item", EventName.PRODUCT_VIEWED, 1),
        ("select_item", EventName.PRODUCT_CLICKED, 1),
        ("add_to_cart", EventName.PRODUCT_ADDED, 3),
        ("remove_from_cart", EventName.PRODUCT_REMOVED, 3),
        ("add_to_wishlist", EventName.PRODUCT_WISHED, 1),
    ],
)
def test_a_hit_about_items_is_one_event_for_each(
    shape: Any, name: str, ours: EventName, quantity: int
) -> None:
    tee, cap = read(shape(name, [TEE, CAP], currency="USD", value=50.0))
    assert isinstance(tee, ProductEvent)
    assert isinstance(cap, ProductEvent)
    assert (tee.name, tee.product_id, tee.title, tee.category) == (ours, "SKU_1", "Tee", "Apparel/Shirts")
    assert (tee.brand, tee.price, tee.quantity) == (None, 500, quantity)  # 9.99 dollars at 0.5
    assert (cap.product_id, cap.category, cap.price, cap.quantity) == ("Cap", None, 1000, 1)
    assert (tee.envelope.shopper, tee.envelope.known, tee.envelope.at) == ("ann", True, 1_780_304_400_250)
    assert cap.envelope.message_id == f"{tee.envelope.message_id}-1"


def test_a_row_tells_the_language_and_a_body_without_user_is_the_client() -> None:
    (event,) = read(row("view_item", [TEE]))
    assert isinstance(event, ProductEvent)
    assert event.envelope.locale == "en-us"
    (event,) = read({**body("view_item", [TEE]), "user_id": None})
    assert isinstance(event, ProductEvent)
    assert (event.envelope.shopper, event.envelope.known) == ("123.456", False)


@SHAPES
@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("view_item_list", EventName.LIST_VIEWED),
        ("view_cart", EventName.CART_VIEWED),
        ("begin_checkout", EventName.CHECKOUT_STARTED),
    ],
)
def test_lists_carts_and_checkouts_are_one_event_with_all_items(
    shape: Any, name: str, ours: EventName
) -> None:
    record = shape(name, [TEE, CAP], currency="EUR", value=49.97, item_list_id="sale")
    (reading,) = ga4.read(json.dumps(record).encode())
    assert isinstance(reading, Adapted)
    assert len(reading.envelope["properties"]["products"]) == 2
    (event,) = read(record)
    assert isinstance(event, BrowseEvent)
    assert event.name is ours


@SHAPES
def test_a_purchase_is_one_order_with_its_items_as_lines(shape: Any) -> None:
    items = [TEE, CAP]
    (order,) = read(shape("purchase", items, transaction_id="T1", value=49.97, currency="EUR", coupon="HI"))
    assert isinstance(order, OrderCompleted)
    assert (order.order_id, order.total, order.discounted) == ("T1", 4997, True)
    assert [(line.product_id, line.quantity, line.price, line.category) for line in order.lines] == [
        ("SKU_1", 3, 999, "Apparel/Shirts"),
        ("Cap", 1, 2000, None),
    ]


def test_a_row_falls_back_on_what_the_export_repeats_beside_the_parameters() -> None:
    record = row("purchase", [TEE], currency="EUR")
    record["ecommerce"] = {"transaction_id": "T2", "purchase_revenue": 29.97}
    (order,) = read(record)
    assert isinstance(order, OrderCompleted)
    assert (order.order_id, order.total) == ("T2", 2997)


@SHAPES
@pytest.mark.parametrize(
    ("items", "params", "total"),
    [
        (None, {"value": 5.5, "currency": "EUR"}, 550),
        ([TEE, CAP], {"currency": "EUR"}, 4997),  # 3 * 9.99 + 20
        (None, {}, None),  # the whole order
        ([], {}, None),
    ],
)
def test_a_refund_gives_back_its_value_else_its_items_else_the_whole_order(
    shape: Any, items: Any, params: dict[str, Any], total: int | None
) -> None:
    (refund,) = read(shape("refund", items, transaction_id="T1", **params))
    assert isinstance(refund, OrderRefunded)
    assert (refund.order_id, refund.total) == ("T1", total)


@SHAPES
@pytest.mark.parametrize("name", ["search", "view_search_results"])
def test_both_searches_are_searches(shape: Any, name: str) -> None:
    (search,) = read(shape(name, search_term="red shoes"))
    assert isinstance(search, SearchEvent)
    assert search.query == "red shoes"


@SHAPES
def test_promotions_are_one_event_each_whether_named_by_items_or_by_the_hit(shape: Any) -> None:
    items = [
        {**TEE, "promotion_id": "P1", "creative_name": "banner"},
        {**CAP, "promotion_id": "P1"},
        {**CAP, "promotion_id": "P2"},
    ]
    first, second = read(shape("view_promotion", items, creative_slot="top"))
    assert isinstance(first, FeedbackEvent)
    assert isinstance(second, FeedbackEvent)
    assert (first.name, first.subject, first.creative) == (EventName.PROMOTION_VIEWED, "P1", "banner")
    assert second.subject == "P2"
    assert second.envelope.message_id != first.envelope.message_id
    (clicked,) = read(shape("select_promotion", [CAP], promotion_id="P3"))
    (bare,) = read(shape("select_promotion", promotion_id="P3"))
    assert isinstance(clicked, FeedbackEvent)
    assert isinstance(bare, FeedbackEvent)
    assert (clicked.name, clicked.subject, bare.subject) == (EventName.PROMOTION_CLICKED, "P3", "P3")


@SHAPES
@pytest.mark.parametrize("name", ["page_view", "session_start", "add_payment_info", "View_Item"])
def test_what_is_no_event_for_us_is_skipped_by_its_name(shape: Any, name: str) -> None:
    assert read(shape(name, [TEE])) == [Skipped(name)]


def test_a_body_holds_several_events_and_each_has_its_own_outcome() -> None:
    record = body("view_item", [TEE])
    record["events"] += [
        {"name": "page_view"},
        {"name": "add_to_cart", "params": {"items": []}},
        {"name": "search", "params": {"search_term": "cap"}, "timestamp_micros": MICROS - 5_000_000},
    ]
    viewed, skipped, letter, search = read(record)
    assert isinstance(viewed, ProductEvent)
    assert skipped == Skipped("page_view")
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.field) == (Rejection.MISSING_FIELD, "events[2].params.items")
    assert isinstance(search, SearchEvent)
    assert search.envelope.at == 1_780_304_395_250


def test_a_body_without_a_time_takes_that_of_its_arrival() -> None:
    record = {**body("view_item", [TEE]), "timestamp_micros": None}
    (event,) = read(record, received_ms=1_780_304_400_000)
    assert isinstance(event, ProductEvent)
    assert event.envelope.at == 1_780_304_400_000
    (letter,) = read(record)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.field) == (Rejection.MISSING_FIELD, "timestamp_micros")


def message_ids(record: dict[str, Any]) -> list[str]:
    readings = ga4.read(json.dumps(record).encode())
    return [reading.envelope["messageId"] for reading in readings if isinstance(reading, Adapted)]


def test_ids_are_the_same_however_the_export_writes_its_numbers_and_whenever_it_is_read() -> None:
    texts = row("view_item", [TEE])
    numbers = {**texts, "event_timestamp": MICROS, "event_bundle_sequence_id": 9, "batch_event_index": 2}
    assert message_ids(texts) == message_ids(numbers)
    assert message_ids(texts)[0].startswith("ga4-")
    assert len(message_ids(texts)[0]) == 36


@pytest.mark.parametrize(
    "change",
    [
        {"event_timestamp": str(MICROS + 1000)},
        {"user_pseudo_id": "9.9"},
        {"batch_event_index": "3"},
        {"event_name": "select_item"},
        {"items": [CAP]},
    ],
)
def test_another_hit_has_another_id(change: dict[str, Any]) -> None:
    assert message_ids(row("view_item", [TEE])) != message_ids({**row("view_item", [TEE]), **change})


def test_two_equal_events_of_one_body_have_ids_of_their_own() -> None:
    record = body("view_item", [TEE])
    record["events"] *= 2
    first, second = message_ids(record)
    assert first != second


@pytest.mark.parametrize(
    ("record", "reason", "field"),
    [
        (b"", Rejection.NOT_JSON, ""),
        (b'"view_item"', Rejection.WRONG_TYPE, ""),
        ({}, Rejection.MISSING_FIELD, "event_name"),
        ({"events": {}}, Rejection.WRONG_TYPE, "events"),
        ({"events": [7]}, Rejection.WRONG_TYPE, "events[0]"),
        ({"events": [{"name": 7}]}, Rejection.WRONG_TYPE, "events[0].name"),
        (row("view_item"), Rejection.MISSING_FIELD, "items"),
        (row("view_item", [{}]), Rejection.MISSING_FIELD, "items[0].item_id"),
        (row("view_item", ["tee"]), Rejection.WRONG_TYPE, "items[0]"),
        (row("view_item", [{**TEE, "price": -1}]), Rejection.BAD_VALUE, "items[0].price"),
        (row("view_item", [TEE], currency="SEK"), Rejection.BAD_VALUE, "event_params.currency"),
        (body("view_item", [CAP, {**TEE, "price": "x"}]), Rejection.WRONG_TYPE, "events[0].params.items[1].price"),
        (body("add_to_cart", [{**TEE, "quantity": 0}]), Rejection.BAD_VALUE, "events[0].params.items[0].quantity"),
        (row("view_item", [{**TEE, "item_category": 7}]), Rejection.WRONG_TYPE, "items[0].item_category"),
        (row("purchase", [TEE], value=1.0, currency="EUR"), Rejection.MISSING_FIELD, "event_params.transaction_id"),
        (row("purchase", [TEE], transaction_id="T", currency="EUR"), Rejection.MISSING_FIELD, "event_params.value"),
        (row("purchase", [TEE], transaction_id="T", value=1), Rejection.MISSING_FIELD, "event_params.currency"),
        (row("purchase", transaction_id="T", value=1, currency="EUR"), Rejection.MISSING_FIELD, "items"),
        (
            row("purchase", [TEE, {**TEE, "quantity": 10_001}], transaction_id="T", value=1, currency="EUR"),
            Rejection.BAD_VALUE,
            "items[1].quantity",
        ),
        (row("refund", [{"item_id": "a"}], transaction_id="T"), Rejection.MISSING_FIELD, "items[0].price"),
        (row("refund", [{**TEE, "price": "x"}], transaction_id="T"), Rejection.BAD_VALUE, "items[0].price"),
        (row("refund", [{**TEE, "price": "1e999999"}] * 2, transaction_id="T"), Rejection.BAD_VALUE, "event_params.value"),
        (row("search"), Rejection.MISSING_FIELD, "event_params.search_term"),
        ({**row("search", search_term="x"), "event_timestamp": "now"}, Rejection.BAD_TIMESTAMP, "event_timestamp"),
        ({**row("search", search_term="x"), "event_timestamp": True}, Rejection.WRONG_TYPE, "event_timestamp"),
        (
            {**row("search", search_term="x"), "user_id": None, "user_pseudo_id": None},
            Rejection.MISSING_FIELD,
            "user_id",
        ),
        ({**row("search"), "event_params": [{"key": "search_term", "value": "x"}]}, Rejection.WRONG_TYPE, "event_params[0].value"),
    ],
)  # fmt: skip
def test_a_broken_record_is_a_dead_letter_with_the_path_that_ga4_knows(
    record: Any, reason: Rejection, field: str
) -> None:
    (letter,) = [outcome for outcome in read(record) if isinstance(outcome, DeadLetter)]
    assert (letter.reason, letter.field) == (reason, field)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(ga4._EVENTS)), st.sampled_from([row, body]), st.data())
def test_nothing_that_is_json_raises(name: str, shape: Any, data: st.DataObject) -> None:
    wild = st.dictionaries(st.sampled_from([*TEE, "promotion_id"]), JSON)
    items = [{**TEE, **data.draw(wild)}, data.draw(JSON | wild)]
    record = shape(name, items, transaction_id="T", value=1, currency="EUR", search_term="x")
    for field in data.draw(st.lists(st.sampled_from(sorted(record)), max_size=2)):
        record[field] = data.draw(JSON)
    outcomes = read(record)
    assert Rejection.PROCESSING_FAILED not in {o.reason for o in outcomes if isinstance(o, DeadLetter)}

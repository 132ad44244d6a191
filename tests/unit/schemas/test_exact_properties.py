"""The rulings on properties: numbers, texts, orders, money; `read` asks both lanes of the border."""

import pytest

from schemas.events import (
    BrowseEvent,
    ConsentChanged,
    DeadLetter,
    FeedbackEvent,
    IdentityEvent,
    OrderCancelled,
    OrderRefunded,
    OrderUpdated,
    ProductEvent,
    SearchEvent,
)
from tests.support.border import HUGE_INTEGER, LINE, PROPERTIES, accepted, identify, raw, read, track, verdict


@pytest.mark.parametrize("field", ["price", "total", "revenue", "discount", "value", "quantity"])
def test_ruling_41_a_text_that_is_exactly_a_json_number_is_a_number(field: str) -> None:
    event = {"price": "Product Viewed", "quantity": "Product Viewed", "value": "Cart Viewed"}.get(
        field, "Order Completed"
    )
    assert verdict(track(event, **{field: "19"})) == "accepted"
    assert verdict(track(event, **{field: "1.9e1"})) == "accepted"
    for wrong in (
        " 19",
        "19 ",
        "+19",
        "019",
        "19.",
        ".5",
        "0x13",
        "1,9",
        "NaN",
        "Infinity",
        "١٩",
        True,
        [19],
    ):
        assert verdict(track(event, **{field: wrong})) == f"wrong_type properties.{field}"


def test_ruling_41_the_number_in_a_text_is_taken_at_its_value() -> None:
    assert accepted(track(price="19.99", quantity="2.0")).price == 1999
    assert accepted(track(price="19.99", quantity="2.0")).quantity == 2
    assert accepted(track("Order Completed", total="1.005")).total == 101


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ("Product Viewed", "name"),
        ("Product Viewed", "category"),
        ("Product Viewed", "brand"),
        ("Product Viewed", "price"),
        ("Product Viewed", "currency"),
        ("Product Viewed", "quantity"),
        ("Products Searched", "category"),
        ("Product List Viewed", "list_id"),
        ("Product List Viewed", "category"),
        ("Product List Filtered", "products"),
        ("Cart Viewed", "products"),
        ("Checkout Started", "value"),
        ("Checkout Started", "currency"),
        ("Order Completed", "coupon"),
        ("Order Completed", "discount"),
        ("Order Completed", "revenue"),
        ("Order Refunded", "total"),
        ("Order Cancelled", "currency"),
        ("Order Updated", "products"),
        ("Promotion Viewed", "decision_id"),
        ("Promotion Clicked", "creative"),
        ("Promotion Viewed", "position"),
        ("Coupon Applied", "order_id"),
        ("Coupon Denied", "decision_id"),
    ],
)
def test_ruling_42_another_type_in_a_listed_field_kills_the_event(event: str, field: str) -> None:
    assert verdict(track(event, **{field: {"a": 1}})) == f"wrong_type properties.{field}"
    assert verdict(track(event, **{field: None})) == "accepted"


def test_ruling_42_fields_that_are_not_listed_are_never_looked_at() -> None:
    assert verdict(track(url=5, coupon=[], revenue=-1, position={}) | {"integrations": 1, "channel": []}) == (
        "accepted"
    )


def test_ruling_43_quantity_is_a_whole_number_from_1_to_10000() -> None:
    assert [accepted(track(quantity=q)).quantity for q in (1, 10_000, 2.0, 1e3)] == [1, 10_000, 2, 1000]
    for wrong in (0, 10_001, 2.5, -1, 1e30, "2.5", "0"):
        assert verdict(track(quantity=wrong)) == "bad_value properties.quantity"
    assert verdict(raw(track(quantity="@q"), q=b"1e999")) == "bad_value properties.quantity"
    assert verdict(raw(track(quantity="@q"), q=HUGE_INTEGER)) == "bad_value properties.quantity"


def test_ruling_43_order_lines_need_a_quantity_and_other_events_default_to_1() -> None:
    lines = [LINE, LINE, LINE, {"product_id": "p4"}]
    assert (
        verdict(track("Order Completed", products=lines)) == "missing_field properties.products[3].quantity"
    )
    assert accepted(track("Product Added")).quantity == 1


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ("Product Viewed", "price"),
        ("Cart Viewed", "value"),
        ("Order Completed", "total"),
        ("Order Completed", "revenue"),
        ("Order Completed", "discount"),
    ],
)
def test_ruling_44_amounts_are_finite_and_from_0_to_1e9(event: str, field: str) -> None:
    for right in (
        b"0",
        b"-0",
        b"-0.0",
        b"0.0",
        b"1e9",
        b"1000000000",
        b"1e-400",
        b'"-0.0"',
        b'"1e-999999999999"',
    ):
        assert verdict(raw(track(event, **{field: "@x"}), x=right)) == "accepted"
    for wrong in (
        b"-0.01",
        b"-1",
        b"1000000000.01",
        b"1000000001",
        b"1e999",
        b"-1e999",
        b'"1e999"',
        HUGE_INTEGER,
    ):
        assert verdict(raw(track(event, **{field: "@x"}), x=wrong)) == f"bad_value properties.{field}"
    for no_json in (b"NaN", b"Infinity", b"-Infinity"):
        assert verdict(raw(track(event, **{field: "@x"}), x=no_json)) == "not_json"


def test_ruling_44_minus_zero_is_zero() -> None:
    assert accepted(raw(track(price="@x"), x=b"-0.0")).price == 0
    assert accepted(raw(track("Order Completed", discount="@x"), x=b"-0.0")).discounted is False


@pytest.mark.parametrize(
    ("event", "field", "longest"),
    [
        ("Product Viewed", "product_id", 128),
        ("Product Viewed", "name", 1024),
        ("Product Viewed", "category", 256),
        ("Product Viewed", "brand", 256),
        ("Products Searched", "query", 1024),
        ("Product List Viewed", "list_id", 128),
        ("Order Completed", "order_id", 128),
        ("Order Completed", "coupon", 256),
        ("Promotion Viewed", "promotion_id", 128),
        ("Promotion Viewed", "decision_id", 128),
        ("Promotion Viewed", "creative", 256),
        ("Coupon Applied", "coupon_id", 128),
    ],
)
def test_ruling_48_texts_are_bounded_in_code_points(event: str, field: str, longest: int) -> None:
    for letter in ("a", "ß", "\U0001f45f"):
        assert verdict(track(event, **{field: letter * longest})) == "accepted"
        assert verdict(track(event, **{field: letter * (longest + 1)})) == f"bad_value properties.{field}"


def test_ruling_54_an_order_may_have_no_lines_but_not_an_object_of_lines() -> None:
    assert accepted(track("Order Completed", products=[])).lines == ()
    assert verdict(track("Order Completed", products={})) == "wrong_type properties.products"
    assert verdict(track("Order Completed", products=["p1"])) == "wrong_type properties.products[0]"
    assert verdict(track("Order Completed", products=[LINE, None])) == "wrong_type properties.products[1]"
    assert verdict(track("Order Completed", without=("products",))) == "missing_field properties.products"


@pytest.mark.parametrize(
    "event",
    [
        "Product List Viewed",
        "Product List Filtered",
        "Cart Viewed",
        "Checkout Started",
        "Order Refunded",
        "Order Cancelled",
        "Order Updated",
    ],
)
def test_ruling_54_elsewhere_the_items_are_not_looked_at(event: str) -> None:
    assert verdict(track(event, products=[1, None, {"price": -1}, []])) == "accepted"
    assert verdict(track(event, products={})) == "wrong_type properties.products"


def test_ruling_22_currencies_compare_in_upper_case_and_unknown_ones_die() -> None:
    assert accepted(track(price=10, currency="eur")).price == 1100
    assert accepted(track(price=10, currency="Usd")).price == 1000
    assert verdict(track(price=10, currency="GBP")) == "bad_value properties.currency"
    assert verdict(track(currency="GBP")) == "bad_value properties.currency"
    assert verdict(track("Order Completed", currency="???")) == "bad_value properties.currency"
    assert verdict(track("Order Refunded", currency="GBP")) == "bad_value properties.currency"


def test_ruling_23_only_a_completed_order_must_name_its_currency() -> None:
    assert verdict(track("Order Completed", currency=None)) == "missing_field properties.currency"
    assert verdict(track("Order Completed", without=("currency",))) == "missing_field properties.currency"
    assert accepted(track(price=10)).price == 1000
    assert accepted(track("Order Refunded", total=10)).total == 1000


def test_ruling_24_total_counts_else_revenue_else_the_order_is_incomplete() -> None:
    assert accepted(track("Order Completed", total=40, revenue=30)).total == 4000
    assert accepted(track("Order Completed", total=None, revenue=30)).total == 3000
    assert accepted(track("Order Completed", revenue=30, without=("total",))).total == 3000
    assert accepted(track("Order Completed", total=0, revenue=30)).total == 0
    assert verdict(track("Order Completed", without=("total",))) == "missing_field properties.total"
    assert verdict(track("Order Completed", total=None, revenue=None)) == "missing_field properties.total"


def test_ruling_21_line_prices_convert_like_totals() -> None:
    lines = [{**LINE, "price": 1.005}, {**LINE, "price": "0.5"}, LINE]
    dollars = accepted(track("Order Completed", products=lines))
    assert [line.price for line in dollars.lines] == [101, 50, None]
    euros = accepted(track("Order Completed", products=lines, currency="EUR"))
    assert [line.price for line in euros.lines] == [111, 55, None]
    assert euros.total == 4400


def test_ruling_35_a_consent_states_only_what_it_has() -> None:
    def consents(value: object) -> object:
        return accepted(track("Consent Changed", consents=value)).consents

    assert consents({"marketing": True, "profiling": False}) == {"profiling": False, "marketing": True}
    assert consents({"training": None, "newsletter": "yes"}) == consents({}) == {}
    for wrong in ("true", 1, [], {}):
        assert verdict(track("Consent Changed", consents={"marketing": True, "training": wrong})) == (
            "wrong_type properties.consents.training"
        )
    assert verdict(track("Consent Changed", consents=None)) == "missing_field properties.consents"
    assert verdict(track("Consent Changed", consents=[])) == "wrong_type properties.consents"


def test_every_event_of_the_table_becomes_what_processors_read() -> None:
    kinds = {name: type(accepted(track(name))) for name in PROPERTIES}
    products = (
        "Product Viewed",
        "Product Clicked",
        "Product Added",
        "Product Removed",
        "Product Added to Wishlist",
    )
    assert {kinds[name] for name in products} == {ProductEvent}
    assert kinds["Products Searched"] is SearchEvent
    assert {kinds[name] for name in ("Product List Viewed", "Product List Filtered")} == {BrowseEvent}
    assert {kinds[name] for name in ("Cart Viewed", "Checkout Started")} == {BrowseEvent}
    assert kinds["Order Refunded"] is OrderRefunded
    assert kinds["Order Cancelled"] is OrderCancelled
    assert kinds["Order Updated"] is OrderUpdated
    assert kinds["Consent Changed"] is ConsentChanged
    assert {kinds[name] for name in kinds if name.startswith(("Promotion", "Coupon"))} == {FeedbackEvent}
    assert type(accepted(identify(userId="ann"))) is IdentityEvent


def test_a_whole_order_is_read_to_the_last_field() -> None:
    line = {"product_id": "p1", "quantity": 3, "price": 12.5, "name": "Trail shoe", "category": "shoes"}
    order = accepted(track("Order Completed", products=[line], coupon="RUN10", discount=0))
    assert order.name == "Order Completed"
    assert (order.order_id, order.total, order.discounted) == ("o1", 4000, True)
    found = order.lines[0]
    assert (found.product_id, found.quantity, found.price) == ("p1", 3, 1250)
    assert (found.title, found.category) == ("Trail shoe", "shoes")
    assert accepted(track("Order Completed", discount=0.01)).discounted is True
    assert accepted(track("Order Completed", discount=0)).discounted is False


def test_feedback_keeps_the_ids_that_lead_back_to_the_decision() -> None:
    seen = accepted(track("Promotion Viewed", decision_id="d1", creative="banner", position=2))
    assert (seen.subject, seen.decision_id, seen.creative) == ("run-10", "d1", "banner")
    used = accepted(track("Coupon Applied", order_id="o1", decision_id="d1"))
    assert (used.subject, used.order_id, used.decision_id) == ("RUN10", "o1", "d1")


def test_ruling_52_a_path_has_dots_and_indexes_and_no_dollar() -> None:
    lines = [LINE, LINE, {**LINE, "price": -1}]
    assert verdict(track("Order Completed", products=lines)) == "bad_value properties.products[2].price"
    found = read(b"[]")
    assert isinstance(found, DeadLetter)
    assert found.field == ""

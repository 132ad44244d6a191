import pytest

from processors import views
from processors.views import Rfm, rfm_segment
from schemas.ids import EventTime
from tests.support.story import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    POLICY,
    Json,
    line_of,
    order,
    profile_of,
    track,
)


def add(at: int, quantity: object = None, price: object = None, product_id: str = "p") -> Json:
    return track("Product Added", at, product_id=product_id, quantity=quantity, price=price)


def remove(at: int, quantity: object = None) -> Json:
    return track("Product Removed", at, product_id="p", quantity=quantity)


def viewed(at: int) -> Json:
    return track("Product Viewed", at, product_id="p")


def test_ruling_31_additions_add_up_and_the_newest_gives_price_and_time() -> None:
    cart = line_of(add(MONDAY, 2, 5), add(MONDAY + 1, 3, 4.5))["cart"]
    assert cart == {"p": {"quantity": 5, "price": 450, "added": MONDAY + 1}}
    assert line_of(add(MONDAY, 2, 5), add(MONDAY + 1))["cart"]["p"] == {
        "quantity": 3,
        "price": None,
        "added": MONDAY + 1,
    }


def test_ruling_31_a_cart_is_floored_at_0_at_each_step() -> None:
    assert line_of(add(MONDAY), remove(MONDAY + 1, 5), add(MONDAY + 2, 2))["cart"]["p"]["quantity"] == 2
    assert line_of(remove(MONDAY), add(MONDAY + 1))["cart"]["p"]["quantity"] == 1
    assert line_of(add(MONDAY, 3), remove(MONDAY + 1, 2))["cart"]["p"]["quantity"] == 1
    assert line_of(add(MONDAY), remove(MONDAY + 1))["cart"] == {}


def test_ruling_31_an_addition_of_exactly_30_days_ago_counts_and_an_older_one_does_not() -> None:
    assert line_of(add(MONDAY), as_of=MONDAY + 30 * DAY)["cart"]["p"]["quantity"] == 1
    assert line_of(add(MONDAY), as_of=MONDAY + 30 * DAY + 1)["cart"] == {}


def test_ruling_31_a_bought_product_leaves_whole_whatever_the_quantity() -> None:
    assert line_of(add(MONDAY, 9), order("o", MONDAY + 1, 10, "p"))["cart"] == {}
    assert line_of(order("o", MONDAY, 10, "p"), add(MONDAY + 1, 2))["cart"]["p"]["quantity"] == 2


def test_ruling_33_a_session_holds_gaps_of_30_minutes_and_no_longer_ones() -> None:
    line = line_of(viewed(MONDAY), viewed(MONDAY + 30 * MINUTE), viewed(MONDAY + 60 * MINUTE))
    assert line["session"] == {"start": MONDAY, "events": 3}
    line = line_of(viewed(MONDAY), viewed(MONDAY + 30 * MINUTE + 1))
    assert line["session"] == {"start": MONDAY + 30 * MINUTE + 1, "events": 1}


def test_ruling_33_searches_are_not_in_a_session_and_each_bought_line_is() -> None:
    search = track("Products Searched", MONDAY, query="boots")
    assert line_of(search)["session"] == {"start": None, "events": 0}
    line = line_of(search, order("o", MONDAY + 1, 10, "p", "p", "q"), as_of=MONDAY + 9 * DAY)
    assert line["session"] == {"start": MONDAY + 1, "events": 3}


def test_ruling_33_a_session_has_at_most_50_events() -> None:
    assert line_of(*(viewed(MONDAY + n) for n in range(80)))["session"] == {
        "start": MONDAY + 30,
        "events": 50,
    }


def test_ruling_11_rfm_looks_back_365_days_from_as_of() -> None:
    events = [
        order("o1", MONDAY, 10),
        order("o2", MONDAY + 300 * DAY, 20),
        order("o3", MONDAY + 301 * DAY, 30),
    ]
    cancelled = track("Order Cancelled", MONDAY + 302 * DAY, order_id="o3")
    line = line_of(*events, cancelled, as_of=MONDAY + 365 * DAY - 1)
    assert line["rfm"] == {"recency": 64, "frequency": 2, "monetary": 3000}
    line = line_of(*events, cancelled, as_of=MONDAY + 365 * DAY)
    assert line["rfm"] == {"recency": 65, "frequency": 1, "monetary": 2000}


def test_ruling_11_money_is_net_of_refunds_and_recency_is_null_without_an_order() -> None:
    line = line_of(order("o", MONDAY, 10), track("Order Refunded", MONDAY + 1, order_id="o", total=4))
    assert line["rfm"] == {"recency": 0, "frequency": 1, "monetary": 600}
    assert line_of(viewed(MONDAY))["rfm"] == {"recency": None, "frequency": 0, "monetary": 0}


@pytest.mark.parametrize(
    ("recency", "frequency", "name"),
    [
        (None, 0, "prospect"),
        (30, 8, "champion"),
        (31, 8, "loyal"),
        (90, 4, "loyal"),
        (30, 1, "new"),
        (90, 2, "promising"),
        (0, 3, "promising"),
        (31, 1, None),  # R 3, F 1: the ruling names no group for it
        (91, 4, "at_risk"),
        (181, 16, "at_risk"),
        (91, 3, "lost"),
        (400, 0, "lost"),
    ],
)
def test_ruling_11_segments_by_recency_and_frequency(
    recency: int | None, frequency: int, name: str | None
) -> None:
    assert rfm_segment(Rfm(recency, frequency, 0)) == name


def test_ruling_55_a_window_of_days_counts_whole_utc_days_today_included() -> None:
    events = [viewed(MONDAY - 1), viewed(MONDAY), viewed(MONDAY + DAY + HOUR)]
    profile = profile_of(*events)
    now = EventTime(MONDAY + DAY + HOUR)
    assert [views.in_days(profile, "views", days, now) for days in (1, 2, 3, 35)] == [1, 2, 3, 3]


@pytest.mark.parametrize(("counter", "event"), [("views", viewed), ("cart_adds", add)])
def test_ruling_55_a_window_of_hours_is_open_at_its_start_and_closed_at_its_end(
    counter: views.Counter, event: object
) -> None:
    assert callable(event)
    profile = profile_of(event(MONDAY), event(MONDAY + 1), event(MONDAY + HOUR))
    assert views.in_window(profile, counter, HOUR, EventTime(MONDAY + HOUR)) == 2


def test_ruling_55_orders_and_spend_in_hours_come_from_the_orders_log() -> None:
    profile = profile_of(
        order("o1", MONDAY, 10),
        order("o2", MONDAY + 1, 20),
        track("Order Refunded", MONDAY + 2, order_id="o2", total=5),
    )
    now = EventTime(MONDAY + HOUR)
    assert views.in_window(profile, "orders", HOUR, now) == 1
    assert views.in_window(profile, "spend", HOUR, now) == 1500


def test_ruling_67_affinity_cart_and_rfm_depend_on_as_of_and_nothing_else_does() -> None:
    events = [
        track("Product Added", MONDAY, product_id="p", category="shoes"),
        order("o", MONDAY + 1, 10, "q"),
    ]
    early, late = line_of(*events), line_of(*events, as_of=MONDAY + 400 * DAY)
    changed = {key for key in early if early[key] != late[key]}
    assert changed == {"affinity", "cart", "rfm"}


def test_affinity_never_reads_below_0() -> None:
    profile = profile_of(track("Product Removed", MONDAY, product_id="p", category="shoes"))
    assert views.affinity_at(profile, "shoes", EventTime(MONDAY), POLICY) == 0.0
    assert views.affinity_at(profile, "unheard of", EventTime(MONDAY), POLICY) == 0.0

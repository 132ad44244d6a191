import pytest

from tests.support.story import DAY, MONDAY, line_of, order, track

NONE = {"views": 0, "clicks": 0, "searches": 0, "cart_adds": 0, "orders": 0, "spend": 0}


def test_all_six_counts_are_written_for_a_day_with_one_of_them() -> None:
    line = line_of(track("Product Clicked", MONDAY, product_id="p"))
    assert line["days"] == {"2026-03-02": {**NONE, "clicks": 1}}


def test_ruling_20_the_window_is_35_calendar_days_up_to_the_day_of_last_seen() -> None:
    first = track("Product Viewed", MONDAY, product_id="p")
    last_moment = track("Cart Viewed", MONDAY + 35 * DAY - 1)
    one_more = track("Cart Viewed", MONDAY + 35 * DAY)
    assert list(line_of(first, last_moment)["days"]) == ["2026-03-02"]
    assert line_of(first, one_more)["days"] == {}
    assert line_of(one_more, first)["days"] == {}


@pytest.mark.parametrize("name", ["Order Refunded", "Order Cancelled"])
def test_ruling_19_refunds_and_cancellations_hit_the_day_of_their_order(name: str) -> None:
    line = line_of(order("o", MONDAY, 10), track(name, MONDAY + 3 * DAY, order_id="o"))
    wanted = {**NONE, "orders": 1, "spend": 0} if name == "Order Refunded" else None
    assert line["days"].get("2026-03-02") == wanted
    assert "2026-03-05" not in line["days"]


def test_ruling_19_a_refund_of_an_order_outside_the_window_is_dropped() -> None:
    line = line_of(
        order("o", MONDAY, 10),
        track("Product Viewed", MONDAY + 40 * DAY, product_id="p"),
        track("Order Refunded", MONDAY + 41 * DAY, order_id="o", total=4),
    )
    assert line["days"] == {"2026-04-11": {**NONE, "views": 1}}
    assert line["spend"] == 600


def test_an_order_whose_earlier_message_comes_late_moves_to_its_day() -> None:
    line = line_of(order("o", MONDAY + DAY, 10, message_id="m2"), order("o", MONDAY, 7, message_id="m1"))
    assert line["days"] == {"2026-03-02": {**NONE, "orders": 1, "spend": 1000}}

from itertools import permutations

import pytest

from tests.support.story import DAY, MONDAY, Json, line_of, order, profile_of, track


def refund(at: int, total: object = None, order_id: str = "o", message_id: str = "") -> Json:
    return track("Order Refunded", at, message_id or f"refund {at} {total}", order_id=order_id, total=total)


def cancel(at: int, order_id: str = "o") -> Json:
    return track("Order Cancelled", at, f"cancel {at}", order_id=order_id)


def update(at: int, total: object = None, order_id: str = "o") -> Json:
    return track(
        "Order Updated", at, f"update {at}", order_id=order_id, total=total, products=[{"no": "line"}]
    )


def entry(**changed: object) -> Json:
    plain = {
        "order_id": "o",
        "at": MONDAY,
        "total": 1000,
        "refunded": 0,
        "cancelled": False,
        "discounted": False,
    }
    return {**plain, **changed}


def in_every_order(*events: Json) -> Json:
    """Return the one line that all orders of arrival give."""
    lines = [line_of(*arrivals) for arrivals in permutations(events)]
    assert all(line == lines[0] for line in lines)
    return lines[0]


def test_ruling_14_refunds_of_an_order_add_up_and_are_capped_at_its_total() -> None:
    line = in_every_order(order("o", MONDAY, 10), refund(MONDAY + 1, 3), refund(MONDAY + 2, "4.50"))
    assert (line["refunds"], line["spend"], line["orders"]) == (2, 250, 1)
    assert line["orders_log"] == [entry(refunded=750)]
    line = in_every_order(order("o", MONDAY, 10), refund(MONDAY + 1, 6), refund(MONDAY + 2, 6))
    assert (line["spend"], line["orders_log"]) == (0, [entry(refunded=1000)])


def test_ruling_14_a_refund_without_amount_is_the_whole_order() -> None:
    line = in_every_order(order("o", MONDAY, 10), refund(MONDAY + 1))
    assert (line["refunds"], line["spend"], line["orders"]) == (1, 0, 1)
    assert line["orders_log"] == [entry(refunded=1000)]


def test_ruling_15_a_refund_or_cancellation_without_its_order_contributes_nothing() -> None:
    line = in_every_order(refund(MONDAY + 2, 5), cancel(MONDAY + 1))
    assert (line["orders"], line["spend"], line["refunds"], line["days"]) == (0, 0, 1, {})


def test_ruling_16_cancelled_is_final_whatever_the_times() -> None:
    line = in_every_order(cancel(MONDAY - DAY), order("o", MONDAY, 10), refund(MONDAY + 1, 5))
    assert (line["orders"], line["spend"], line["refunds"]) == (0, 0, 1)
    assert line["orders_log"] == [entry(cancelled=True, refunded=500)]
    assert line["rfm"] == {"recency": None, "frequency": 0, "monetary": 0}


def test_ruling_16_cancelling_does_not_undo_cart_affinity_and_recent_and_is_no_refund() -> None:
    bought = track(
        "Order Completed",
        MONDAY,
        order_id="o",
        total=10,
        currency="USD",
        products=[{"product_id": "p", "quantity": 1, "category": "shoes"}],
    )
    added = track("Product Added", MONDAY - 1, product_id="p")
    line = line_of(added, bought, cancel(MONDAY + 1))
    assert (line["cart"], line["refunds"], len(line["recent"])) == ({}, 0, 2)
    assert line["affinity"]["shoes"] == pytest.approx(8.0)


def test_ruling_17_one_order_with_the_earliest_time_and_the_newest_total_and_discount() -> None:
    first = order("o", MONDAY, 10, message_id="m1", coupon="SPRING")
    second = order("o", MONDAY + 5, 12, message_id="m2")
    line = in_every_order(first, second)
    assert (line["orders"], line["spend"]) == (1, 1200)
    assert line["orders_log"] == [entry(total=1200, discounted=False)]


def test_ruling_17_at_equal_times_the_greater_digest_is_the_newer_one() -> None:
    # blake2b: m1 a614..., m3 4923...
    line = in_every_order(order("o", MONDAY, 10, message_id="m3"), order("o", MONDAY, 12, message_id="m1"))
    assert line["spend"] == 1200


def test_ruling_18_an_update_changes_the_total_and_neither_makes_nor_moves_an_order() -> None:
    line = in_every_order(update(MONDAY - 1, 99), order("o", MONDAY, 10), update(MONDAY + 1, 7))
    assert (line["orders"], line["spend"], line["orders_log"]) == (1, 700, [entry(total=700)])
    assert line["recent"] == []
    line = in_every_order(order("o", MONDAY, 10), update(MONDAY + 1))
    assert line["spend"] == 1000


def test_ruling_18_an_older_update_does_not_win() -> None:
    line = in_every_order(order("o", MONDAY, 10), update(MONDAY - 1, 7))
    assert line["spend"] == 1000


def test_ruling_34_what_waits_for_its_order_has_no_total_and_the_time_of_its_first_message() -> None:
    assert in_every_order(update(MONDAY + 9, 7), update(MONDAY, 5))["orders_log"] == [entry(total=None)]
    assert in_every_order(refund(MONDAY, 5), refund(MONDAY + 1, 6))["orders_log"] == [
        entry(total=None, refunded=1100)
    ]
    assert in_every_order(refund(MONDAY), cancel(MONDAY + 1))["orders_log"] == [
        entry(total=None, refunded=None, cancelled=True)
    ]


def test_ruling_34_the_log_is_sorted_by_time_then_order_id() -> None:
    line = line_of(order("b", MONDAY, 1), order("a", MONDAY, 2), order("c", MONDAY - 1, 3))
    assert [made["order_id"] for made in line["orders_log"]] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("properties", "discounted"),
    [
        ({"coupon": "X"}, True),
        ({"coupon": ""}, False),
        ({"discount": "0.01"}, True),
        ({"discount": 0}, False),
    ],
)
def test_ruling_34_discounted_is_a_coupon_or_a_discount_above_0(properties: Json, discounted: bool) -> None:
    line = line_of(order("o", MONDAY, 10, **properties))
    assert line["orders_log"][0]["discounted"] is discounted


def test_ruling_4_64_orders_are_kept_and_one_that_fell_out_stays_counted() -> None:
    events = [order(f"o{n:03d}", MONDAY + n, 1) for n in range(70)]
    profile = profile_of(*events)
    assert (profile.orders, profile.spend, len(profile.orders_log)) == (70, 7000, 64)
    again = profile_of(*events, refund(MONDAY + 100, order_id="o000"))
    assert (again.spend, again.refunds) == (7000, 1)  # an evicted order is final
    again = profile_of(*events, order("o000", MONDAY + 100, 1))
    assert again.orders == 71


def test_money_below_a_cent_is_rounded_half_up_per_amount() -> None:
    line = line_of(order("o", MONDAY, 1.005), refund(MONDAY + 1, "0.105"))
    assert line["orders_log"] == [entry(total=101, refunded=11)]

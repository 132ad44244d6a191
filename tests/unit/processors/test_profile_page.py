from processors.profile_page import profile_line
from schemas.ids import EventTime, ShopperId
from schemas.profiles import Profile
from tests.support.story import DAY, MONDAY, POLICY, line_of, track


def test_the_line_has_the_fields_of_the_contract() -> None:
    assert set(line_of(track("Cart Viewed", MONDAY))) == {
        *(
            "user_id",
            "first_seen",
            "last_seen",
            "views",
            "clicks",
            "cart_adds",
            "searches",
            "orders",
            "refunds",
        ),
        *(
            "spend",
            "affinity",
            "cart",
            "recent",
            "orders_log",
            "session",
            "days",
            "rfm",
            "consent",
            "merged_from",
        ),
    }


def test_ruling_26_interests_that_round_to_0_are_left_out() -> None:
    event = track("Product Viewed", MONDAY, product_id="p", category="shoes")
    assert line_of(event, as_of=MONDAY + 14 * DAY)["affinity"] == {"shoes": 0.5}
    assert line_of(event, as_of=MONDAY + 280 * DAY)["affinity"] == {"shoes": 0.000001}
    assert line_of(event, as_of=MONDAY + 300 * DAY)["affinity"] == {}
    assert line_of(event, as_of=MONDAY + 365 * DAY)["affinity"] == {}


def test_a_negative_interest_is_left_out() -> None:
    removed = track("Product Removed", MONDAY, product_id="p", category="shoes")
    assert line_of(removed)["affinity"] == {}


def test_ruling_40_merged_from_is_a_sorted_list() -> None:
    profile = Profile(ShopperId("ann"), merged_from=["b", "a"])
    assert profile_line(profile, EventTime(MONDAY), POLICY)["merged_from"] == ["a", "b"]
    assert line_of(track("Cart Viewed", MONDAY))["merged_from"] == []

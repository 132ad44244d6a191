import pytest

from processors.affinity import Affinity, forget_weakest, strength_at, touch
from processors.policy import ProfilePolicy
from schemas.ids import EventTime, Tag
from schemas.profiles import Strength
from tests.support.story import DAY, MONDAY, order, profile_of, track

POLICY = ProfilePolicy()


@pytest.mark.parametrize(("days", "left"), [(0, 4.0), (14, 2.0), (28, 1.0), (140, 4 / 1024)])
def test_an_interest_halves_every_14_days(days: int, left: float) -> None:
    affinity: Affinity = {}
    touch(affinity, ((Tag("shoes"), 1.0),), 4.0, EventTime(0), POLICY)
    assert strength_at(affinity["shoes"], EventTime(days * DAY), POLICY) == left


def test_a_late_touch_counts_for_what_is_left_of_it() -> None:
    affinity: Affinity = {}
    touch(affinity, ((Tag("shoes"), 1.0),), 1.0, EventTime(28 * DAY), POLICY)
    touch(affinity, ((Tag("shoes"), 1.0),), 8.0, EventTime(0), POLICY)
    assert (affinity["shoes"].value, affinity["shoes"].as_of) == (3.0, 28 * DAY)


def test_a_touch_counts_by_the_probability_of_its_tag() -> None:
    affinity: Affinity = {}
    touch(affinity, ((Tag("shoes"), 0.75), (Tag("boots"), 0.25)), 4.0, EventTime(0), POLICY)
    assert {tag: strength.value for tag, strength in affinity.items()} == {"shoes": 3.0, "boots": 1.0}


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("Product Viewed", 1.0),
        ("Product Clicked", 1.0),
        ("Product Added to Wishlist", 3.0),
        ("Product Added", 4.0),
        ("Product Removed", -2.0),
    ],
)
def test_each_product_event_has_the_weight_of_the_contract(name: str, weight: float) -> None:
    assert profile_of(track(name, MONDAY, product_id="p", category="shoes")).affinity["shoes"].value == weight


def test_ruling_27_an_order_weighs_8_per_line_whatever_the_quantity() -> None:
    lines = [
        {"product_id": "p", "quantity": 5, "category": "shoes"},
        {"product_id": "p", "quantity": 1, "category": "shoes"},
    ]
    bought = track("Order Completed", MONDAY, order_id="o", total=10, currency="USD", products=lines)
    changed = [
        track(name, MONDAY + 1, order_id="o")
        for name in ("Order Refunded", "Order Cancelled", "Order Updated")
    ]
    assert profile_of(bought, *changed).affinity["shoes"].value == 16.0


def test_ruling_17_lines_count_per_message_also_for_the_same_order() -> None:
    lines = [{"product_id": "p", "quantity": 1, "category": "shoes"}]
    twice = [
        track("Order Completed", MONDAY, message, order_id="o", total=10, currency="USD", products=lines)
        for message in ("m1", "m2")
    ]
    profile = profile_of(*twice)
    assert profile.affinity["shoes"].value == 16.0
    assert profile.orders == 1
    assert len(profile.recent) == len(profile.cart_log) == 2


def test_ruling_5_the_weakest_tag_goes_and_of_equals_the_greater_one() -> None:
    policy = ProfilePolicy(tags_max=3)
    affinity = {name: Strength(2.0, EventTime(0)) for name in ("b", "é", "z", "Z")}
    forget_weakest(affinity, policy)
    assert sorted(affinity) == ["Z", "b", "z"]  # by code points, é is the greatest


def test_ruling_5_strengths_are_compared_at_the_newest_tag_time() -> None:
    policy = ProfilePolicy(tags_max=1)
    affinity = {"old": Strength(3.0, EventTime(0)), "new": Strength(1.0, EventTime(28 * DAY))}
    forget_weakest(affinity, policy)  # 3.0 is 0.75 by then
    assert list(affinity) == ["new"]


def test_ruling_5_tags_are_forgotten_once_per_event_after_all_its_tags() -> None:
    policy = ProfilePolicy(tags_max=2)
    first = order("o0", MONDAY, 1, "p")
    first["properties"]["products"] = [
        {"product_id": tag, "quantity": 1, "category": tag} for tag in ("a", "b", "c", "c")
    ]
    # One by one, c would be gone before its second line makes it the strongest.
    assert sorted(profile_of(first, policy=policy).affinity) == ["a", "c"]


def test_64_tags_are_kept() -> None:
    events = [track("Product Viewed", MONDAY + n, product_id="p", category=f"tag{n:02d}") for n in range(70)]
    assert sorted(profile_of(*events).affinity) == [f"tag{n:02d}" for n in range(6, 70)]

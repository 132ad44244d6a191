import pytest

from processors.fold import fold
from schemas.profiles import Profile
from tests.support.story import (
    DAY,
    MONDAY,
    POLICY,
    Json,
    consent,
    identify,
    line_of,
    order,
    profile_of,
    read,
    track,
)

COUNTERS = ("views", "clicks", "cart_adds", "searches", "orders", "refunds")


def viewed(at: int, message_id: str = "", **properties: object) -> Json:
    return track("Product Viewed", at, message_id, **{"product_id": "p", **properties})


@pytest.mark.parametrize(
    "event",
    [
        viewed(MONDAY),
        track("Product List Viewed", MONDAY),
        track("Product List Filtered", MONDAY),
        track("Cart Viewed", MONDAY),
        track("Checkout Started", MONDAY),
        track("Promotion Viewed", MONDAY, promotion_id="p"),
        track("Promotion Clicked", MONDAY, promotion_id="p"),
        track("Coupon Applied", MONDAY, coupon_id="c"),
        track("Coupon Denied", MONDAY, coupon_id="c"),
        track("Coupon Removed", MONDAY, coupon_id="c"),
        track("Order Refunded", MONDAY, order_id="o"),
        track("Order Cancelled", MONDAY, order_id="o"),
        track("Order Updated", MONDAY, order_id="o"),
        consent(MONDAY, marketing=True),
        consent(MONDAY),
        identify(MONDAY),
    ],
    ids=lambda event: event.get("event", event["type"]),
)
def test_ruling_13_every_accepted_event_moves_first_and_last_seen(event: Json) -> None:
    line = line_of(
        viewed(MONDAY + DAY),
        {**event, "timestamp": MONDAY},
        {**event, "messageId": "later", "timestamp": MONDAY + 2 * DAY},
    )
    assert (line["first_seen"], line["last_seen"]) == (MONDAY, MONDAY + 2 * DAY)


@pytest.mark.parametrize(
    "name", ["Product List Viewed", "Product List Filtered", "Cart Viewed", "Checkout Started"]
)
def test_ruling_29_products_of_lists_carts_and_checkouts_have_no_effect(name: str) -> None:
    products = [{"product_id": "p", "category": "shoes", "quantity": 3}]
    line = line_of(track(name, MONDAY, products=products, category="shoes"))
    assert [line[counter] for counter in COUNTERS] == [0, 0, 0, 0, 0, 0]
    assert (line["affinity"], line["recent"], line["cart"], line["days"]) == ({}, [], {}, {})


@pytest.mark.parametrize(
    ("name", "counts", "kind"),
    [
        ("Product Viewed", [1, 0, 0, 0, 0, 0], "view"),
        ("Product Clicked", [0, 1, 0, 0, 0, 0], "click"),
        ("Product Added", [0, 0, 1, 0, 0, 0], "add"),
        ("Product Removed", [0, 0, 0, 0, 0, 0], "remove"),
        ("Product Added to Wishlist", [0, 0, 0, 0, 0, 0], "wish"),
    ],
)
def test_ruling_30_counters_count_events_not_quantities(name: str, counts: list[int], kind: str) -> None:
    line = line_of(track(name, MONDAY, product_id="p", quantity=7))
    assert [line[counter] for counter in COUNTERS] == counts
    assert line["recent"] == [{"product_id": "p", "kind": kind, "at": MONDAY}]


def test_ruling_25_a_search_has_no_tag_by_category_and_no_place_in_recent() -> None:
    line = line_of(track("Products Searched", MONDAY, query="shoes", category="shoes"))
    assert (line["searches"], line["affinity"], line["recent"]) == (1, {}, [])


def test_a_search_that_a_model_tagged_weighs_2() -> None:
    profile = Profile(read(viewed(MONDAY)).envelope.shopper)
    search = read(track("Products Searched", MONDAY, query="boots"))
    assert fold(profile, search, ((("shoes", 0.5),),), POLICY)  # type: ignore[arg-type]
    assert profile.affinity["shoes"].value == 1.0


def test_ruling_25_a_category_is_taken_exactly_as_sent() -> None:
    events = [
        viewed(MONDAY + n, category=category) for n, category in enumerate(("Shoes", " Shoes", "a > b", ""))
    ]
    assert set(line_of(*events)["affinity"]) == {"Shoes", " Shoes", "a > b"}


def test_ruling_38_a_message_id_counts_once_over_all_topics_and_the_first_one_wins() -> None:
    line = line_of(viewed(MONDAY, "m"), order("o", MONDAY + DAY, 10, message_id="m"))
    assert (line["views"], line["orders"], line["last_seen"]) == (1, 0, MONDAY)


def test_a_duplicate_says_so_and_changes_nothing() -> None:
    profile = profile_of(viewed(MONDAY, "m"))
    before = profile_of(viewed(MONDAY, "m"))
    assert fold(profile, read(viewed(MONDAY + DAY, "m")), (), POLICY) is False
    assert profile == before


def test_ruling_6_a_copy_is_known_until_128_other_messages_were_applied() -> None:
    events = [viewed(MONDAY + n, f"m{n}") for n in range(129)]
    assert profile_of(*events[:128], events[0]).views == 128
    assert profile_of(*events, events[0]).views == 130


def test_a_copy_does_not_keep_its_message_longer_in_mind() -> None:
    # What is remembered are the 128 messages applied last; a copy is not applied.
    events = [viewed(MONDAY + n, f"m{n}") for n in range(129)]
    assert profile_of(*events[:128], events[0], events[128], events[0]).views == 130


def test_ruling_35_a_consent_sets_only_what_it_states_and_the_newest_word_counts() -> None:
    line = line_of(
        consent(MONDAY + 5, marketing=True, training=True),
        consent(MONDAY + 9, marketing=False),
        consent(MONDAY, training=False, profiling=True),
    )
    assert line["consent"] == {
        "marketing": {"granted": False, "at": MONDAY + 9},
        "training": {"granted": True, "at": MONDAY + 5},
        "profiling": {"granted": True, "at": MONDAY},
    }


def test_at_equal_times_the_consent_with_the_greater_digest_counts() -> None:
    # blake2b: m1 a614..., m2 4bf8...
    events = [consent(MONDAY, "m1", marketing=True), consent(MONDAY, "m2", marketing=False)]
    assert line_of(*events)["consent"]["marketing"]["granted"] is True
    assert line_of(*reversed(events))["consent"]["marketing"]["granted"] is True


def test_ruling_36_the_fold_goes_on_without_profiling() -> None:
    line = line_of(consent(MONDAY, profiling=False), viewed(MONDAY + 1, category="shoes"))
    assert (line["views"], line["affinity"]) == (1, {"shoes": 1.0})


def test_ruling_39_a_user_id_in_any_event_makes_the_shopper_known() -> None:
    stranger = {**viewed(MONDAY), "anonymousId": "ann"}
    del stranger["userId"]
    assert profile_of(stranger).is_known is False
    assert profile_of(stranger, viewed(MONDAY + 1)).is_known is True
    both = {**viewed(MONDAY), "anonymousId": "other"}
    assert profile_of(both).shopper == "ann"


def test_traits_locale_and_time_zone_are_those_of_the_newest_event_that_had_one() -> None:
    profile = profile_of(
        {**viewed(MONDAY + 5), "context": {"timezone": "Asia/Kolkata", "locale": "de"}},
        {**viewed(MONDAY), "context": {"timezone": "Europe/Berlin"}},
        viewed(MONDAY + 9),
        identify(MONDAY + 1, age=40, city="Berlin", shoe_size=44),
        identify(MONDAY, age=39, vip=True),
    )
    assert {key: stated.value for key, stated in profile.traits.items()} == {
        "timezone": "Asia/Kolkata",
        "locale": "de",
        "traits.age": 40,
        "traits.city": "Berlin",
        "traits.vip": True,
    }


def test_a_trait_named_timezone_is_not_the_time_zone() -> None:
    profile = profile_of(identify(MONDAY, city="Asia/Kolkata"))
    assert list(profile.traits) == ["traits.city"]

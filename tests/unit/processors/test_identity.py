"""Several ids, one shopper: redirects and merging, ruling by ruling. Replays are in tests/unit/streams."""

import pytest

from processors.identity import hand_over, named_by, resolve, take_in
from processors.policy import ProfilePolicy
from schemas.ids import EventTime, ShopperId
from schemas.profiles import OfferMade, Pending, Profile, Strength
from tests.support.story import DAY, HOUR, MONDAY, POLICY, Json, consent, order, profile_of, read, track

ANN, PHONE = ShopperId("ann"), ShopperId("phone")


def phones(event: Json) -> Json:
    """Return the event as an anonymous device sends it."""
    rest = {key: value for key, value in event.items() if key != "userId"}
    return {**rest, "anonymousId": "phone"}


def merged(anns: list[Json], others: list[Json], policy: ProfilePolicy = POLICY) -> Profile:
    ann = profile_of(*anns, policy=policy)
    other = profile_of(*map(phones, others), policy=policy) if others else Profile(PHONE)
    moved = hand_over(other, ann.shopper)
    assert moved is not None
    assert take_in(ann, moved, policy)
    return ann


def identify(user: str | None, anonymous: str | None) -> Json:
    ids = {"userId": user, "anonymousId": anonymous}
    given = {key: value for key, value in ids.items() if value is not None}
    return {"type": "identify", "messageId": "i", "timestamp": MONDAY, **given}


def test_ruling_10_ids_are_resolved_through_redirects_and_chains_end_at_depth_4() -> None:
    redirects = {"a": "b", "b": "c", "c": "d", "d": "e", "e": "f", "f": ""}
    ends = [resolve(ShopperId(name), redirects.__getitem__) for name in "abcdef"]
    assert ends == ["e", "f", "f", "f", "f", "f"]


def test_ruling_10_a_loop_is_ignored() -> None:
    assert named_by(read(identify("ann", "phone")), ANN) == "phone"
    # phone was moved to ann and ann to phone before: who sends this is phone by now.
    assert named_by(read(identify("ann", "phone")), PHONE) is None
    loop = {"a": "b", "b": "a"}
    assert resolve(ShopperId("a"), loop.__getitem__) == "a"


def test_ruling_39_only_identify_and_alias_with_two_ids_name_another() -> None:
    both = {**track("Cart Viewed", MONDAY), "anonymousId": "phone"}
    alias = {**identify("ann", None), "type": "alias", "previousId": "phone"}
    assert named_by(read(both), ANN) is None
    assert named_by(read(identify("ann", None)), ANN) is None
    assert named_by(read(identify(None, "phone")), PHONE) is None
    assert named_by(read(identify("x", "x")), ShopperId("x")) is None
    assert named_by(read(alias), ANN) == "phone"


def test_ruling_10_the_first_identity_moves_the_profile_and_a_later_one_points_elsewhere_only() -> None:
    phone = profile_of(phones(track("Product Viewed", MONDAY, product_id="p")))
    phone.positions = {"clicks-1": 7}
    moved = hand_over(phone, ANN)
    assert moved is not None
    assert (moved.shopper, moved.views, moved.redirect, moved.positions) == ("phone", 1, "", {})
    # Positions belong to the partition of the id, and stay there.
    assert phone == Profile(PHONE, positions={"clicks-1": 7}, redirect="ann")
    assert hand_over(phone, ShopperId("bob")) is None
    assert phone.redirect == "bob"


def test_a_profile_is_taken_in_once() -> None:
    ann = profile_of(track("Product Viewed", MONDAY, product_id="p"))
    moved = hand_over(profile_of(phones(track("Product Viewed", MONDAY, product_id="q"))), ANN)
    assert moved is not None
    assert take_in(ann, moved, POLICY)
    assert ann.views == 2
    assert not take_in(ann, moved, POLICY)
    assert (ann.views, ann.merged_from) == (2, ["phone"])


def test_ruling_62_an_id_without_events_is_named_all_the_same_and_changes_nothing_else() -> None:
    events = [track("Product Viewed", MONDAY, product_id="p"), order("o", MONDAY + 1, 5, "p")]
    alone, ann = profile_of(*events), merged(events, [])
    assert ann.merged_from == ["phone"]
    ann.merged_from = []
    assert ann == alone


def test_whoever_takes_in_a_profile_takes_over_what_that_one_had_taken_in() -> None:
    phone, ann = merged([], [track("Cart Viewed", MONDAY)]), Profile(ShopperId("anna"))
    moved = hand_over(phone, ann.shopper)
    assert moved is not None
    assert take_in(ann, moved, POLICY)
    assert ann.merged_from == ["ann", "phone"]


def test_an_order_that_both_know_becomes_one_with_all_that_was_said_of_it() -> None:
    refund = track("Order Refunded", MONDAY + DAY, order_id="o", total=4)
    update = track("Order Updated", MONDAY + 2 * DAY, order_id="o", total=30)
    ann = merged([order("o", MONDAY + HOUR, 20, "p")], [order("o", MONDAY, 10, "p"), refund, update])
    assert (ann.orders, ann.spend, ann.refunds) == (1, 2600, 1)
    (one,) = ann.orders_log
    assert (one.completed_at, one.total, one.refunded) == (MONDAY, 3000, 400)
    # Rulings 17, 19: its day is that of its earliest message.
    assert {day: (c.orders, c.spend) for day, c in ann.days.items()} == {MONDAY // DAY: (1, 2600)}


@pytest.mark.parametrize("anns_is_the_order", [True, False])
def test_ruling_16_a_cancellation_on_one_device_takes_back_the_order_of_the_other(
    anns_is_the_order: bool,
) -> None:
    bought, cancel = order("o", MONDAY, 20, "p"), track("Order Cancelled", MONDAY + 1, order_id="o")
    halves = ([bought], [cancel]) if anns_is_the_order else ([cancel], [bought])
    ann = merged(*halves)
    assert (ann.orders, ann.spend) == (0, 0)
    assert [(c.orders, c.spend) for c in ann.days.values()] in ([(0, 0)], [])


def test_ruling_20_days_out_of_the_window_of_both_are_dropped() -> None:
    old = [track("Product Viewed", MONDAY, product_id="p")]
    inside, outside = seen(MONDAY + 34 * DAY), seen(MONDAY + 35 * DAY)
    assert list(merged([inside], old).days) == [MONDAY // DAY]
    assert list(merged([outside], old).days) == []
    assert list(merged(old, [outside]).days) == []


def seen(at: int) -> Json:
    return track("Cart Viewed", at)


def test_interests_are_joined_at_the_newer_of_the_two_times() -> None:
    weak = track("Product Viewed", MONDAY, product_id="p", category="shoes")
    late = track("Product Viewed", MONDAY + 14 * DAY, product_id="p", category="shoes")
    assert merged([weak], [late]).affinity == {"shoes": Strength(1.5, EventTime(MONDAY + 14 * DAY))}
    assert merged([late], [weak]).affinity == {"shoes": Strength(1.5, EventTime(MONDAY + 14 * DAY))}


def test_ruling_5_the_weakest_interests_go_when_both_together_have_too_many() -> None:
    policy = ProfilePolicy(tags_max=2)
    views = [track("Product Viewed", MONDAY, c, product_id="p", category=c) for c in ("a", "b")]
    ann = merged([*views, track("Product Viewed", MONDAY + 1, "again", product_id="p", category="a")],
                 [track("Product Added", MONDAY, product_id="p", category="c")], policy)  # fmt: skip
    assert sorted(ann.affinity) == ["a", "c"]


def test_ruling_38_both_shoppers_messages_are_known_after_the_merge() -> None:
    anns, others = (
        track("Product Viewed", MONDAY, "m1", product_id="p"),
        track("Product Viewed", MONDAY, "m2", product_id="p"),
    )
    ann = merged([anns], [others])
    assert ann.seen == [read(others).envelope.digest, read(anns).envelope.digest]


def test_of_too_many_messages_the_newest_of_both_are_known_half_and_half() -> None:
    policy = ProfilePolicy(seen_max=8)
    for mine, others, kept in (
        (range(10, 18), range(20, 28), [24, 25, 26, 27, 14, 15, 16, 17]),
        (range(10, 12), range(20, 28), [22, 23, 24, 25, 26, 27, 10, 11]),
        (range(10, 18), range(20, 22), [20, 21, 12, 13, 14, 15, 16, 17]),
        (range(10, 13), range(20, 23), [20, 21, 22, 10, 11, 12]),
    ):
        ann, moved = Profile(ANN, seen=list(mine)), Profile(PHONE, seen=list(others))
        take_in(ann, moved, policy)
        assert ann.seen == kept


def test_logs_keep_the_newest_of_both_in_their_order() -> None:
    policy = ProfilePolicy(recent_max=3, cart_log_max=2)
    adds = [track("Product Added", MONDAY + n, product_id=f"p{n}") for n in range(6)]
    ann = merged(adds[::2], adds[1::2], policy)
    assert [entry.product_id for entry in ann.recent] == ["p3", "p4", "p5"]
    assert [entry.product_id for entry in ann.cart_log] == ["p4", "p5"]


def test_ruling_63_offers_move_in_their_order_and_say_whom_they_went_to() -> None:
    def made(at: int, decision_id: str) -> OfferMade:
        return OfferMade(EventTime(at), decision_id, "p")

    ann = Profile(ANN, offers={"c": [made(1, "d1"), made(5, "d5")]})
    phone = Profile(PHONE, offers={"c": [made(3, "d3")], "e": [made(4, "d4")]})
    take_in(ann, phone, POLICY)
    assert [(offer.at, offer.made_for) for offer in ann.offers["c"]] == [(1, ""), (3, "phone"), (5, "")]
    assert [offer.decision_id for offer in ann.offers["e"]] == ["d4"]


def test_what_waits_and_what_has_fired_is_joined() -> None:
    late, early = Pending(EventTime(9), "Cart Viewed after 1d"), Pending(EventTime(7), "Cart Viewed after 1d")
    ann, phone = Profile(ANN, pending=[late], timers_at=EventTime(4)), Profile(PHONE, pending=[early, late])
    take_in(ann, phone, POLICY)
    assert (ann.pending, ann.timers_at) == ([early, late], 4)
    tablet = Profile(ShopperId("tablet"), timers_at=EventTime(6))
    take_in(ann, tablet, POLICY)
    assert ann.timers_at == 6


def test_ruling_39_whoever_takes_in_a_known_shopper_is_known() -> None:
    phone = profile_of(phones(track("Cart Viewed", MONDAY)))
    moved = hand_over(profile_of(track("Cart Viewed", MONDAY)), PHONE)
    assert moved is not None
    assert not phone.is_known
    assert take_in(phone, moved, POLICY)
    assert phone.is_known


@pytest.mark.parametrize("anns_word", ["m1", "m2"])
def test_of_two_words_at_one_time_the_greater_digest_is_the_last_one(anns_word: str) -> None:
    # By digest: m2 9b..., m1 a6...: m1 has the last word, whichever device said it.
    other = {"m1": "m2", "m2": "m1"}[anns_word]
    ann = merged(
        [consent(MONDAY, anns_word, marketing=anns_word == "m1")],
        [consent(MONDAY, other, marketing=other == "m1")],
    )
    assert ann.consent["marketing"].value is True


def test_ruling_14_refunds_on_both_devices_add_up() -> None:
    back = [track("Order Refunded", MONDAY + n, order_id="o", total=3) for n in (1, 2)]
    ann = merged([order("o", MONDAY, 20, "p"), back[0]], [back[1]])
    assert (ann.spend, ann.refunds, ann.orders_log[0].refunded) == (1400, 2, 600)
    whole = track("Order Refunded", MONDAY + 3, order_id="o")
    assert merged([order("o", MONDAY, 20, "p")], [whole]).spend == 0

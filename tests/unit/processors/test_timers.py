"""Timers, by ruling 9: when each fires, on what, under which id, and what moves or cancels it."""

from typing import Any

import pytest

from processors.campaigns import Campaigns
from processors.policy import ProfilePolicy
from processors.side_inputs import SideInputs
from processors.step import step
from processors.timers import fire, next_deadline
from schemas.ids import EventTime
from schemas.profiles import Pending, Profile
from tests.support.story import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    POLICY,
    Json,
    campaigns_of,
    consent,
    line_of,
    order,
    profile_of,
    read,
    tell,
    track,
)

YES = consent(MONDAY, marketing=True)
SIDE = SideInputs()


def on(*triggers: str, **more: Any) -> Campaigns:
    """Return one campaign that waits for these names."""
    return campaigns_of({"id": "c", "triggers": list(triggers), **more})


def add(at: int, product_id: str = "p1", message_id: str = "") -> Json:
    return track("Product Added", at, message_id or f"add {product_id} {at}", product_id=product_id)


def seen(at: int) -> Json:
    return track("Cart Viewed", at)


def asked(campaigns: Campaigns, *events: Json) -> list[tuple[str, int]]:
    """Return which triggers decided something, and when, in their order."""
    told = tell(campaigns, [YES, *events])
    return [(decision.trigger.event, decision.trigger.at - MONDAY) for decision in told.decisions]


@pytest.mark.parametrize(
    ("timer", "start", "wait"),
    [
        ("Cart Abandoned", add(MONDAY + MINUTE), HOUR),
        ("Session Ended", add(MONDAY + MINUTE), 30 * MINUTE),
        ("Session Ended", track("Product Viewed", MONDAY + MINUTE, product_id="p1"), 30 * MINUTE),
        ("Days Without Visit", seen(MONDAY + MINUTE), 30 * DAY),
        ("Order Anniversary", order("o1", MONDAY + MINUTE, 10, "p1"), 365 * DAY),
    ],
)
def test_ruling_9_a_timer_fires_before_the_first_event_at_or_after_its_deadline(
    timer: str, start: Json, wait: int
) -> None:
    deadline = MONDAY + MINUTE + wait
    assert asked(on(timer), start, seen(deadline - 1)) == []
    if timer == "Days Without Visit":  # the event a moment before moved it
        assert asked(on(timer), start, seen(deadline - 1), seen(deadline)) == []
    else:
        assert asked(on(timer), start, seen(deadline - 1), seen(deadline)) == [(timer, deadline - MONDAY)]
    assert asked(on(timer), start, seen(deadline)) == [(timer, deadline - MONDAY)]
    assert asked(on(timer), start, seen(deadline + 40 * HOUR), seen(deadline + 41 * HOUR)) == [
        (timer, deadline - MONDAY)
    ]


def test_ruling_9_the_id_of_a_timers_trigger_is_a_hash_of_shopper_name_and_deadline() -> None:
    told = tell(on("Cart Abandoned"), [YES, add(MONDAY), seen(MONDAY + HOUR)])
    assert told.decision.trigger.message_id == "7322809bb880066eaf7f7ad384581d81"
    assert (told.decision.now, told.decision.lag_ms) == (MONDAY + HOUR, 0)


def test_a_cart_that_is_empty_by_then_is_not_abandoned() -> None:
    bought = order("o1", MONDAY + 10 * MINUTE, 10, "p1")
    removed = track("Product Removed", MONDAY + 10 * MINUTE, product_id="p1")
    assert asked(on("Cart Abandoned"), add(MONDAY), bought, seen(MONDAY + 2 * HOUR)) == []
    assert asked(on("Cart Abandoned"), add(MONDAY), removed, seen(MONDAY + 2 * HOUR)) == []
    other = add(MONDAY, "p2")
    assert asked(on("Cart Abandoned"), add(MONDAY), other, removed, seen(MONDAY + 2 * HOUR)) == [
        ("Cart Abandoned", 70 * MINUTE)
    ]


def test_a_change_of_the_cart_before_the_deadline_moves_it_and_one_after_it_sets_another() -> None:
    early, late = add(MONDAY + 59 * MINUTE, "p2"), add(MONDAY + 2 * HOUR, "p3")
    assert asked(on("Cart Abandoned"), add(MONDAY), early, late, seen(MONDAY + DAY)) == [
        ("Cart Abandoned", 119 * MINUTE),
        ("Cart Abandoned", 3 * HOUR),
    ]


def test_a_timer_fires_on_the_profile_before_the_event_that_comes_later() -> None:
    campaigns = on("Cart Abandoned", when={"feature": "orders", "equals": 0})
    late_order = order("o1", MONDAY + 2 * HOUR, 10, "p1")
    assert asked(campaigns, add(MONDAY), late_order) == [("Cart Abandoned", HOUR)]


def test_a_late_event_fires_nothing() -> None:
    late = add(MONDAY - 3 * HOUR)  # abandoned two hours before the shopper was seen last
    assert asked(on("Cart Abandoned"), seen(MONDAY), late, seen(MONDAY + 5 * HOUR)) == []


def test_timers_fire_in_order_of_deadline_then_name() -> None:
    campaigns = on("Session Ended", "Cart Abandoned", "Days Without Visit")
    policy = ProfilePolicy(cart_abandoned_ms=HOUR, session_ended_ms=HOUR)
    profile = profile_of(YES, add(MONDAY))
    verdicts = fire(profile, EventTime(MONDAY + 40 * DAY), campaigns, policy, SIDE)
    names = [verdict.decision.trigger.event for verdict in verdicts if verdict.decision is not None]
    assert names == ["Cart Abandoned", "Session Ended", "Days Without Visit"]


def test_ruling_9_timers_touch_neither_first_seen_last_seen_recent_nor_counters() -> None:
    campaigns = on("Cart Abandoned", "Session Ended", "Days Without Visit", "Order Anniversary")
    events = (YES, add(MONDAY), order("o1", MONDAY + 1, 5, "p2"))
    profile, calm = profile_of(*events), profile_of(*events)
    assert len(fire(profile, EventTime(MONDAY + 400 * DAY), campaigns, POLICY, SIDE)) == 4
    kept = [name for name in Profile.__struct_fields__ if name not in ("offers", "timers_at")]
    assert [getattr(profile, name) for name in kept] == [getattr(calm, name) for name in kept]


def test_a_tick_says_when_the_next_one_is_due_and_leaves_nothing_for_the_next_event() -> None:
    campaigns = on("Cart Abandoned", "Session Ended")
    profile = profile_of(YES, add(MONDAY))
    assert next_deadline(profile, campaigns, POLICY) == MONDAY + 30 * MINUTE
    assert len(fire(profile, EventTime(MONDAY + 30 * MINUTE), campaigns, POLICY, SIDE)) == 1
    assert next_deadline(profile, campaigns, POLICY) == MONDAY + HOUR
    assert len(fire(profile, EventTime(MONDAY + HOUR), campaigns, POLICY, SIDE)) == 1
    assert next_deadline(profile, campaigns, POLICY) is None
    result = step(profile, read(seen(MONDAY + DAY)), (), campaigns, POLICY, SIDE)
    assert (result.applied, result.verdicts) == (True, ())


def test_nobody_is_ticked_for_timers_that_no_campaign_waits_for() -> None:
    assert next_deadline(profile_of(YES, add(MONDAY)), on("Product Viewed"), POLICY) is None
    assert next_deadline(Profile(read(YES).envelope.shopper), on("Days Without Visit"), POLICY) is None


def test_an_offer_made_at_a_tick_counts_in_the_caps_of_an_event_that_comes_late() -> None:
    # The tick's offer is at 1:00, the shopper was last seen at 0:00, the late view is at 0:50.
    campaigns = on("Cart Abandoned", "Product Viewed", caps=[{"at_most": 1, "per": "1d"}])
    profile = profile_of(YES, add(MONDAY))
    (verdict,) = fire(profile, EventTime(MONDAY + HOUR), campaigns, POLICY, SIDE)
    assert verdict.promotion is not None
    view = read(track("Product Viewed", MONDAY + 50 * MINUTE, product_id="p1"))
    (late,) = step(profile, view, (), campaigns, POLICY, SIDE).verdicts
    assert late.decision is not None
    assert (late.decision.now, late.decision.candidates[0].reason) == (MONDAY + HOUR, "capped")


def test_an_order_that_was_cancelled_has_no_anniversary() -> None:
    campaigns, year = on("Order Anniversary"), 365 * DAY
    events = [order("o1", MONDAY, 10, "p1"), order("o2", MONDAY + DAY, 10, "p1")]
    cancel = track("Order Cancelled", MONDAY + 2 * DAY, order_id="o2")
    end = seen(MONDAY + 2 * year)
    assert asked(campaigns, *events, end) == [("Order Anniversary", year + DAY)]
    assert asked(campaigns, *events, cancel, end) == [("Order Anniversary", year)]


def test_a_campaign_with_after_is_asked_that_long_after_the_event_and_not_at_it() -> None:
    campaigns = on("Order Completed", after="72h", when={"feature": "orders", "within": "7d", "at_least": 2})
    first, second = order("o1", MONDAY, 10, "p1"), order("o2", MONDAY + DAY, 10, "p1")
    # Its conditions are held against the profile three days later.
    assert asked(campaigns, first, second, seen(MONDAY + 9 * DAY)) == [
        ("Order Completed after 3d", 3 * DAY),
        ("Order Completed after 3d", 4 * DAY),
    ]
    assert asked(campaigns, first, seen(MONDAY + 9 * DAY)) == []


def test_what_happens_before_an_after_cancels_it_through_the_conditions() -> None:
    campaigns = on("Product Added", after="1d", when={"feature": "cart_items", "at_least": 1})
    bought = order("o1", MONDAY + HOUR, 10, "p1")
    assert asked(campaigns, add(MONDAY), seen(MONDAY + DAY)) == [("Product Added after 1d", DAY)]
    assert asked(campaigns, add(MONDAY), bought, seen(MONDAY + DAY)) == []


def test_a_timer_can_be_put_off_as_well() -> None:
    campaigns = on("Session Ended", after="2d")
    assert asked(campaigns, add(MONDAY), seen(MONDAY + 3 * DAY)) == [
        ("Session Ended after 2d", 2 * DAY + 30 * MINUTE)
    ]


def test_campaigns_with_the_same_after_are_asked_together_however_it_is_written() -> None:
    campaigns = campaigns_of(
        {"id": "a", "triggers": ["Product Added"], "after": "24h"},
        {"id": "b", "triggers": ["Product Added"], "after": "1d"},
        {"id": "now", "triggers": ["Product Added"]},
    )
    told = tell(campaigns, [YES, add(MONDAY), seen(MONDAY + DAY)])
    assert [[c.campaign_id for c in decision.candidates] for decision in told.decisions] == [
        ["now"],
        ["a", "b"],
    ]


def test_a_late_event_whose_after_is_over_waits_for_nothing() -> None:
    told = tell(on("Product Added", after="1h"), [YES, seen(MONDAY + DAY), add(MONDAY)])
    assert told.profile.pending == []
    assert told.decisions == []


def test_the_newest_of_what_waits_is_kept_within_its_bound() -> None:
    campaigns, policy = on("Product Added", after="1d"), ProfilePolicy(pending_max=3)
    profile = profile_of(YES)
    for minute in (4, 1, 3, 2, 5):
        step(profile, read(add(MONDAY + minute * MINUTE)), (), campaigns, policy, SIDE)
    assert profile.pending == [
        Pending(EventTime(MONDAY + DAY + minute * MINUTE), "Product Added after 1d") for minute in (3, 4, 5)
    ]


def test_times_of_timers_are_settings() -> None:
    policy = ProfilePolicy(cart_abandoned_ms=1, session_ended_ms=2, without_visit_ms=3, anniversary_ms=4)
    campaigns = on("Cart Abandoned", "Session Ended", "Days Without Visit", "Order Anniversary")
    profile = profile_of(YES, add(MONDAY, "p2"), order("o", MONDAY, 1, "p1"))
    verdicts = fire(profile, EventTime(MONDAY + 9), campaigns, policy, SIDE)
    fired = [(v.decision.trigger.event, v.decision.trigger.at - MONDAY) for v in verdicts if v.decision]
    assert fired == [
        ("Cart Abandoned", 1),
        ("Session Ended", 2),
        ("Days Without Visit", 3),
        ("Order Anniversary", 4),
    ]


def test_what_no_campaign_waits_for_any_more_fires_nothing_and_is_forgotten() -> None:
    profile = profile_of(YES)
    profile.pending = [Pending(EventTime(MONDAY + 1), "Product Added after 1d")]
    assert fire(profile, EventTime(MONDAY + DAY), on("Product Viewed"), POLICY, SIDE) == []
    assert profile.pending == []
    assert line_of(YES)["last_seen"] == profile.last_seen

"""promotion.revoked: what takes an offer back, and what does not."""

from typing import Any

from processors.campaigns import Campaigns
from processors.policy import ProfilePolicy
from processors.revoking import revoke
from processors.side_inputs import SideInputs
from processors.step import step
from schemas.decisions import Revocation, Trigger
from streams.records import revocation_json
from tests.support.story import (
    DAY,
    HOUR,
    MONDAY,
    POLICY,
    Json,
    Told,
    campaigns_of,
    consent,
    order,
    read,
    tell,
    track,
)

YES = consent(MONDAY, marketing=True)
NO = consent(MONDAY + HOUR, "no", marketing=False)
SHOWN: Json = {"promotion_id": "p", "name": "Back again", "products": {"from": "viewed"}}


def view(at: int = MONDAY, product_id: str = "p1") -> Json:
    return track("Product Viewed", at, f"view {product_id} {at}", product_id=product_id)


def campaigns(policy: ProfilePolicy = POLICY, **more: Any) -> Campaigns:
    return campaigns_of({"id": "c", "offers": [SHOWN], "valid_for": "1d", **more}, policy=policy)


def reasons(told: Told) -> list[str]:
    return [one.reason.value for one in told.revoked]


def test_an_offer_is_taken_back_once_when_consent_is_withdrawn() -> None:
    again = consent(MONDAY + 2 * HOUR, "no again", marketing=False)
    told = tell(campaigns(), [YES, view(), NO, again])
    (offered,) = told.promotions
    assert told.revoked == [
        Revocation(
            type="promotion.revoked",
            promotion_id="p",
            decision_id=offered.decision_id,
            user_id="ann",
            campaign_id="c",
            reason="consent_withdrawn",  # type: ignore[arg-type]
            at=MONDAY + HOUR,
            trigger=Trigger("Consent Changed", "no", MONDAY + HOUR),
        )
    ]


def test_of_many_offers_that_are_out_none_is_forgotten_before_it_expires() -> None:
    many = [view(MONDAY + n) for n in range(30)]
    told = tell(campaigns(), [YES, *many, NO])
    assert [one.decision_id for one in told.revoked] == [one.decision_id for one in told.promotions]
    assert len(told.revoked) == 30
    few = tell(campaigns(policy=ProfilePolicy(offers_out_max=12)), [YES, *many, NO])
    assert [one.decision_id for one in few.revoked] == [one.decision_id for one in few.promotions[-20:]]


def test_a_revocation_is_one_line_with_its_type() -> None:
    (revoked,) = tell(campaigns(), [YES, view(), NO]).revoked
    assert (
        revocation_json(revoked)
        == (
            b'{"at":1772413200000,"campaign_id":"c","decision_id":"%b","promotion_id":"p",'
            b'"reason":"consent_withdrawn","trigger":{"at":1772413200000,"event":"Consent Changed","message_id":"no"},'
            b'"type":"promotion.revoked","user_id":"ann"}'
        )
        % revoked.decision_id.encode()
    )


def test_only_the_consent_that_the_offer_needs_counts_and_profiling_always_does() -> None:
    training = consent(MONDAY + HOUR, "t", training=False)
    profiling = consent(MONDAY + HOUR, "f", profiling=False)
    assert reasons(tell(campaigns(), [YES, view(), training])) == []
    assert reasons(tell(campaigns(), [YES, view(), profiling])) == ["consent_withdrawn"]
    yes = consent(MONDAY, "yes", marketing=True, training=True)
    assert reasons(tell(campaigns(purpose="training"), [yes, view(), NO])) == []
    assert reasons(tell(campaigns(purpose="training"), [yes, view(), training])) == ["consent_withdrawn"]


def test_a_withdrawal_that_comes_late_behind_a_newer_consent_takes_nothing_back() -> None:
    newer = consent(MONDAY + 2 * HOUR, "newer", marketing=True)
    assert reasons(tell(campaigns(), [YES, view(), newer, NO])) == []


def test_an_offer_is_taken_back_when_one_of_its_products_is_bought() -> None:
    events = [YES, view(), view(MONDAY + 1, "p2")]
    assert reasons(tell(campaigns(), [*events, order("o1", MONDAY + HOUR, 9, "p3", "p1")])) == ["bought"] * 2
    assert reasons(tell(campaigns(), [*events, order("o1", MONDAY + HOUR, 9, "p2")])) == ["bought"]
    assert reasons(tell(campaigns(), [*events, order("o1", MONDAY + HOUR, 9, "p3")])) == []


def test_an_offer_without_products_is_not_taken_back_by_an_order() -> None:
    without = campaigns_of({"id": "c"})
    assert reasons(tell(without, [YES, view(), order("o1", MONDAY + HOUR, 9, "p1")])) == []


def test_an_offer_that_has_expired_is_left_alone() -> None:
    last, over = order("o", MONDAY + DAY - 1, 9, "p1"), order("o", MONDAY + DAY, 9, "p1")
    assert reasons(tell(campaigns(), [YES, view(), last])) == ["bought"]
    assert reasons(tell(campaigns(), [YES, view(), over])) == []


def test_a_ghost_offer_went_nowhere_and_is_not_taken_back() -> None:
    told = tell(campaigns(hold_out=1.0), [YES, view(), NO])
    assert (told.decision.outcome, told.revoked) == ("held_out", [])


def test_an_offer_is_taken_back_when_its_campaign_left_the_file_or_was_paused() -> None:
    for after in (campaigns_of({"id": "other"}), campaigns(paused=True)):
        profile = tell(campaigns(), [YES, view()]).profile
        look = Trigger("Cart Viewed", "m", MONDAY + HOUR)
        (revoked,) = revoke(profile, look, (), after, SideInputs())
        assert revoked.reason == "campaign_stopped"
        assert revoke(profile, look, (), after, SideInputs()) == []


def test_the_next_event_takes_back_what_ended_without_one() -> None:
    unasked = campaigns(purpose="profiling")  # by the shop's setting, without a word of the shopper
    cases = [
        (campaigns(), [YES, view()], campaigns_of({"id": "other"}), True, ["campaign_stopped"]),
        (campaigns(), [YES, view()], campaigns(paused=True), True, ["campaign_stopped"]),
        (campaigns(), [YES, view()], campaigns(), True, []),
        (unasked, [view()], unasked, False, ["consent_withdrawn"]),
        (unasked, [view()], unasked, True, []),
    ]
    for before, events, after, default_profiling, wanted in cases:
        profile = tell(before, events).profile
        side = SideInputs(default_profiling=default_profiling)
        look = step(profile, read(view(MONDAY + HOUR)), (), after, POLICY, side)
        assert [revoked.reason for revoked in look.revoked] == wanted


def test_the_end_of_a_campaigns_live_time_takes_nothing_back() -> None:
    ended = campaigns(live={"to": "2026-03-02T00:30:00Z"})
    assert reasons(tell(ended, [YES, view(), view(MONDAY + HOUR)])) == []


def test_what_was_taken_back_counts_in_caps_still() -> None:
    capped = campaigns(caps=[{"at_most": 1, "per": "7d"}])
    told = tell(capped, [YES, view(), order("o1", MONDAY + 1, 9, "p1"), view(MONDAY + 2, "p2")])
    assert (reasons(told), told.reasons) == (["bought"], ["capped"])

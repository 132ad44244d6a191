"""A decision as it is kept, with all that it was made from, and the promotion that goes out."""

from collections.abc import Sequence

from processors.side_inputs import Scores
from processors.weighing import Case, Weighed
from schemas.campaigns import CouponKind
from schemas.decisions import (
    Candidate,
    CouponOut,
    Decision,
    Experiment,
    Outcome,
    Promotion,
    PromotionReason,
    Reason,
)


def record_of(case: Case, weighed: Sequence[Weighed], winner: Weighed | None, scores: Scores) -> Decision:
    """Return the record of ruling 59: every candidate, and all that deciding again would need."""
    profile, campaigns = case.facts.profile, case.campaigns
    since = case.facts.now - campaigns.keep_ms
    return Decision(
        trigger=case.trigger,
        user_id=profile.shopper,
        now=case.facts.now,
        outcome=Outcome.SUPPRESSED if winner is None else _outcome(winner),
        campaign_id=None if winner is None else winner.campaign.id,
        promotion_id=None if winner is None else winner.campaign.offer.promotion_id,
        decision_id=None if winner is None else winner.decision_id,
        candidates=tuple([_candidate(candidate) for candidate in weighed]),
        features=case.values,
        offers={
            campaign_id: [offer.at for offer in offers if offer.at > since]
            for campaign_id, offers in profile.offers.items()
            if offers[-1].at > since
        },
        consent=case.consent,
        lag_ms=case.side.lag_ms,
        approximate=profile.approximate,
        scores=dict(scores),
        model_versions=case.side.model_versions,
        policy_digest=campaigns.digest,
        positions=dict(profile.positions),
        consent_stated=tuple([purpose for purpose in case.consent if purpose in profile.consent]),
        propensity=case.propensity,
        time_zone=case.zone,
    )


def promotion_of(case: Case, winner: Weighed, scores: Scores) -> Promotion:
    """Return the promotion of a winner that nothing stopped."""
    campaign, offer, now = winner.campaign, winner.campaign.offer, case.facts.now
    expires_at = now + campaign.valid_ms
    conditions = winner.checks[: len(campaign.comparisons)]
    measured = campaign.hold_out.shop > 0 or campaign.hold_out.campaign > 0
    return Promotion(
        type="promotion.offered",
        promotion_id=offer.promotion_id,
        name=offer.name,
        creative=offer.creative,
        decision_id=winner.decision_id,
        user_id=case.facts.profile.shopper,
        campaign_id=campaign.id,
        product_ids=winner.product_ids,
        coupon=_coupon(winner),
        copy=winner.copy,
        channels=campaign.channels,
        not_before=winner.not_before,
        deliver_before=min(winner.not_before + campaign.reach_ms, expires_at),
        expires_at=expires_at,
        reasons=tuple(PromotionReason(check.code, check.sentence) for check in conditions if check.passed),
        trigger=case.trigger,
        scores=dict(scores),
        experiment=Experiment(campaign.id, "offered") if measured else None,
        model_versions=case.side.model_versions,
        policy_digest=case.campaigns.digest,
        purpose=campaign.purpose.value,
    )


def _candidate(weighed: Weighed) -> Candidate:
    campaign = weighed.campaign
    return Candidate(
        campaign.id,
        weighed.decision_id,
        _outcome(weighed),
        weighed.reason,
        campaign.offer.promotion_id,
        campaign.priority,
        weighed.expected_value,
        tuple(weighed.checks),
        weighed.goods,
    )


def _outcome(weighed: Weighed) -> Outcome:
    if weighed.reason is None:
        return Outcome.OFFERED
    return Outcome.HELD_OUT if weighed.reason is Reason.HELD_OUT else Outcome.SUPPRESSED


def _coupon(winner: Weighed) -> CouponOut | None:
    coupon = winner.campaign.offer.coupon
    if coupon is None:
        return None
    value = 0.0 if coupon.kind is CouponKind.FREE_SHIPPING else coupon.value or 0.0
    return CouponOut(coupon.kind.value, value, coupon.code or "")

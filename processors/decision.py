"""The one promotion worth sending for a trigger, or none, with the reasons.

Pure: a profile, a trigger and campaigns in, a verdict out, at the shopper's stream time. The steps and
their order are design 6; the first one that stops a campaign is its reason.
"""

from collections.abc import Mapping

from msgspec import Struct, field

from processors import caps, hold_out, products
from processors.campaigns import Campaigns, Ready
from processors.copy_text import copy_of
from processors.features import Facts, Value
from processors.ids import decision_id
from processors.quiet_hours import local_time, quiet_until, zone_name
from schemas.campaigns import CouponKind
from schemas.catalog import NO_CATALOG, Catalog
from schemas.decisions import (
    Candidate,
    Check,
    CopyText,
    CouponOut,
    Decision,
    Experiment,
    Outcome,
    Promotion,
    PromotionReason,
    Reason,
    Trigger,
)
from schemas.events import Purpose
from schemas.ids import DecisionId, EventTime
from schemas.money import digits_of, format_minor
from schemas.profiles import OfferMade, Profile
from schemas.timestamps import iso_utc

Scores = Mapping[str, float]
NO_SCORES: Scores = {}


class SideInputs(Struct, frozen=True):
    """What a decision needs besides profile and campaigns. `lag_ms`: wall clock behind broker time, 0 in replay."""

    lag_ms: int = 0
    catalog: Catalog = NO_CATALOG
    model_versions: dict[str, str] = field(default_factory=dict)
    default_profiling: bool = True


class Verdict(Struct, frozen=True):
    """`decision` None: no campaign was live and eligible. `stale`: the trigger came too late to ask."""

    decision: Decision | None
    promotion: Promotion | None
    not_live: int
    not_eligible: int
    stale: bool = False


NOTHING = Verdict(None, None, 0, 0)
_STALE = Verdict(None, None, 0, 0, stale=True)


class _Case(Struct):
    """One trigger under decision: what all of its candidates share."""

    facts: Facts
    trigger: Trigger
    propensity: float
    campaigns: Campaigns
    side: SideInputs
    consent: dict[str, bool]
    cool_down: Check | None
    zone: str
    quiet_until: EventTime | None
    values: dict[str, Value]


class _Weighed(Struct):
    """One candidate on its way through the steps; `reason` is the step that stopped it."""

    campaign: Ready
    decision_id: DecisionId
    checks: list[Check]
    reason: Reason | None = None
    expected_value: float = 0.0
    product_ids: tuple[str, ...] = ()
    copy: CopyText | None = None
    not_before: EventTime = EventTime(0)


def decide(
    profile: Profile, trigger: Trigger, scores: Scores, campaigns: Campaigns, side: SideInputs
) -> Verdict:
    """Decide about one trigger that the profile already holds; the profile stays as it is.

    `scores["propensity"]`, where a model gave it, replaces the prior.
    """
    triggered = campaigns.by_trigger.get(trigger.event)
    if triggered is None:
        return NOTHING
    now = max(profile.last_seen, EventTime(trigger.at))
    if now - trigger.at > campaigns.stale_after_ms:
        return _STALE
    facts = Facts(profile, now, campaigns.policy)
    # Whoever refused profiling is not looked at: no condition is read (ruling 36).
    profiled = _granted(profile, Purpose.PROFILING, side)
    not_live = not_eligible = 0
    eligible: list[Ready] = []
    for campaign in triggered:
        if not campaign.live_from <= now < campaign.live_to:
            not_live += 1
        elif not profiled or campaign.test(facts):
            eligible.append(campaign)
        else:
            not_eligible += 1
    if not eligible:
        return Verdict(None, None, not_live, not_eligible)
    case = _open(facts, trigger, scores, campaigns, side)
    weighed = [_weigh(case, campaign, profiled) for campaign in eligible]
    winner = _arbitrate(weighed, campaigns.currency)
    if winner is not None:
        _hold_out(winner, profile)
    decision = _record(case, weighed, winner, scores)
    sent = winner is not None and winner.reason is None
    promotion = _promotion(case, winner, scores) if sent and winner is not None else None
    return Verdict(decision, promotion, not_live, not_eligible)


def remember(profile: Profile, decision: Decision, campaigns: Campaigns) -> None:
    """Add the offer, or ghost offer, of a decision to the profile; drop those that no window needs."""
    if decision.campaign_id is None or decision.decision_id is None or decision.promotion_id is None:
        return
    held_out = decision.outcome is Outcome.HELD_OUT
    now = EventTime(decision.now)
    made = OfferMade(now, decision.decision_id, decision.promotion_id, held_out)
    profile.offers.setdefault(decision.campaign_id, []).append(made)
    for campaign_id, offers in list(profile.offers.items()):
        campaign = campaigns.by_id.get(campaign_id)
        keep_ms = campaigns.keep_ms if campaign is None else campaign.keep_ms
        keep_count = caps.KEPT_MIN if campaign is None else campaign.keep_count
        kept = caps.still_counting(offers, keep_ms, keep_count, now)
        if kept:
            profile.offers[campaign_id] = kept
        else:
            del profile.offers[campaign_id]


def _open(
    facts: Facts, trigger: Trigger, scores: Scores, campaigns: Campaigns, side: SideInputs
) -> _Case:
    profile, now = facts.profile, facts.now
    cool_down = None
    if campaigns.cool_down_ms:
        cool_down = caps.check_cool_down(
            campaigns.cool_down_ms, campaigns.cool_down_words, profile.offers.values(), now
        )
    zone = zone_name(profile, campaigns.time_zone)
    return _Case(
        facts=facts,
        trigger=trigger,
        propensity=scores.get("propensity", campaigns.prior_propensity),
        campaigns=campaigns,
        side=side,
        consent={purpose.value: _granted(profile, purpose, side) for purpose in Purpose},
        cool_down=cool_down,
        zone=zone,
        quiet_until=quiet_until(campaigns.quiet, now, zone) if campaigns.quiet is not None else None,
        values={},
    )


def _weigh(case: _Case, campaign: Ready, profiled: bool) -> _Weighed:
    """Take one eligible campaign through the steps until one of them stops it."""
    shopper = case.facts.profile.shopper
    weighed = _Weighed(campaign, decision_id(shopper, campaign.id, case.trigger.message_id), [])
    if profiled:
        _explain(case, weighed)
    for reason, step in _STEPS:
        if not step(case, weighed):
            weighed.reason = reason
            break
    return weighed


def _explain(case: _Case, weighed: _Weighed) -> None:
    values = case.values
    for comparison in weighed.campaign.comparisons:
        key = comparison.feature.key
        if key not in values:
            values[key] = comparison.feature.read(case.facts)
        weighed.checks.append(comparison.check(values[key]))


def _has_consent(case: _Case, weighed: _Weighed) -> bool:
    purpose = weighed.campaign.purpose.value
    for name in ("profiling", purpose):
        if not case.consent[name]:
            stated = case.facts.profile.consent.get(name)
            verb = "has not agreed to" if stated is None else "refused"
            weighed.checks.append(Check("consent", f"the shopper {verb} {name}", False, f"consent to {name}"))
            return False
    weighed.checks.append(_CONSENTED[purpose])
    return True


def _is_in_time(case: _Case, weighed: _Weighed) -> bool:
    campaign, lag_ms = weighed.campaign, case.side.lag_ms
    passed = lag_ms <= campaign.reach_ms
    sentence = f"decided {lag_ms / 1000:g} s after the event arrived, at most {campaign.reach_words} allowed"
    beyond = (lag_ms - campaign.reach_ms) / 1000
    flip = f"{beyond:g} s less delay" if not passed else f"more than {-beyond:g} s more delay"
    weighed.checks.append(Check("reach", sentence, passed, flip))
    return passed


def _is_below_caps(case: _Case, weighed: _Weighed) -> bool:
    offers = case.facts.profile.offers.get(weighed.campaign.id, ())
    for window in weighed.campaign.caps:
        check = caps.check_cap(window, offers, case.facts.now)
        weighed.checks.append(check)
        if not check.passed:
            return False
    return True


def _has_cooled_down(case: _Case, weighed: _Weighed) -> bool:
    if case.cool_down is None:
        return True
    weighed.checks.append(case.cool_down)
    return case.cool_down.passed


def _is_in_stock(case: _Case, weighed: _Weighed) -> bool:
    chosen = products.choose(weighed.campaign.offer.products, case.facts, case.side.catalog)
    weighed.product_ids = chosen.ids
    if not chosen.sold_out:
        return True
    passed = bool(chosen.ids)
    out = f"{len(chosen.sold_out)} of the products sold out ({chosen.sold_out[0]}"
    out += ", ...)" if len(chosen.sold_out) > 1 else ")"
    sentence = f"{out}, at least one in stock needed"
    flip = "one of them in stock again" if not passed else "all of them sold out"
    weighed.checks.append(Check("stock", sentence, passed, flip))
    return passed


def _is_worth_it(case: _Case, weighed: _Weighed) -> bool:
    offer, currency = weighed.campaign.offer, case.campaigns.currency
    margin = products.margin_of(weighed.product_ids, case.side.catalog)
    units = 10 ** digits_of(currency)
    # Rounded: 0.05 * 20.20 - 1.01 is nothing, not a tiny loss.
    worth: float = round(case.propensity * margin / units - offer.cost, 6)
    weighed.expected_value = worth
    if offer.cost == 0:
        return True
    sentence = (
        f"expected value is {currency} {worth:.2f} (propensity {case.propensity:g} times margin"
        f" {format_minor(margin, currency)}, less cost {currency} {offer.cost:.2f}), at least 0 needed"
    )
    flip = f"a cost of {currency} {offer.cost + worth:.2f}"
    weighed.checks.append(Check("value", sentence, worth >= 0, f"{flip} or less" if worth < 0 else f"more than {flip}"))
    return worth >= 0


def _has_words(case: _Case, weighed: _Weighed) -> bool:
    offer = weighed.campaign.offer
    if offer.copy is None:
        return True
    expires_at = EventTime(case.facts.now + weighed.campaign.valid_ms)
    weighed.copy = copy_of(
        offer, weighed.product_ids, case.side.catalog, case.campaigns.currency, expires_at, case.zone
    )
    if weighed.copy is None:
        sentence = "the text names {first_product}, and there is no product to name"
        weighed.checks.append(Check("copy", sentence, False, "a product to name"))
        return False
    return True


def _may_be_loud(case: _Case, weighed: _Weighed) -> bool:
    now, until = case.facts.now, case.quiet_until
    weighed.not_before = now if until is None else until
    if until is None:
        return True
    expires_at = now + weighed.campaign.valid_ms
    passed = until < expires_at
    clock = local_time(now, case.zone).strftime("%H:%M")
    sentence = f"it is {clock} in {case.zone}, and quiet until {iso_utc(until)}; the offer expires {iso_utc(expires_at)}"
    minutes = -(-(until - now + 1) // 60_000)
    flip = f"an offer valid for {'at least' if not passed else 'less than'} {minutes} minutes"
    weighed.checks.append(Check("quiet_hours", sentence, passed, flip))
    return passed


_STEPS = (
    (Reason.NO_CONSENT, _has_consent),
    (Reason.TOO_LATE, _is_in_time),
    (Reason.CAPPED, _is_below_caps),
    (Reason.COOLING_DOWN, _has_cooled_down),
    (Reason.OUT_OF_STOCK, _is_in_stock),
    (Reason.LOW_VALUE, _is_worth_it),
    (Reason.COPY_REJECTED, _has_words),
    (Reason.QUIET_HOURS, _may_be_loud),
)
_CONSENTED = {
    purpose.value: Check(
        "consent", f"the shopper allows {purpose.value}", True, f"withdrawn consent to {purpose.value}"
    )
    for purpose in Purpose
}


def _granted(profile: Profile, purpose: Purpose, side: SideInputs) -> bool:
    stated = profile.consent.get(purpose.value)
    if stated is None:
        return purpose is Purpose.PROFILING and side.default_profiling
    return stated.value is True


def _arbitrate(weighed: list[_Weighed], currency: str) -> _Weighed | None:
    """Return the best of those that nothing stopped; the others have lost to it."""
    left = [candidate for candidate in weighed if candidate.reason is None]
    if not left:
        return None
    winner = min(left, key=lambda c: (-c.campaign.priority, -c.expected_value, c.campaign.place))
    for candidate in left:
        if candidate is winner:
            continue
        candidate.reason = Reason.LOST_ARBITRATION
        sentence = (
            f"priority {candidate.campaign.priority} and expected value {currency}"
            f" {candidate.expected_value:.2f} lost to {winner.campaign.id} with priority"
            f" {winner.campaign.priority} and {currency} {winner.expected_value:.2f}"
        )
        flip = f"priority {winner.campaign.priority + 1}"
        candidate.checks.append(Check("arbitration", sentence, False, flip))
    return winner


def _hold_out(winner: _Weighed, profile: Profile) -> None:
    """Make a ghost offer of the winner if the shopper is held out; the last step of all."""
    check = hold_out.check(winner.campaign.hold_out, winner.campaign.id, profile.shopper)
    if check is None:
        return
    winner.checks.append(check)
    if not check.passed:
        winner.reason = Reason.HELD_OUT


def _record(case: _Case, weighed: list[_Weighed], winner: _Weighed | None, scores: Scores) -> Decision:
    profile, now = case.facts.profile, case.facts.now
    since = now - case.campaigns.keep_ms
    inside = {
        campaign_id: [offer.at for offer in offers if offer.at > since]
        for campaign_id, offers in profile.offers.items()
    }
    return Decision(
        trigger=case.trigger,
        user_id=profile.shopper,
        now=now,
        outcome=Outcome.SUPPRESSED if winner is None else _outcome(winner),
        campaign_id=None if winner is None else winner.campaign.id,
        promotion_id=None if winner is None else winner.campaign.offer.promotion_id,
        decision_id=None if winner is None else winner.decision_id,
        candidates=tuple(_candidate(candidate) for candidate in weighed),
        features=case.values,
        offers={campaign_id: [*times] for campaign_id, times in inside.items() if times},
        consent=case.consent,
        lag_ms=case.side.lag_ms,
        approximate=profile.approximate,
        scores=dict(scores),
        model_versions=case.side.model_versions,
        policy_digest=case.campaigns.digest,
        positions=dict(profile.positions),
    )


def _candidate(weighed: _Weighed) -> Candidate:
    return Candidate(
        weighed.campaign.id,
        weighed.decision_id,
        _outcome(weighed),
        weighed.reason,
        weighed.campaign.offer.promotion_id,
        weighed.campaign.priority,
        weighed.expected_value,
        tuple(weighed.checks),
    )


def _outcome(weighed: _Weighed) -> Outcome:
    if weighed.reason is None:
        return Outcome.OFFERED
    return Outcome.HELD_OUT if weighed.reason is Reason.HELD_OUT else Outcome.SUPPRESSED


def _promotion(case: _Case, winner: _Weighed, scores: Scores) -> Promotion:
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


def _coupon(winner: _Weighed) -> CouponOut | None:
    coupon = winner.campaign.offer.coupon
    if coupon is None:
        return None
    value = 0.0 if coupon.kind is CouponKind.FREE_SHIPPING else coupon.value or 0.0
    return CouponOut(coupon.kind.value, value, coupon.code or "")

"""The one promotion worth sending for a trigger, or none, with the reasons.

Pure: a profile, a trigger and campaigns in, a verdict out, at the shopper's stream time. The steps and
their order are design 6; the first one that stops a campaign is its reason.
"""

from collections.abc import Iterable

from msgspec import Struct

from processors import caps, hold_out
from processors.campaigns import Campaigns, Ready
from processors.decision_record import promotion_of, record_of
from processors.features import Facts
from processors.side_inputs import NO_SCORES, Scores, SideInputs
from processors.weighing import Case, Weighed, is_granted, open_case, weigh
from schemas.decisions import Check, Decision, Outcome, Promotion, Reason, Trigger
from schemas.events import Purpose
from schemas.ids import CampaignId, EventTime
from schemas.profiles import OfferMade, Profile

__all__ = ["NOTHING", "NO_SCORES", "Scores", "SideInputs", "Verdict", "decide", "remember"]


class Verdict(Struct, frozen=True):
    """`decision` None: no campaign was live and eligible. `stale`: the trigger came too late to ask."""

    decision: Decision | None
    promotion: Promotion | None
    not_live: int
    not_eligible: int
    stale: bool = False


NOTHING = Verdict(None, None, 0, 0)
_STALE = Verdict(None, None, 0, 0, stale=True)
#: What a campaign file allows.
_PRIORITY_MAX = 1_000_000


def decide(
    profile: Profile, trigger: Trigger, scores: Scores, campaigns: Campaigns, side: SideInputs
) -> Verdict:
    """Decide about one trigger that the profile already holds; the profile stays as it is.

    `scores["propensity"]`, where a model gave it, replaces the prior.
    """
    triggered = campaigns.by_trigger.get(trigger.event)
    if triggered is None:
        return NOTHING
    now = stream_time(profile, EventTime(trigger.at))
    if now - trigger.at > campaigns.stale_after_ms:
        return _STALE
    facts = Facts(profile, now, campaigns.policy)
    # Whoever refused profiling is not looked at: no condition is read (ruling 36).
    profiled = is_granted(profile, Purpose.PROFILING, side)
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
    case = open_case(facts, trigger, scores, campaigns, side)
    weighed, winner = settle(case, eligible)
    return Verdict(
        record_of(case, weighed, winner, scores), _promotion(case, winner, scores), not_live, not_eligible
    )


def stream_time(profile: Profile, at: EventTime) -> EventTime:
    """Return the shopper's time at an event of `at`: neither a late event nor a timer's offer turns it back.

    A tick may have made an offer after `last_seen`; without it a late event would find its cap window empty.
    """
    now = max(at, profile.last_seen)
    for made in profile.offers.values():
        now = max(now, made[-1].at)
    return now


def settle(case: Case, eligible: Iterable[Ready]) -> tuple[list[Weighed], Weighed | None]:
    """Weigh the eligible campaigns and return them, with the one that wins, if any; it may be held out."""
    weighed = [weigh(case, campaign) for campaign in eligible]
    winner = _arbitrate(weighed, case.campaigns.currency)
    if winner is not None:
        _hold_out(winner, case.facts.profile)
    return weighed, winner


def remember(profile: Profile, decision: Decision, campaigns: Campaigns) -> None:
    """Add the offer, or ghost offer, of a decision to the profile; drop those that no window needs."""
    if decision.campaign_id is None or decision.decision_id is None or decision.promotion_id is None:
        return
    held_out = decision.outcome is Outcome.HELD_OUT
    now = EventTime(decision.now)
    winner = next(c for c in decision.candidates if c.campaign_id == decision.campaign_id)
    its = campaigns.by_id.get(CampaignId(decision.campaign_id))
    made = OfferMade(
        now,
        decision.decision_id,
        decision.promotion_id,
        held_out,
        expires_at=EventTime(now + its.valid_ms if its is not None else now),
        product_ids=winner.goods.ids if winner.goods is not None else (),
        purpose=its.purpose.value if its is not None else Purpose.MARKETING.value,
    )
    profile.offers.setdefault(decision.campaign_id, []).append(made)
    for campaign_id, offers in list(profile.offers.items()):
        campaign = campaigns.by_id.get(campaign_id)
        keep_ms = campaigns.keep_ms if campaign is None else campaign.keep_ms
        keep_count = caps.KEPT_MIN if campaign is None else campaign.keep_count
        kept = caps.still_counting(offers, keep_ms, keep_count, campaigns.policy.offers_out_max, now)
        if kept:
            profile.offers[campaign_id] = kept
        else:
            del profile.offers[campaign_id]


def _promotion(case: Case, winner: Weighed | None, scores: Scores) -> Promotion | None:
    return None if winner is None or winner.reason is not None else promotion_of(case, winner, scores)


def _arbitrate(weighed: list[Weighed], currency: str) -> Weighed | None:
    """Return the best of those that nothing stopped; the others have lost to it."""
    left = [candidate for candidate in weighed if candidate.reason is None]
    if not left:
        return None
    winner = min(left, key=lambda c: (-c.campaign.priority, -c.expected_value, c.campaign.place))
    its = winner.campaign
    beaten_by = f"lost to {its.id} with priority {its.priority} and {currency} {winner.expected_value:.2f}"
    # Most losers are worth the same, and their words cost most.
    lost: dict[tuple[int, float, bool], Check] = {}
    for candidate in left:
        if candidate is not winner:
            mine, worth = candidate.campaign, candidate.expected_value
            alike = (mine.priority, worth, mine.place < its.place)
            check = lost.get(alike)
            if check is None:
                words = f"priority {mine.priority} and expected value {currency} {worth:.2f} {beaten_by}"
                check = lost[alike] = Check("arbitration", words, False, _enough(candidate, winner))
            candidate.reason = Reason.LOST_ARBITRATION
            candidate.checks.append(check)
    return winner


def _enough(candidate: Weighed, winner: Weighed) -> str:
    """Return the lowest priority that wins; of equal ones the worth decides, then the place in the file."""
    mine, its = candidate.campaign, winner.campaign
    worth = candidate.expected_value - winner.expected_value
    draws_ahead = worth > 0 or (worth == 0 and mine.place < its.place)
    enough = its.priority if draws_ahead else its.priority + 1
    return f"priority {enough}" if enough <= _PRIORITY_MAX else ""


def _hold_out(winner: Weighed, profile: Profile) -> None:
    """Make a ghost offer of the winner if the shopper is held out; the last step of all."""
    checks = hold_out.check(winner.campaign.hold_out, winner.campaign.id, profile.shopper)
    winner.checks += checks
    if checks and not checks[-1].passed:
        winner.reason = Reason.HELD_OUT

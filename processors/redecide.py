"""Deciding again, from a decision record alone (design 6): the same steps on what the record kept.

The record stands in for profile, clock and catalogue: features are taken as recorded, offers, consent,
lag, scores, products and time zone too. A sound record comes out as it went in.
"""

from collections.abc import Iterator, Mapping

import msgspec

from processors.campaigns import Campaigns, Ready
from processors.comparisons import Comparison
from processors.decision import settle
from processors.decision_record import record_of
from processors.features import Facts, Value
from processors.side_inputs import SideInputs
from processors.weighing import open_case
from schemas.campaigns import Condition
from schemas.decisions import Decision
from schemas.events import Purpose
from schemas.ids import CampaignId, Digest, EventTime, ShopperId
from schemas.profiles import OfferMade, Profile, Stated


def redecide(record: Decision, campaigns: Campaigns) -> Decision:
    """Return what `campaigns`, the file that the record names, decide from the record alone.

    A candidate that the record does not prove eligible is left out, and one that it proves eligible is in.
    """
    if record.propensity != campaigns.prior_propensity:
        campaigns = msgspec.structs.replace(campaigns, prior_propensity=record.propensity)
    profile, side = _profile(record), _side(record)
    case = open_case(
        Facts(profile, profile.last_seen, campaigns.policy), record.trigger, record.scores, campaigns, side
    )
    case.recorded = {c.campaign_id: c.goods for c in record.candidates if c.goods is not None}
    eligible = [
        campaign
        for campaign in _asked(record, campaigns)
        if campaign.live_from <= record.now < campaign.live_to
        and (not case.profiled or holds(campaign, record.features) is True)
    ]
    if case.profiled:
        wanted = {comparison.key for campaign in eligible for comparison in campaign.comparisons}
        case.values.update({key: value for key, value in record.features.items() if key in wanted})
        # One side of an `any` may be enough to be eligible; a key that is missing must not be read.
        eligible = [c for c in eligible if all(comparison.key in case.values for comparison in c.comparisons)]
    weighed, winner = settle(case, eligible)
    return record_of(case, weighed, winner, record.scores)


def holds(campaign: Ready, features: Mapping[str, Value]) -> bool | None:
    """Return whether a campaign's conditions hold for these values; None where a missing one decides."""
    return True if campaign.when is None else _holds(campaign.when, iter(campaign.comparisons), features)


def _holds(
    condition: Condition,
    comparisons: Iterator[Comparison],
    features: Mapping[str, Value],
    negated: bool = False,
) -> bool | None:
    """Walk a condition with its compiled comparisons, which come in the same order and know their `not`."""
    if condition.not_ is not None:
        return _holds(condition.not_, comparisons, features, not negated)
    if condition.feature is not None:
        comparison = next(comparisons)
        return comparison.holds(features[comparison.key]) if comparison.key in features else None
    parts = [_holds(part, comparisons, features, negated) for part in condition.all or condition.any or ()]
    deciding = (condition.all is not None) is negated  # what one part alone can decide: De Morgan
    if deciding in parts:
        return deciding
    return None if None in parts else not deciding


def _asked(record: Decision, campaigns: Campaigns) -> list[Ready]:
    """Return the campaigns that the trigger asks, and those that the record says it asked, in file order."""
    named = (campaigns.by_id.get(CampaignId(candidate.campaign_id)) for candidate in record.candidates)
    asked = {c.id: c for c in (*campaigns.by_trigger.get(record.trigger.event, ()), *named) if c is not None}
    return sorted(asked.values(), key=lambda campaign: campaign.place)


def _profile(record: Decision) -> Profile:
    now = EventTime(record.now)
    profile = Profile(ShopperId(record.user_id), last_seen=now, approximate=record.approximate)
    profile.positions = dict(record.positions)
    profile.offers = {
        campaign_id: [OfferMade(EventTime(at), "", "") for at in times]
        for campaign_id, times in record.offers.items()
        if times
    }
    profile.consent = {
        purpose: Stated(record.consent.get(purpose, False), now, Digest(0))
        for purpose in record.consent_stated
    }
    profile.traits = {"timezone": Stated(record.time_zone, now, Digest(0))}
    return profile


def _side(record: Decision) -> SideInputs:
    return SideInputs(
        lag_ms=record.lag_ms,
        model_versions=record.model_versions,
        default_profiling=record.consent.get(Purpose.PROFILING.value, True),
    )

"""What a shopper would get if an event came now, and why not: also what no record keeps, the campaigns not asked.

Nothing is folded: the profile is looked at as it stands, at the time of the question.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from processors.campaigns import Campaigns, Ready
from processors.comparisons import Comparison
from processors.decision import decide
from processors.features import Facts
from processors.side_inputs import NO_SCORES, SideInputs
from schemas.campaigns import Condition
from schemas.decisions import Decision, Outcome, Reason, Trigger
from schemas.ids import EventTime
from schemas.profiles import Profile
from schemas.timestamps import iso_utc

#: The messageId of an event that was never sent.
MESSAGE_ID = "asked now"


class Standing(Struct, frozen=True):
    """Where one campaign stands: `reason` None when it would be offered; `lines` say why not, and what would do."""

    campaign_id: str
    reason: Reason | None
    lines: tuple[str, ...] = ()


class Answer(Struct, frozen=True):
    """What one event would bring; `decision` None: no campaign is live and fits."""

    event: str
    decision: Decision | None
    standings: tuple[Standing, ...]

    @property
    def offered(self) -> str | None:
        """The promotion that would be sent, and the campaign it is of."""
        decision = self.decision
        if decision is None or decision.outcome is not Outcome.OFFERED:
            return None
        return f"{decision.promotion_id} of {decision.campaign_id}"


def ask(profile: Profile, event: str, at: EventTime, campaigns: Campaigns, side: SideInputs) -> Answer:
    """Return what would come of an event of this name at time `at`, for every campaign that it triggers."""
    decision = decide(profile, Trigger(event, MESSAGE_ID, at), NO_SCORES, campaigns, side).decision
    candidates = {} if decision is None else {c.campaign_id: c for c in decision.candidates}
    facts = Facts(profile, max(at, profile.last_seen), campaigns.policy)
    standings = []
    for campaign in campaigns.by_trigger.get(event, ()):
        candidate = candidates.get(campaign.id)
        if candidate is None:
            standings.append(_unasked(campaign, facts))
        elif candidate.reason is None:
            standings.append(Standing(campaign.id, None))
        else:
            last = candidate.checks[-1]
            lines = [last.sentence, *([f"it would take {last.flip}"] if last.flip else [])]
            standings.append(Standing(campaign.id, candidate.reason, tuple(lines)))
    return Answer(event, decision, tuple(standings))


def only(answer: Answer, campaign_id: str) -> Answer:
    """Return the answer as far as it is about one campaign."""
    mine = tuple(standing for standing in answer.standings if standing.campaign_id == campaign_id)
    return Answer(answer.event, answer.decision, mine)


def _unasked(campaign: Ready, facts: Facts) -> Standing:
    if not campaign.live_from <= facts.now < campaign.live_to:
        return Standing(campaign.id, Reason.NOT_LIVE, (_live_words(campaign, facts.now),))
    lines: Sequence[str] = ()
    if campaign.when is not None:
        lines = list(_missing(campaign.when, iter(campaign.comparisons), facts, ""))
    return Standing(campaign.id, Reason.NOT_ELIGIBLE, tuple(lines))


def _live_words(campaign: Ready, now: EventTime) -> str:
    if campaign.live_to == 0:
        return "it is paused"
    if now < campaign.live_from:
        return f"it is live from {iso_utc(campaign.live_from)}, and it is {iso_utc(now)}"
    return f"it was live until {iso_utc(campaign.live_to)}, and it is {iso_utc(now)}"


def _missing(
    condition: Condition, comparisons: Iterator[Comparison], facts: Facts, indent: str, negated: bool = False
) -> Iterator[str]:
    """Yield what a condition lacks, nothing where it holds; compiled comparisons come in the order of the file."""
    if condition.not_ is not None:
        yield from _missing(condition.not_, comparisons, facts, indent, not negated)
        return
    if condition.feature is not None:
        comparison = next(comparisons)
        check = comparison.check(comparison.read(facts))
        if not check.passed:
            yield f"{indent}{check.sentence}"
            yield f"{indent}it would take {check.flip}" if check.flip else f"{indent}nothing can change that"
        return
    both = (condition.all is not None) is not negated  # De Morgan
    inner = indent if both else f"{indent}  "
    parts = [
        list(_missing(part, comparisons, facts, inner, negated))
        for part in condition.all or condition.any or ()
    ]
    if both:
        for part in parts:
            yield from part
    elif all(parts):
        yield f"{indent}one of these is needed:"
        for part in parts:
            yield from part

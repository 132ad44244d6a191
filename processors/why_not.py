"""What a shopper would get if an event came now, and why not: also what no record keeps, the campaigns not asked.

Nothing is folded: the profile is looked at as it stands, at the time of the question.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from processors.campaigns import Campaigns, Ready
from processors.comparisons import Comparison
from processors.decision import decide, stream_time
from processors.features import Facts
from processors.side_inputs import NO_SCORES, SideInputs
from processors.words.en import ENGLISH
from processors.words.shape import Words
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
    def offer(self) -> Decision | None:
        """The decision, if a promotion would be sent."""
        if self.decision is None or self.decision.outcome is not Outcome.OFFERED:
            return None
        return self.decision


def ask(
    profile: Profile,
    event: str,
    at: EventTime,
    campaigns: Campaigns,
    side: SideInputs,
    words: Words = ENGLISH,
) -> Answer:
    """Return what would come of an event of this name at time `at`, for every campaign that it triggers."""
    verdict = decide(profile, Trigger(event, MESSAGE_ID, at), NO_SCORES, campaigns, side)
    decision = verdict.decision
    candidates = {} if decision is None else {c.campaign_id: c for c in decision.candidates}
    facts = Facts(profile, stream_time(profile, at), campaigns.policy)
    standings = []
    for campaign in campaigns.by_trigger.get(event, ()):
        candidate = candidates.get(campaign.id)
        if verdict.stale:
            standings.append(_stale(campaign, at, EventTime(facts.now - campaigns.stale_after_ms), words))
        elif candidate is None:
            standings.append(_unasked(campaign, facts, words))
        elif candidate.reason is None:
            standings.append(Standing(campaign.id, None))
        else:
            last = candidate.checks[-1]
            lines = [words.said(last.sentence)]
            if last.flip:
                lines.append(_would_take(last.flip, words))
            standings.append(Standing(campaign.id, candidate.reason, tuple(lines)))
    return Answer(event, decision, tuple(standings))


def only(answer: Answer, campaign_id: str) -> Answer:
    """Return the answer as far as it is about one campaign."""
    mine = tuple(standing for standing in answer.standings if standing.campaign_id == campaign_id)
    return Answer(answer.event, answer.decision, mine)


def _stale(campaign: Ready, at: EventTime, oldest: EventTime, words: Words) -> Standing:
    sentence = f"the event is of {iso_utc(at)}, and one before {iso_utc(oldest)} is too old to ask"
    flip = f"the same event at {iso_utc(oldest)} or later"
    return Standing(campaign.id, Reason.STALE, (words.said(sentence), _would_take(flip, words)))


def _would_take(flip: str, words: Words) -> str:
    return words.answer.would_take.format(flip=words.said(flip))


def _unasked(campaign: Ready, facts: Facts, words: Words) -> Standing:
    if not campaign.live_from <= facts.now < campaign.live_to:
        why, flip = _live_words(campaign, facts.now, words)
        return Standing(campaign.id, Reason.NOT_LIVE, (why, _would_take(flip, words)))
    lines: Sequence[str] = ()
    if campaign.when is not None:
        lines = list(_missing(campaign.when, iter(campaign.comparisons), facts, words))
    return Standing(campaign.id, Reason.NOT_ELIGIBLE, tuple(lines))


def _live_words(campaign: Ready, now: EventTime, words: Words) -> tuple[str, str]:
    """Return why a campaign is not live, in its language, and the flip in English."""
    if campaign.is_paused:
        return words.answer.paused, "a campaign that is not paused"
    if now < campaign.live_from:
        start = iso_utc(campaign.live_from)
        why = words.answer.live_from.format(start=start, now=iso_utc(now))
        return why, f"the same event at {start} or later"
    why = words.answer.live_until.format(end=iso_utc(campaign.live_to), now=iso_utc(now))
    return why, f"a campaign that ends after {iso_utc(now)}"


def _missing(
    condition: Condition,
    comparisons: Iterator[Comparison],
    facts: Facts,
    words: Words,
    indent: str = "",
    negated: bool = False,
) -> Iterator[str]:
    """Yield what a condition lacks, nothing where it holds; compiled comparisons come in the order of the file."""
    if condition.not_ is not None:
        yield from _missing(condition.not_, comparisons, facts, words, indent, not negated)
        return
    if condition.feature is not None:
        comparison = next(comparisons)
        check = comparison.check(comparison.read(facts))
        if not check.passed:
            yield f"{indent}{words.said(check.sentence)}"
            yield f"{indent}{_would_take(check.flip, words) if check.flip else words.answer.nothing_helps}"
        return
    both = (condition.all is not None) is not negated  # De Morgan
    inner = indent if both else f"{indent}  "
    parts = [
        list(_missing(part, comparisons, facts, words, inner, negated))
        for part in condition.all or condition.any or ()
    ]
    if both:
        for part in parts:
            yield from part
    elif all(parts):
        yield f"{indent}{words.answer.one_of_these}"
        for part in parts:
            yield from part

"""A decision as a page that a support person understands, made from its record alone."""

from collections.abc import Iterable, Iterator
from unicodedata import east_asian_width

from processors.words.en import ENGLISH
from processors.words.shape import Words
from schemas.campaigns import FeatureName
from schemas.decisions import Candidate, Check, Decision, Outcome, Reason
from schemas.timestamps import iso_utc

_CONDITIONS = frozenset(FeatureName)


def why_page(decision: Decision, words: Words = ENGLISH) -> str:
    """Return plain text: what happened, what was decided, which rule and numbers, what would change it.

    Times are UTC. It reads nothing but the record, so it says the same for ever.
    """
    winner = next((c for c in decision.candidates if c.decision_id == decision.decision_id), None)
    others = [candidate for candidate in decision.candidates if candidate is not winner]
    sections = [
        (words.what_happened, _happened(decision, words)),
        (words.what_was_decided, _decided(decision, winner, words)),
    ]
    if winner is not None:
        sections.append((words.why_campaign.format(campaign=winner.campaign_id), _checks(winner, words)))
        sections.append((words.what_would_change, _winner_flips(winner, words)))
    if others:
        sections.append((words.what_else if winner else words.what_considered, _others(others, words)))
    sections.append((words.made_from, _inputs(decision, words)))
    return "\n\n".join("\n".join((title, line_under(title), *lines)) for title, lines in sections) + "\n"


def line_under(title: str) -> str:
    """Return dashes as wide as a title on a terminal, where Chinese characters take two columns."""
    return "-" * sum(2 if east_asian_width(sign) in "WF" else 1 for sign in title)


def _happened(decision: Decision, words: Words) -> Iterator[str]:
    trigger = decision.trigger
    yield words.happened.format(
        shopper=decision.user_id, event=trigger.event, at=iso_utc(trigger.at), message=trigger.message_id
    )
    if decision.now > trigger.at:
        yield words.late.format(at=iso_utc(decision.now))


def _decided(decision: Decision, winner: Candidate | None, words: Words) -> Iterator[str]:
    if winner is None:
        count = len(decision.candidates)
        yield words.none_of_one if count == 1 else words.none_of_many.format(count=count)
        return
    text = words.offered if decision.outcome is Outcome.OFFERED else words.held_out
    yield text.format(
        promotion=winner.promotion_id, campaign=winner.campaign_id, why=words.why_not[Reason.HELD_OUT]
    )
    yield words.decision.format(decision=winner.decision_id)


def _checks(candidate: Candidate, words: Words) -> Iterator[str]:
    for check in candidate.checks:
        yield f"  {_mark(check, words).format(sentence=words.said(check.sentence))}"
    if not candidate.checks:
        yield f"  {words.no_conditions}"


def _mark(check: Check, words: Words) -> str:
    if check.passed:
        return words.passed
    # A campaign that came this far met its conditions, so this one was one of several alternatives.
    return words.not_needed if check.code in _CONDITIONS else words.failed


def _winner_flips(winner: Candidate, words: Words) -> Iterator[str]:
    stopped = [check for check in winner.checks if not check.passed and check.code not in _CONDITIONS]
    if stopped:
        yield f"  {words.sent_with.format(flip=words.said(stopped[0].flip))}"
        return
    yield f"  {words.any_of_these}"
    for check in winner.checks:
        if check.passed and check.flip:
            yield f"  - {words.said(check.flip)}"


def _others(candidates: Iterable[Candidate], words: Words) -> Iterator[str]:
    for candidate in candidates:
        why = words.why_not[candidate.reason] if candidate.reason is not None else words.was_offered
        yield words.campaign.format(campaign=candidate.campaign_id, decision=candidate.decision_id)
        yield f"  {words.not_sent.format(reason=candidate.reason, why=why)}"
        yield from _checks(candidate, words)
        stop = candidate.checks[-1] if candidate.checks else None
        if stop is not None and not stop.passed and stop.flip:
            yield f"  {words.changed_by.format(flip=words.said(stop.flip))}"


def _inputs(decision: Decision, words: Words) -> Iterator[str]:
    for key, value in decision.features.items():
        yield f"  {key} = {words.nothing if value is None else value}"
    for campaign_id, times in decision.offers.items():
        when = words.comma.join(iso_utc(at) for at in times)
        yield f"  {words.earlier_offers.format(campaign=campaign_id, times=when)}"
    consents = (
        f"{purpose} {words.yes if granted else words.no}" for purpose, granted in decision.consent.items()
    )
    yield f"  {words.consent.format(consents=words.comma.join(consents))}"
    for name, version in decision.model_versions.items():
        yield f"  {words.model.format(name=name, version=version)}"
    if decision.approximate:
        yield f"  {words.approximate}"
    for source, offset in decision.positions.items():
        yield f"  {words.positions.format(source=source, offset=offset)}"
    yield f"  {words.campaign_file.format(digest=decision.policy_digest)}"

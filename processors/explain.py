"""A decision as a page that a support person understands, made from its record alone."""

from collections.abc import Iterable, Iterator

from schemas.campaigns import FeatureName
from schemas.decisions import Candidate, Check, Decision, Outcome, Reason
from schemas.timestamps import iso_utc

_WHY_NOT = {
    Reason.STALE: "the event was too old to ask",
    Reason.NOT_LIVE: "the campaign was not live",
    Reason.NOT_ELIGIBLE: "the shopper did not meet the conditions",
    Reason.NO_CONSENT: "consent is missing",
    Reason.TOO_LATE: "it was too late to reach the shopper in the visit",
    Reason.CAPPED: "the shopper had this campaign often enough",
    Reason.COOLING_DOWN: "the shopper had an offer a short while ago",
    Reason.OUT_OF_STOCK: "the products are sold out",
    Reason.BUDGET_EXHAUSTED: "the budget is spent",
    Reason.LOW_VALUE: "it would have cost more than it earns",
    Reason.COPY_REJECTED: "its text could not be written",
    Reason.QUIET_HOURS: "the shop keeps quiet until after the offer expires",
    Reason.LOST_ARBITRATION: "another campaign was worth more",
    Reason.HELD_OUT: "the shopper belongs to the hold-out group, which gets nothing so that effects can be measured",
}
_CONDITIONS = frozenset(FeatureName)


def why_page(decision: Decision) -> str:
    """Return plain text: what happened, what was decided, which rule and numbers, what would change it.

    Times are UTC. It reads nothing but the record, so it says the same for ever.
    """
    winner = next((c for c in decision.candidates if c.decision_id == decision.decision_id), None)
    others = [candidate for candidate in decision.candidates if candidate is not winner]
    sections = [
        ("What happened", _happened(decision)),
        ("What was decided", _decided(decision, winner)),
    ]
    if winner is not None:
        sections.append((f"Why campaign {winner.campaign_id}", _checks(winner)))
        sections.append(("What would have changed it", _winner_flips(winner)))
    if others:
        sections.append(("What else was considered" if winner else "What was considered", _others(others)))
    sections.append(("What it was decided from", _inputs(decision)))
    return "\n\n".join("\n".join((title, "-" * len(title), *lines)) for title, lines in sections) + "\n"


def _happened(decision: Decision) -> Iterator[str]:
    trigger = decision.trigger
    yield f"Shopper {decision.user_id}: {trigger.event} at {iso_utc(trigger.at)} (message {trigger.message_id})."
    if decision.now > trigger.at:
        yield (
            f"The event came late: by then the shopper had been seen at {iso_utc(decision.now)},"
            " so that time counts."
        )


def _decided(decision: Decision, winner: Candidate | None) -> Iterator[str]:
    if winner is None:
        considered = len(decision.candidates)
        what = "the one campaign" if considered == 1 else f"none of the {considered} campaigns"
        verb = "that fitted was stopped" if considered == 1 else "that fitted could be sent"
        yield f"No promotion: {what} {verb}."
        return
    if decision.outcome is Outcome.OFFERED:
        yield f"Promotion {winner.promotion_id} of campaign {winner.campaign_id} was offered."
    else:
        yield (
            f"Promotion {winner.promotion_id} of campaign {winner.campaign_id} was chosen but not sent:"
            f" {_WHY_NOT[Reason.HELD_OUT]}."
        )
    yield f"Decision {winner.decision_id}."


def _checks(candidate: Candidate) -> Iterator[str]:
    for check in candidate.checks:
        yield f"  {_mark(check)} {check.sentence}"
    if not candidate.checks:
        yield "  it has no conditions"


def _mark(check: Check) -> str:
    if check.passed:
        return "yes:"
    # A campaign that came this far met its conditions, so this one was one of several alternatives.
    return "no, but not needed:" if check.code in _CONDITIONS else "no:"


def _winner_flips(winner: Candidate) -> Iterator[str]:
    stopped = [check for check in winner.checks if not check.passed and check.code not in _CONDITIONS]
    if stopped:
        yield f"  It would have been sent with {stopped[0].flip}."
        return
    yield "  Any one of these turns its line above into a no:"
    for check in winner.checks:
        if check.passed and check.flip:
            yield f"  - {check.flip}"


def _others(candidates: Iterable[Candidate]) -> Iterator[str]:
    for candidate in candidates:
        why = _WHY_NOT[candidate.reason] if candidate.reason is not None else "it was offered"
        yield f"Campaign {candidate.campaign_id} (decision {candidate.decision_id})"
        yield f"  not sent [{candidate.reason}]: {why}"
        yield from _checks(candidate)
        stop = candidate.checks[-1] if candidate.checks else None
        if stop is not None and not stop.passed and stop.flip:
            yield f"  what would have changed it: {stop.flip}"


def _inputs(decision: Decision) -> Iterator[str]:
    for key, value in decision.features.items():
        yield f"  {key} = {'none' if value is None else value}"
    for campaign_id, times in decision.offers.items():
        yield f"  earlier offers of {campaign_id}: {', '.join(iso_utc(at) for at in times)}"
    consents = (f"{purpose} {'yes' if granted else 'no'}" for purpose, granted in decision.consent.items())
    yield f"  consent: {', '.join(consents)}"
    for name, version in decision.model_versions.items():
        yield f"  model {name}, version {version}"
    if decision.approximate:
        yield "  a model did not answer once: interests are partly taken from product categories"
    for source, offset in decision.positions.items():
        yield f"  events of {source} up to {offset}"
    yield f"  campaign file {decision.policy_digest}"

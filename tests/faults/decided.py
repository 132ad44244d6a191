"""Every decision of a run against the model of truth for decisions, `tests.oracle`; no code of the product decides here.

Shoppers whose events come through one topic have one order, so all that must be there is known. The events of others
interleave as chance had it; the record says how far each topic was read, and with that the decision is known again.
Either way the earlier decisions of the shopper say what the caps hold.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from schemas.campaigns import Campaign, CampaignFile
from tests.oracle import decisions as oracle
from tests.oracle.conditions import Shopper
from tests.oracle.profiles import name_of
from tests.support.broker import Id, Record
from tests.support.replayed import Json, differing

#: What the record and the model of truth both say.
_SAID = ("now", "outcome", "campaign_id", "promotion_id", "decision_id", "consent", "features", "candidates")
_OF_CANDIDATE = ("campaign_id", "decision_id", "outcome", "reason")
Arrivals = dict[str, list[tuple[Id, Json]]]


class Findings(msgspec.Struct):
    """Triggers (shopper, message id) without a decision, with one that should not be, with another one."""

    missing: list[tuple[str, str]] = []
    unwanted: list[tuple[str, str]] = []
    different: list[tuple[str, str]] = []
    #: Decision ids that went out without their decision, or the other way round.
    torn: list[str] = []
    checked: int = 0


def compare(
    good: Mapping[Id, Record],
    decisions: Sequence[Json],
    promotions: Iterable[Record],
    file: CampaignFile,
    prefix: str,
) -> Findings:
    """Compare decisions, in the order of their topic, with the input log `good`; `prefix` is that of the topics."""
    found, arrivals = Findings(), _arrivals(good)
    by_shopper: dict[str, list[Json]] = defaultdict(list)
    for decision in decisions:
        by_shopper[decision["user_id"]].append(decision)
    for shopper, mine in arrivals.items():
        if len({at.topic for at, _ in mine}) == 1:
            _all_of_one(found, shopper, mine, by_shopper[shopper], file)
        else:
            _each_as_recorded(found, shopper, mine, by_shopper[shopper], file, prefix)
    offered = {decision["decision_id"] for decision in decisions if decision["outcome"] == "offered"}
    sent = {
        record.headers["ce_id"].decode()
        for record in promotions
        if record.headers["ce_type"] == b"promotion.offered"
    }
    found.torn = sorted(offered ^ sent)
    return found


def _arrivals(good: Mapping[Id, Record]) -> Arrivals:
    """Return the events of each shopper, in the order of each of its partitions."""
    found: Arrivals = defaultdict(list)
    for at in sorted(good):
        event = msgspec.json.decode(good[at].value or b"")
        found[event["userId"]].append((at, event))
    return found


def _all_of_one(
    found: Findings, shopper: str, arrivals: list[tuple[Id, Json]], decisions: list[Json], file: CampaignFile
) -> None:
    wanted = {}
    once: dict[str, Json] = {}
    for _, event in arrivals:
        once.setdefault(event["messageId"], event)
    triggers = [event for event in once.values() if _triggered(event, file)]
    results = [
        result
        for result in oracle.decisions([event for _, event in arrivals], file, {}, 0, default_profiling=True)
        if "revoked" not in result
    ]
    for event, result in zip(triggers, results, strict=True):
        if result.get("candidates"):
            wanted[event["messageId"]] = _said(result)
    made = {decision["trigger"]["message_id"]: _said(decision) for decision in decisions}
    found.checked += len(made)
    found.missing += [(shopper, message) for message in wanted if message not in made]
    found.unwanted += [(shopper, message) for message in made if message not in wanted]
    found.different += [
        (shopper, message)
        for message in made
        if message in wanted and differing({"": made[message]}, {"": wanted[message]})
    ]


def _each_as_recorded(
    found: Findings,
    shopper: str,
    arrivals: list[tuple[Id, Json]],
    decisions: list[Json],
    file: CampaignFile,
    prefix: str,
) -> None:
    offers: list[tuple[str, int]] = []
    for decision in decisions:
        reached = _reached(decision["positions"], prefix)
        known: dict[str, Json] = {}
        for at, event in arrivals:
            if at.offset <= reached.get((at.topic, at.partition), -1):
                known.setdefault(event["messageId"], event)
        message = decision["trigger"]["message_id"]
        found.checked += 1
        trigger = known.get(message)
        if trigger is None:
            found.unwanted.append((shopper, message))
            continue
        seen = Shopper(list(known.values()), {}, default_profiling=True, at=decision["now"])
        lag_ms = decision["lag_ms"]
        wanted = oracle.decide(seen, trigger, _triggered(trigger, file), file, offers, {}, lag_ms)
        if not wanted.get("candidates") or differing({"": _said(decision)}, {"": _said(wanted)}):
            found.different.append((shopper, message))
        if decision["outcome"] != "suppressed":
            offers.append((decision["campaign_id"], decision["now"]))


def _triggered(event: Json, file: CampaignFile) -> list[Campaign]:
    return [campaign for campaign in file.campaigns if name_of(event) in oracle.names_of(campaign)]


def _reached(positions: Mapping[str, int], prefix: str) -> dict[tuple[str, int], int]:
    """Return the last offset that a profile holds, by topic and partition."""
    found = {}
    for source, offset in positions.items():
        topic, _, number = source.rpartition("-")
        found[topic.removeprefix(prefix), int(number)] = offset
    return found


def _said(decision: Json) -> Json:
    kept = {name: decision[name] for name in _SAID}
    kept["candidates"] = [{name: one[name] for name in _OF_CANDIDATE} for one in decision["candidates"]]
    return kept

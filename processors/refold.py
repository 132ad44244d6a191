"""What a decision says of a shopper against what the shopper's events say (design 6, second check)."""

from collections.abc import Iterator, Mapping

from processors.campaigns import Campaigns
from processors.decision import decide
from processors.policy import ProfilePolicy
from processors.side_inputs import SideInputs
from schemas.decisions import Decision
from schemas.profiles import Profile

_TOLERANCE = 1e-6


def differences(record: Decision, profile: Profile, campaigns: Campaigns, side: SideInputs) -> Iterator[str]:
    """Yield where a record differs from its shopper's profile, folded from the events up to the record's positions.

    The profile holds the offers of the shopper's earlier decisions. Outcomes are not compared: they follow
    from the record (`processors.redecide`), and the catalogue of that day is gone.
    """
    again = decide(profile, record.trigger, record.scores, campaigns, side).decision
    if again is None:
        yield "by the events no campaign was asked"
        return
    if record.now != again.now:
        yield f"now is {record.now}, by the events {again.now}"
    mine, theirs = ([c.campaign_id for c in decision.candidates] for decision in (record, again))
    if mine != theirs:
        yield f"eligible are {_names(mine)}, by the events {_names(theirs)}"
        return  # other campaigns read other features
    yield from _differing("features", record.features, again.features)
    yield from _differing("offers", record.offers, again.offers)
    yield from _differing("consent", record.consent, again.consent)
    if record.consent_stated != again.consent_stated:
        yield f"consent was stated for {_names(record.consent_stated)}, by the events for {_names(again.consent_stated)}"
    if record.time_zone != again.time_zone:
        yield f"time_zone is {record.time_zone}, by the events {again.time_zone}"


def keeps_its_promise(profile: Profile, policy: ProfilePolicy) -> bool:
    """Return whether no bound was passed behind which the order of events may show (rulings 4, 5)."""
    return len(profile.affinity) < policy.tags_max and len(profile.orders_log) < policy.orders_log_max


def _differing(name: str, mine: Mapping[str, object], theirs: Mapping[str, object]) -> Iterator[str]:
    for key in sorted({*mine, *theirs}):
        one, other = mine.get(key, "missing"), theirs.get(key, "missing")
        if not _is_same(one, other):
            yield f"{name}.{key} is {one}, by the events {other}"


def _is_same(one: object, other: object) -> bool:
    """Return whether two values are equal; floats as ruling 7 compares them."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= _TOLERANCE + _TOLERANCE * max(abs(one), abs(other))
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _names(names: object) -> str:
    assert isinstance(names, list | tuple)
    return ", ".join(names) or "none"

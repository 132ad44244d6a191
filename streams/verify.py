"""Both checks of every decision of a run (design 6): from its record alone, and from its shopper's events."""

import math
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

import msgspec
from msgspec import Struct

from processors.campaigns import Campaigns
from processors.decision import remember
from processors.fold import fold
from processors.policy import ProfilePolicy
from processors.redecide import redecide
from processors.refold import differences, keeps_its_promise
from processors.side_inputs import SideInputs
from schemas.decisions import Decision
from schemas.events import EventName, ShopEvent
from schemas.ids import Digest, ShopperId, Tags, digest_of
from schemas.profiles import Profile
from schemas.timestamps import iso_utc
from streams.records import decision_json

#: Every decision about a shopper with so few events is folded in another order too; of others, the last one.
REORDERED_MAX = 64
_EVENTS = frozenset(EventName)
_decision_of = msgspec.json.Decoder(Decision).decode
TagsOf = Callable[[ShopEvent], Sequence[Tags]]


class Violation(Struct, frozen=True):
    """One decision that cannot have come about so; without a user, `message_id` is a decision's id."""

    user_id: str
    event: str
    message_id: str
    at: int
    problem: str

    def line(self) -> str:
        """Return it for people."""
        if not self.user_id:
            return f"decision {self.message_id}: {self.problem}"
        return f"{self.user_id}: {self.event} {self.message_id} at {iso_utc(self.at)}: {self.problem}"


@dataclass
class Report:
    """What was looked at. `unchecked`: why some decisions were not folded again, and how many."""

    decisions: int = 0
    redecided: int = 0
    refolded: int = 0
    reordered: int = 0
    events: int = 0
    unknown_files: Counter[str] = field(default_factory=Counter)
    unchecked: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all decisions could be made again, and came out alike."""
        return not self.violations and not self.unknown_files


class Seen(NamedTuple):
    """An event of a topic, where it lay, and when the broker got it."""

    event: ShopEvent
    source: str
    offset: int
    broker_ms: int


class Cut(NamedTuple):
    """A decision, and the events that had come in since the one before; `anew`: since the beginning."""

    decision: Decision
    fresh: Sequence[ShopEvent]
    anew: bool = False


class Verifier:
    """Checks decisions one by one and keeps the report. `policies` are campaign files by digest."""

    def __init__(self, policies: Mapping[str, Campaigns], policy: ProfilePolicy, side: SideInputs) -> None:
        self.report = Report()
        self._policies = policies
        self._policy = policy
        self._side = side

    def record(self, raw: bytes) -> Decision:
        """Decide again from the bytes of a record alone; raise `msgspec.MsgspecError` where they are none."""
        record = _decision_of(raw)
        self.report.decisions += 1
        campaigns = self._policies.get(record.policy_digest)
        if campaigns is None:
            self.report.unknown_files[record.policy_digest] += 1
            return record
        again = decision_json(redecide(record, campaigns))
        if again == raw:
            self.report.redecided += 1
        else:
            place, mine, theirs = _first_difference(msgspec.json.decode(raw), msgspec.json.decode(again), "")
            self.tell(record, f"{place or 'its form'} is {mine} in the record, {theirs} when decided again")
        return record

    def story(self, shopper: ShopperId, cuts: Iterable[Cut], tags_of: TagsOf) -> None:
        """Fold a shopper's events again, and compare what each decision says of them."""
        profile, known = Profile(shopper), dict[Digest, ShopEvent]()
        for cut, is_last in _with_last(cuts):
            record = cut.decision
            if cut.anew:
                profile, known = Profile(shopper, offers=profile.offers), {}
            self._fold(profile, cut.fresh, tags_of)
            for event in cut.fresh:
                known.setdefault(event.envelope.digest, event)
            self.report.events += len(cut.fresh)
            in_another_order = is_last or len(known) <= REORDERED_MAX
            self.compare(record, profile, known, tags_of, in_another_order=in_another_order)

    def compare(
        self,
        record: Decision,
        profile: Profile,
        known: Mapping[Digest, ShopEvent],
        tags_of: TagsOf,
        *,
        in_another_order: bool,
    ) -> None:
        """Hold a decision against the profile, folded from `known`, and remember there what it offered."""
        campaigns = self._policies.get(record.policy_digest)
        if campaigns is None:
            return  # told already
        if self._can_compare(record, known):
            self._compare(record, profile, campaigns, known if in_another_order else {}, tags_of)
        remember(profile, record, campaigns)

    def skip(self, count: int, why: str) -> None:
        """Count decisions whose events cannot be folded again."""
        if count:
            self.report.unchecked[why] += count

    def _can_compare(self, record: Decision, known: Mapping[Digest, ShopEvent]) -> bool:
        if record.trigger.event in _EVENTS and digest_of(record.trigger.message_id) not in known:
            self.tell(record, "the event that asked is not among the shopper's events")
            return False
        if record.approximate:
            self.skip(1, "a model gave up, and categories stood in for a while")
            return False
        if record.model_versions != self._side.model_versions:
            versions = ", ".join(f"{name} {version}" for name, version in record.model_versions.items())
            self.skip(1, f"other models than here: {versions or 'none'}")
            return False
        return True

    def _compare(
        self,
        record: Decision,
        profile: Profile,
        campaigns: Campaigns,
        others: Mapping[Digest, ShopEvent],
        tags_of: TagsOf,
    ) -> None:
        """Compare with the profile, and with one of the same events in another order where `others` has them."""
        self.report.refolded += 1
        problems = list(differences(record, profile, campaigns, self._side))
        if not problems and others and keeps_its_promise(profile, self._policy):
            other, events = Profile(profile.shopper, offers=profile.offers), list(others.values())
            Random(record.trigger.message_id).shuffle(events)
            self._fold(other, events, tags_of)
            self.report.reordered += 1
            found = differences(record, other, campaigns, self._side)
            problems = [f"folded in another order, {problem}" for problem in found]
        for problem in problems:
            self.tell(record, problem)

    def _fold(self, profile: Profile, events: Iterable[ShopEvent], tags_of: TagsOf) -> None:
        for event in events:
            fold(profile, event, tags_of(event), self._policy)

    def tell(self, record: Decision, problem: str) -> None:
        """Note what is wrong with a decision."""
        trigger = record.trigger
        self.report.violations.append(
            Violation(record.user_id, trigger.event, trigger.message_id, trigger.at, problem)
        )

    def tell_of(self, decision_id: str, problem: str) -> None:
        """Note what is wrong with a decision that is not there."""
        self.report.violations.append(Violation("", "", decision_id, 0, problem))


def by_order(events: Sequence[ShopEvent], decisions: Iterable[Decision]) -> Iterator[Cut]:
    """Cut a shopper's events, in the order of the run, at the decisions; those of timers at their deadlines."""
    waiting = {decision.trigger.message_id: decision for decision in decisions}
    ids = {event.envelope.message_id for event in events}
    timers = sorted(
        (decision for message_id, decision in waiting.items() if message_id not in ids),
        key=lambda decision: (decision.trigger.at, decision.trigger.event),
        reverse=True,
    )
    fresh: list[ShopEvent] = []
    for event in events:
        while timers and timers[-1].trigger.at <= event.envelope.at:
            yield Cut(timers.pop(), fresh)
            fresh = []
        fresh.append(event)
        asked = waiting.pop(event.envelope.message_id, None)
        if asked is not None:
            yield Cut(asked, fresh)
            fresh = []
    while timers:
        yield Cut(timers.pop(), fresh)
        fresh = []


def by_position(seen: Iterable[Seen], decisions: Iterable[Decision]) -> Iterator[Cut]:
    """Cut a shopper's events at the `positions` of the decisions, topic by topic.

    The positions of a timer's decision count the event that fired it, which was folded after it only. That is the
    one event at or after the deadline: an earlier such event would have fired it.
    """
    rest = sorted(seen, key=lambda item: (item.broker_ms, item.source, item.offset))
    everything, before = rest, dict[str, int]()
    ids = {item.event.envelope.message_id for item in rest}
    for decision in sorted(decisions, key=lambda d: _turn(d, ids)):
        positions = decision.positions
        until = math.inf if decision.trigger.message_id in ids else decision.trigger.at
        # A run that was interrupted may have taken the topics in another turn the second time.
        anew = any(positions.get(source, -1) < offset for source, offset in before.items())
        if anew:
            rest = everything
        fresh, later = list[ShopEvent](), list[Seen]()
        for item in rest:
            if item.offset <= positions.get(item.source, -1) and item.event.envelope.at < until:
                fresh.append(item.event)
            else:
                later.append(item)
        rest, before = later, positions
        yield Cut(decision, fresh, anew)


def _turn(decision: Decision, ids: Container[str]) -> tuple[int, int, bool, str]:
    """Return what decisions of one shopper are sorted by; timers come before the event that fired them."""
    trigger = decision.trigger
    return sum(decision.positions.values()), decision.now, trigger.message_id in ids, trigger.event


def _with_last(cuts: Iterable[Cut]) -> Iterator[tuple[Cut, bool]]:
    """Yield each cut, and whether it is the last one."""
    before: Cut | None = None
    for cut in cuts:
        if before is not None:
            yield before, False
        before = cut
    if before is not None:
        yield before, True


def _first_difference(mine: object, theirs: object, path: str) -> tuple[str, str, str]:
    """Return where two JSON values differ first, and both values there."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key in sorted({*mine, *theirs}):
            if mine.get(key, _MISSING) != theirs.get(key, _MISSING):
                where = f"{path}.{key}" if path else key
                return _first_difference(mine.get(key, _MISSING), theirs.get(key, _MISSING), where)
    if isinstance(mine, list) and isinstance(theirs, list):
        for index, (one, other) in enumerate(zip(mine, theirs, strict=False)):
            if one != other:
                return _first_difference(one, other, f"{path}[{index}]")
        return path, f"{len(mine)} long", f"{len(theirs)} long"
    return path, _shown(mine), _shown(theirs)


_MISSING = object()


def _shown(value: object) -> str:
    if value is _MISSING:
        return "missing"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 100 else f"{text[:100]}..."

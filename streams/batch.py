"""One batch of a lane: bytes -> events -> profiles, decisions, promotions. No clock, no client, no await.

What is not pure comes in as a value: the tags of texts, and the wall clock once per batch.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec.structs import replace

from processors.decision import SideInputs, Verdict
from processors.identity import CHAIN_MAX
from processors.step import step
from processors.tagging import category_tags, texts_of
from processors.timers import fire
from schemas.codec import encode_profile
from schemas.decisions import Revocation
from schemas.errors import BeckonError
from schemas.events import DeadLetter, IdentityEvent, Rejection, ShopEvent
from schemas.ids import CampaignId, EventTime, ShopperId, Tags
from schemas.profiles import Profile
from schemas.topics import INTERNAL
from streams import moves
from streams.internal import Claim, Tick, Transfer, note_output, redirected_output, stray_output
from streams.outputs import (
    Output,
    dead_letter_output,
    decision_output,
    promotion_output,
    revocation_output,
)
from streams.partitioner import partition_of
from streams.reading import Item, Read, Rules, Told, first_read
from streams.shard import Shard

NO_TEXTS: AbstractSet[str] = frozenset()


class Failure(NamedTuple):
    """A fault of ours: which event, and what happened."""

    record: Any
    problem: str


@dataclass
class Result:
    """What a batch does to the world, once all of it is sent."""

    touched: dict[ShopperId, Profile] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    decided: Counter[str] = field(default_factory=Counter)
    promoted: Counter[str] = field(default_factory=Counter)
    promotion_cost: dict[str, float] = field(default_factory=dict)
    suppressed: Counter[str] = field(default_factory=Counter)
    promoted_from_ms: list[int] = field(default_factory=list)
    strays: int = 0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class TagsOfBatch:
    """Tags by text. `known` None: there is no model. For texts in `failed` it gave up: categories stand in."""

    known: Mapping[str, Tags] | None
    failed: AbstractSet[str] = NO_TEXTS


def apply(
    found: Read,
    tags: TagsOfBatch,
    shard: Shard,
    rules: Rules,
    wall_ms: int,
    undo: Callable[[], None] = lambda: None,
) -> Result:
    """Apply the events of a batch to the shard, in order.

    An event that fails is a dead letter and leaves no trace: the batch is then done again event by event, after
    `undo` has brought the shard back to where it was, for the store may not hold the batches before this one.
    Raise `CodecError` for a stored profile that cannot be read.
    """
    run = _Run(tags, shard, rules, wall_ms)
    try:
        for item in found.items:
            run.one(item)
    except BeckonError:
        raise
    except Exception:  # a fault of ours: find its event, keep the others
        for shopper in {*run.result.touched, *(item.shopper for item in found.items)}:
            shard.forget(shopper)
        undo()
        return apply_with_care(found, tags, shard, rules, wall_ms)
    return run.result


def apply_with_care(found: Read, tags: TagsOfBatch, shard: Shard, rules: Rules, wall_ms: int) -> Result:
    """Apply a batch of which some event fails, event by event."""
    run = _Run(tags, shard, rules, wall_ms)
    for item in found.items:
        run.one_with_care(item)
    return run.result


class _Run:
    """One pass over a batch."""

    def __init__(self, tags: TagsOfBatch, shard: Shard, rules: Rules, wall_ms: int) -> None:
        self.result = Result()
        self._tags = tags
        self._shard = shard
        self._rules = rules
        self._wall_ms = wall_ms
        self._side = rules.parts.side
        self._side_ms = -1

    def one(self, item: Item | Told) -> None:
        """Apply one event, or what a lane told."""
        if type(item) is Item:
            self._event(item)
        else:
            assert isinstance(item, Told)
            self._told(item)

    def one_with_care(self, item: Item | Told) -> None:
        """Apply one event, or make it a dead letter and put its profile back."""
        profile = self._shard.find(item.shopper)
        before = None if profile is None else encode_profile(profile)
        try:
            self.one(item)
        except BeckonError:
            raise
        except Exception as error:  # the event is kept as a dead letter
            self._shard.restore(item.shopper, before)
            self._fail(item, error)

    def _event(self, item: Item) -> None:
        event, source, offset, record = item.event, item.source, item.offset, item.record
        broker_ms, shopper, hops = item.broker_ms, item.shopper, item.hops
        profile = self._shard.find(shopper)
        if profile is None:
            profile = self._new_profile(item)
            if profile is None:
                return
        elif profile.redirect and hops < CHAIN_MAX:
            self._redirect(item, profile)
            return
        if self._is_replayed(profile, item):
            return
        profile.positions[source] = offset
        tags = self._tags_of(event, profile)
        parts = self._rules.parts
        done = step(profile, event, tags, parts.campaigns, parts.policy, self._side_at(broker_ms))
        self._note_revoked(done.revoked)
        for verdict in done.verdicts:
            self._note(verdict, broker_ms)
        self.result.touched[shopper] = profile
        self.result.outcomes[record.topic, "applied" if done.applied else "duplicate"] += 1
        if done.applied and type(event) is IdentityEvent:
            self.result.outputs += moves.claims_of(event, profile, self._rules.partitions)

    def _told(self, item: Told) -> None:
        """Serve a claim, take a transfer in, let a tick fire; the profile need not be there before."""
        note, shopper = item.note, item.shopper
        profile = self._shard.find(shopper)
        if isinstance(note, Tick) and (profile is None or profile.redirect):
            self.result.outcomes[item.record.topic, "skipped"] += 1
            return
        if profile is None:
            profile = self._shard.create(shopper)
        if isinstance(note, Transfer) and profile.redirect and note.hops < CHAIN_MAX:
            onward = replace(note, hops=note.hops + 1)
            to = ShopperId(profile.redirect)
            self.result.outputs.append(note_output(to, onward, self._rules.partitions))
            self.result.outcomes[item.record.topic, "redirected"] += 1
            return
        if self._is_replayed(profile, item):
            return
        profile.positions[item.source] = item.offset
        match note:
            case Claim():
                self._claimed(profile, note, item)
            case Transfer():
                parts, side = self._rules.parts, self._side_at(item.broker_ms)
                self._note_revoked(moves.take_in_transfer(profile, note, parts, side))
            case Tick():
                self._fire(profile, note.deadline, item)
        self.result.touched[shopper] = profile
        self.result.outcomes[item.record.topic, "told"] += (
            1  # no event: those applied add up to those produced
        )

    def _claimed(self, profile: Profile, claim: Claim, item: Told) -> None:
        if moves.has_claimed_earlier(profile, claim):
            return
        # What was due before is still decided about the id that it had then (ruling 63).
        self._fire(profile, EventTime(claim.trigger.at), item)
        self.result.outputs += moves.hand_over_to(profile, claim, self._rules.partitions)

    def _fire(self, profile: Profile, until: EventTime, item: Told) -> None:
        parts = self._rules.parts
        if parts.campaigns is not None:
            side = self._side_at(item.broker_ms)
            for verdict in fire(profile, until, parts.campaigns, parts.policy, side):
                self._note(verdict, item.broker_ms)

    def _fail(self, item: Item | Told, error: Exception) -> None:
        shopper, record = item.shopper, item.record
        profile = self._shard.find(shopper)
        if profile is not None:
            profile.positions[item.source] = item.offset
            self.result.touched[shopper] = profile
        else:
            self.result.touched.pop(shopper, None)
        problem = f"{type(error).__name__}: {error}"
        letter = DeadLetter(Rejection.PROCESSING_FAILED, "", problem)
        origin = first_read(record, self._rules)
        self.result.outputs.append(dead_letter_output(letter, origin, record.key, record.value))
        self.result.outcomes[record.topic, "dead_letter"] += 1
        self.result.failures.append(Failure(record, problem))

    def _new_profile(self, item: Item) -> Profile | None:
        """Return a new profile; None for a stray, which is sent to its home partition instead."""
        shopper, record = item.shopper, item.record
        home = partition_of(shopper.encode(), self._rules.partitions)
        if home == self._shard.number or record.topic == self._rules.prefix + INTERNAL.name:
            return self._shard.create(shopper)
        origin = first_read(record, self._rules)
        self.result.outputs.append(stray_output(shopper, record.value, origin, self._rules.partitions))
        self.result.outcomes[record.topic, "stray"] += 1
        self.result.strays += 1
        return None

    def _redirect(self, item: Item, profile: Profile) -> None:
        """Send an event on to whom its id belongs to now; nothing of it stays here."""
        record, to = item.record, ShopperId(profile.redirect)
        origin = first_read(record, self._rules)
        self.result.outputs.append(
            redirected_output(to, record.value, origin, item.hops + 1, self._rules.partitions)
        )
        self.result.outcomes[record.topic, "redirected"] += 1

    def _is_replayed(self, profile: Profile, item: Item | Told) -> bool:
        if self._rules.guard_positions and item.offset <= profile.positions.get(item.source, -1):
            self.result.outcomes[item.record.topic, "replayed"] += 1
            return True
        return False

    def _tags_of(self, event: ShopEvent, profile: Profile) -> Sequence[Tags]:
        catalog, known, failed = self._rules.parts.catalog, self._tags.known, self._tags.failed
        if known is None:
            return category_tags(event, catalog)
        texts = texts_of(event, catalog)
        if failed and not failed.isdisjoint(texts):
            tags = category_tags(event, catalog)
            profile.approximate |= bool(tags)
            return tags
        return [known.get(text, ()) for text in texts]

    def _side_at(self, broker_ms: int) -> SideInputs:
        if broker_ms != self._side_ms:
            self._side_ms = broker_ms
            side = self._rules.parts.side
            lag_ms = max(0, self._wall_ms - broker_ms)
            self._side = SideInputs(lag_ms, side.catalog, side.model_versions, side.default_profiling)
        return self._side

    def _note_revoked(self, revoked: Iterable[Revocation]) -> None:
        for revocation in revoked:
            home = partition_of(revocation.user_id.encode(), self._rules.partitions)
            self.result.outputs.append(revocation_output(revocation, home))

    def _note(self, verdict: Verdict, broker_ms: int) -> None:
        result = self.result
        result.outputs += self._outputs(verdict)  # first: it fails for a record that Kafka would not take
        suppressed = result.suppressed
        for reason, count in (
            ("not_live", verdict.not_live),
            ("not_eligible", verdict.not_eligible),
            ("stale", int(verdict.stale)),
        ):
            if count:
                suppressed[reason] += count
        decision, promotion = verdict.decision, verdict.promotion
        if decision is None:
            return
        result.decided[decision.outcome.value] += 1
        for candidate in decision.candidates:
            if candidate.reason is not None:
                suppressed[candidate.reason.value] += 1
        if promotion is not None:
            campaign_id = promotion.campaign_id
            result.promoted[campaign_id] += 1
            campaigns = self._rules.parts.campaigns
            assert campaigns is not None
            cost = campaigns.by_id[CampaignId(campaign_id)].offer.cost
            result.promotion_cost[campaign_id] = result.promotion_cost.get(campaign_id, 0.0) + cost
            result.promoted_from_ms.append(broker_ms)

    def _outputs(self, verdict: Verdict) -> list[Output]:
        decision, promotion, number = verdict.decision, verdict.promotion, self._shard.number
        if decision is None:
            return []
        found = [decision_output(decision, number)]
        if promotion is not None:
            found.append(promotion_output(promotion, decision.now, number))
        return found

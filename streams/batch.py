"""One batch of a lane: bytes -> events -> profiles, decisions, promotions. No clock, no client, no await.

What is not pure comes in as a value: the tags of texts, and the wall clock once per batch.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from processors.decision import SideInputs, Verdict
from processors.step import step
from processors.tagging import category_tags, texts_of
from schemas.codec import encode_profile
from schemas.errors import BeckonError
from schemas.events import DeadLetter, Rejection, ShopEvent, Skipped
from schemas.ids import ShopperId, Tags
from schemas.profiles import Profile
from schemas.topics import INTERNAL
from streams.chunk import Chunk
from streams.internal import origin_of, stray_output
from streams.outputs import (
    Origin,
    Output,
    dead_letter_output,
    decision_output,
    promotion_output,
    revocation_output,
)
from streams.partitioner import partition_of
from streams.parts import Parts
from streams.shard import Shard


class Item(NamedTuple):
    """An event with where it was first read: `source` (as positions name it), offset there, broker's time there.

    Of a stray too: after a crash it may be sent home again, at another offset of `beckon.internal`.
    """

    event: ShopEvent
    source: str
    offset: int
    record: Any
    broker_ms: int


@dataclass
class Read:
    """What the border made of a batch."""

    items: list[Item] = field(default_factory=list)
    dead: list[Output] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    records: int = 0


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
    suppressed: Counter[str] = field(default_factory=Counter)
    promoted_from_ms: list[int] = field(default_factory=list)
    strays: int = 0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class TagsOfBatch:
    """Tags by text; `approximate`: the model gave up, categories stand in. `known` None: there is no model."""

    known: Mapping[str, Tags] | None
    approximate: bool = False


@dataclass(frozen=True)
class Rules:
    """What all batches share. `partitions` is the count of every co-partitioned topic."""

    parts: Parts
    partitions: int
    guard_positions: bool
    prefix: str


def read(chunks: Iterable[Chunk], rules: Rules) -> Read:
    """Read chunks at the border; what is no event for us is counted, and a dead letter where it is broken."""
    found = Read()
    border_read = rules.parts.border.read
    internal = rules.prefix + INTERNAL.name
    add = found.items.append
    for chunk in chunks:
        topic, source = chunk.topic, f"{chunk.topic}-{chunk.partition}"
        found.records += len(chunk.records)
        for record in chunk.records:
            offset, broker_ms = record.offset, record.timestamp
            if topic == internal:
                first = origin_of(record)
                source, offset, broker_ms = f"{first.topic}-{first.partition}", first.offset, first.broker_ms
            event = border_read(record.value, broker_ms)
            if isinstance(event, DeadLetter):
                found.reasons[event.reason.value] += 1
                found.outcomes[topic, "dead_letter"] += 1
                found.dead.append(
                    dead_letter_output(event, _origin(record, topic == internal), record.key, record.value)
                )
            elif isinstance(event, Skipped):
                found.outcomes[topic, "skipped"] += 1
            else:
                add(Item(event, source, offset, record, broker_ms))
    return found


def texts(items: Iterable[Item], rules: Rules) -> list[str]:
    """Return the texts of a batch that want tags, each once."""
    catalog = rules.parts.catalog
    found = {text: None for item in items for text in texts_of(item.event, catalog)}
    found.pop("", None)
    return list(found)


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
        for shopper in {*run.result.touched, *(item.event.envelope.shopper for item in found.items)}:
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

    def one(self, item: Item) -> None:
        """Apply one event."""
        event, source, offset, record, _ = item
        shopper = event.envelope.shopper
        profile = self._shard.find(shopper)
        if profile is None:
            profile = self._new_profile(item)
            if profile is None:
                return
        if self._rules.guard_positions and offset <= profile.positions.get(source, -1):
            self.result.outcomes[record.topic, "replayed"] += 1
            return
        profile.positions[source] = offset
        tags = self._tags_of(event)
        if self._tags.approximate and tags:
            profile.approximate = True
        parts = self._rules.parts
        done = step(profile, event, tags, parts.campaigns, parts.policy, self._side_at(item))
        for revocation in done.revoked:
            home = partition_of(revocation.user_id.encode(), self._rules.partitions)
            self.result.outputs.append(revocation_output(revocation, home))
        for verdict in done.verdicts:
            self._note(verdict, item)
        self.result.touched[shopper] = profile
        self.result.outcomes[record.topic, "applied" if done.applied else "duplicate"] += 1

    def one_with_care(self, item: Item) -> None:
        """Apply one event, or make it a dead letter and put its profile back."""
        shopper = item.event.envelope.shopper
        profile = self._shard.find(shopper)
        before = None if profile is None else encode_profile(profile)
        try:
            self.one(item)
        except BeckonError:
            raise
        except Exception as error:  # the event is kept as a dead letter
            self._shard.restore(shopper, before)
            self._fail(item, error)

    def _fail(self, item: Item, error: Exception) -> None:
        shopper, record = item.event.envelope.shopper, item.record
        profile = self._shard.find(shopper)
        if profile is not None:
            profile.positions[item.source] = item.offset
            self.result.touched[shopper] = profile
        else:
            self.result.touched.pop(shopper, None)
        problem = f"{type(error).__name__}: {error}"
        letter = DeadLetter(Rejection.PROCESSING_FAILED, "", problem)
        origin = _origin(record, self._is_internal(record))
        self.result.outputs.append(dead_letter_output(letter, origin, record.key, record.value))
        self.result.outcomes[record.topic, "dead_letter"] += 1
        self.result.failures.append(Failure(record, problem))

    def _new_profile(self, item: Item) -> Profile | None:
        """Return a new profile; None for a stray, which is sent to its home partition instead."""
        shopper, record = item.event.envelope.shopper, item.record
        home = partition_of(shopper.encode(), self._rules.partitions)
        if home == self._shard.number or self._is_internal(record):
            return self._shard.create(shopper)
        origin = _origin(record, internal=False)
        self.result.outputs.append(stray_output(shopper, record.value, origin, self._rules.partitions))
        self.result.outcomes[record.topic, "stray"] += 1
        self.result.strays += 1
        return None

    def _is_internal(self, record: Any) -> bool:
        return bool(record.topic == self._rules.prefix + INTERNAL.name)

    def _tags_of(self, event: ShopEvent) -> Sequence[Tags]:
        catalog, known = self._rules.parts.catalog, self._tags.known
        if known is None or self._tags.approximate:
            return category_tags(event, catalog)
        return [known.get(text, ()) for text in texts_of(event, catalog)]

    def _side_at(self, item: Item) -> SideInputs:
        if item.broker_ms != self._side_ms:
            self._side_ms = item.broker_ms
            side = self._rules.parts.side
            lag_ms = max(0, self._wall_ms - item.broker_ms)
            self._side = SideInputs(lag_ms, side.catalog, side.model_versions, side.default_profiling)
        return self._side

    def _note(self, verdict: Verdict, item: Item) -> None:
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
            result.promoted[promotion.campaign_id] += 1
            result.promoted_from_ms.append(item.broker_ms)

    def _outputs(self, verdict: Verdict) -> list[Output]:
        decision, promotion, number = verdict.decision, verdict.promotion, self._shard.number
        if decision is None:
            return []
        found = [decision_output(decision, number)]
        if promotion is not None:
            found.append(promotion_output(promotion, decision.now, number))
        return found


def _origin(record: Any, internal: bool) -> Origin:
    if internal:
        return origin_of(record)
    return Origin(record.topic, record.partition, record.offset, record.timestamp)

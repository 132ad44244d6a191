"""The batches of a lane that become durable together: computed one by one, written as one step.

A profile that several batches touch is encoded once. Memory runs ahead of the log meanwhile, so nothing in a
group may fail any more once it is being written; what fails in a batch fails before, and is undone.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

from schemas.errors import BeckonError
from schemas.ids import ShopperId
from schemas.profiles import Profile
from schemas.topics import CHANGELOG
from streams import batch
from streams.atomic import Step
from streams.batch import Result, TagsOfBatch
from streams.chunk import Chunk, Source
from streams.outputs import VALUE_BYTES_MAX, Output
from streams.reading import Read, Rules
from streams.shard import Shard

#: A group that holds so many events is written without waiting for more.
EVENTS_MAX = 5_000
#: So many records behind a chunk on the broker are a backlog.
BEHIND_EVENTS = 1_000


class Delivered(Protocol):
    """A chunk as it was handed out; `ack` says that it is durable."""

    @property
    def value(self) -> Chunk:
        """The chunk."""

    def ack(self) -> object:
        """Note it as done."""


class Work(NamedTuple):
    """A batch with all that its result depends on, beside the profiles: done again it gives the same."""

    delivered: Sequence[Delivered]
    found: Read
    tags: TagsOfBatch
    rules: Rules
    wall_ms: int


class Group:
    """A group of one lane that is still open."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._touched: dict[ShopperId, Profile] = {}
        self._outputs: list[Output] = []
        self._offsets: dict[Source, int] = {}
        self.works: list[Work] = []
        self.results: list[Result] = []
        self.events = 0

    def apply(self, work: Work) -> Result:
        """Apply a batch to the profiles; a fault of ours in it is undone and found event by event.

        Raise `BeckonError` for what must end the process.
        """
        result = batch.apply(work.found, work.tags, self._shard, work.rules, work.wall_ms, self._undo)
        self._touched.update(result.touched)
        self._outputs += work.found.dead
        self._outputs += result.outputs
        for delivered in work.delivered:
            self._offsets[delivered.value.source] = delivered.value.offset + 1
        self.works.append(work)
        self.results.append(result)
        self.events += work.found.records
        return result

    def tell(self, outputs: Iterable[Output]) -> None:
        """Add what the lane says of its own accord, without an event."""
        self._outputs += outputs

    @property
    def is_full(self) -> bool:
        """Whether it should be written now."""
        return self.events >= EVENTS_MAX

    @property
    def is_behind(self) -> bool:
        """Whether there is a backlog behind the last batch."""
        return bool(self.works) and any(
            delivered.value.behind > BEHIND_EVENTS for delivered in self.works[-1].delivered
        )

    def close(self) -> Step:
        """Return what is to be written. The shard keeps the profiles as encoded here until `Shard.written`."""
        values = self._shard.sending(self._touched)
        number = self._shard.number
        for _, value in values:
            if len(value) > VALUE_BYTES_MAX:
                raise BeckonError(
                    "profile",
                    f"one has {len(value)} bytes, more than the {VALUE_BYTES_MAX} that fit in a record",
                    "lower the bounds in [profile]",
                )
        changelog = [Output(CHANGELOG.name, number, key, value, []) for key, value in values]
        return Step(self._outputs, changelog, self._offsets)

    @property
    def changed(self) -> Collection[ShopperId]:
        """The shoppers whose profiles it has changed."""
        return self._touched.keys()

    def _undo(self) -> None:
        """Bring the profiles back to where they were before the batch that failed.

        What the earlier batches did is nowhere but in the profiles that the failed one has half changed.
        """
        for shopper in self._touched:
            self._shard.forget(shopper)
        self._touched = {}
        for work, result in zip(self.works, self.results, strict=True):
            redo = batch.apply_with_care if result.failures else batch.apply
            again = redo(work.found, work.tags, self._shard, work.rules, work.wall_ms)
            self._touched.update(again.touched)

"""The profiles of the table, as bytes, per partition number: what the changelog holds, and nothing that is ahead of it.

A Faust store (its public extension point): Faust's assignment decides which partitions are here. `streams.restore`
fills them, and a lane adds what has become durable.
"""

from collections.abc import Callable, Iterable
from typing import Any

from faust.stores import base
from faust.types import TP, EventT


class ProfileStore(base.Store[bytes, bytes]):
    """Raw profiles in memory. `partitions[number][key]` is a value as stored in the changelog.

    `complete` holds the numbers of which nothing is missing.
    """

    def __post_init__(self) -> None:
        self.partitions: dict[int, dict[bytes, bytes]] = {}
        self.complete: set[int] = set()

    def partition(self, number: int) -> dict[bytes, bytes]:
        """Return the profiles of one partition, to be read; `put` changes them."""
        return self.partitions.setdefault(number, {})

    def put(self, number: int, values: Iterable[tuple[bytes, bytes]]) -> None:
        """Take over what has become durable."""
        self.partition(number).update(values)

    def take(self, number: int, records: Iterable[Any]) -> None:
        """Take over records of the changelog, in their order; the last one of a key counts."""
        held = self.partition(number)
        for record in records:
            if record.value is None:
                held.pop(record.key, None)
            else:
                held[record.key] = record.value

    def drop(self, number: int) -> None:
        """Forget a partition."""
        self.partitions.pop(number, None)
        self.complete.discard(number)

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Drop the partitions that are not ours any more: others write them now."""
        kept = {tp.partition for tp in assigned}
        for number in [number for number in self.partitions if number not in kept]:
            self.drop(number)

    def apply_changelog_batch(
        self, batch: Iterable[EventT], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Nothing comes through Faust's recovery."""

    def persisted_offset(self, tp: TP) -> int | None:
        """Faust's recovery has nothing to seek to."""
        return None

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Faust's recovery has nothing to seek to."""

    def reset_state(self) -> None:
        """Forget everything."""
        self.partitions.clear()
        self.complete.clear()

    async def backup_partition(
        self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1
    ) -> None:
        """Nothing lies on disk: the changelog is the backup."""

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """Nothing lies on disk: recovery reads the changelog."""

    def __len__(self) -> int:
        return sum(len(held) for held in self.partitions.values())

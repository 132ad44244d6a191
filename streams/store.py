"""The profiles of the table, as bytes, per partition number.

A Faust store (its public extension point): Faust's assignment decides which partitions are here, Faust's
recovery fills them, record by record of the changelog. A lane adds what it has written there itself. `positions`
holds, per partition, the changelog offset up to which the bytes here are complete, so a partition that
was kept through a rebalance is only read from there on, and one that comes back is read from its start.
"""

from collections.abc import Callable, Iterable
from typing import Any

from faust.stores import base
from faust.types import TP, EventT

#: Nothing is held: recovery reads the changelog from its first record.
NOTHING = -1


class ProfileStore(base.Store[bytes, bytes]):
    """Raw profiles in memory. `partitions[number][key]` is a value as stored in the changelog."""

    def __post_init__(self) -> None:
        self.partitions: dict[int, dict[bytes, bytes]] = {}
        self.positions: dict[int, int] = {}

    def partition(self, number: int) -> dict[bytes, bytes]:
        """Return the profiles of one partition, to be read; `put` changes them."""
        return self.partitions.setdefault(number, {})

    def put(self, number: int, values: Iterable[tuple[bytes, bytes]]) -> None:
        """Take over what the changelog has acknowledged."""
        self.partition(number).update(values)

    def apply_changelog_batch(
        self, batch: Iterable[EventT], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Take over chunks of the changelog, in the order in which recovery read them."""
        for event in batch:
            chunk: Any = event.message.value
            held = self.partition(chunk.partition)
            for record in chunk.records:
                if record.value is None:
                    held.pop(record.key, None)
                else:
                    held[record.key] = record.value
            self.positions[chunk.partition] = chunk.offset

    def persisted_offset(self, tp: TP) -> int:
        """Return the offset up to which a partition is complete here; never None.

        Recovery keeps an old offset of its own for a partition that left and came back; an answer from
        here overrules it.
        """
        return self.positions.get(tp.partition, NOTHING)

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Note that everything up to `offset` of the changelog is here."""
        if offset > self.persisted_offset(tp):
            self.positions[tp.partition] = offset

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Drop the partitions that are not ours any more: others write them now."""
        kept = {tp.partition for tp in assigned}
        for number in [number for number in self.partitions if number not in kept]:
            del self.partitions[number]
            self.positions.pop(number, None)

    def reset_state(self) -> None:
        """Forget everything."""
        self.partitions.clear()
        self.positions.clear()

    async def backup_partition(
        self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1
    ) -> None:
        """Nothing lies on disk: the changelog is the backup."""

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """Nothing lies on disk: recovery reads the changelog."""

    def __len__(self) -> int:
        return sum(len(held) for held in self.partitions.values())

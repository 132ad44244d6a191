"""Faults that we could have made, each in one place. The simulation has to find them all."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from streams.atomic import Log
from streams.fences import Transaction
from streams.group import Delivered, Group
from streams.lanes import Lane, Lanes
from streams.outputs import Output
from tests.simulation.producer import Producer
from tests.simulation.run import Planted
from tests.simulation.worker import SimulatedFences


class _EarlyLane(Lane):
    """Acknowledges a chunk when it is queued: the next step commits its offset, computed or not."""

    def put(self, delivered: Delivered) -> None:
        """Queue a chunk, done already."""
        super().put(delivered)
        chunk = delivered.value
        self._group._offsets[chunk.source] = chunk.offset + 1


class _StayingLanes(Lanes):
    """Forgets that partitions were taken away: lanes that are there go on with what they have."""

    async def finish(self) -> None:
        """Nothing is finished."""

    def start(self, logs: Mapping[int, Log]) -> None:
        """Give the lanes that are there their new logs, and open the others."""
        before = self._lanes
        super().start(logs)
        for number, lane in before.items():
            if number in logs:
                fresh = self._lanes[number]
                fresh._computer.cancel()
                fresh._writer.cancel()
                lane._log = logs[number]
                self._lanes[number] = lane


class _HastyTransaction(Transaction):
    """Commits offsets and profiles while the outputs of the step are not even sent."""

    async def send(self, outputs: Sequence[Output], changelog: Sequence[Output]) -> None:
        """Write profiles, and keep the outputs for after the commit."""
        self._pending = outputs
        await super().send([], changelog)

    async def commit(self) -> None:
        """Commit, then write what is pending."""
        await super().commit()
        if self._pending:
            await super().begin()
            await super().send(self._pending, [])
            await super().commit()


class _HastyFences(SimulatedFences):
    async def _start(self, number: int) -> Transaction:
        return _made(_HastyTransaction, await super()._start(number))


class _TrustingFences(SimulatedFences):
    """Keeps what it remembers of a number whoever had it in between."""

    async def take(self, numbers: Iterable[int]) -> tuple[dict[int, Transaction], set[int]]:
        """Fence as ever, and take all that we ever had for ours."""
        logs, _ = await super().take(numbers)
        return logs, set(logs)


class _UnfencedFences(SimulatedFences):
    """An id per worker, where it must be one per partition number."""

    def _producer(self, number: int) -> Any:
        return Producer(self._kafka, f"{id(self)}-p{number}")


class _ForgetfulGroup(Group):
    """Undoes the batches before the one that failed, and does not do them again."""

    def _undo(self) -> None:
        for shopper in self._touched:
            self._shard.forget(shopper)
        self._touched = {}


def _made(kind: type[Transaction], made: Transaction) -> Transaction:
    made.__class__ = kind
    return made


#: By what they do wrong.
FAULTS = {
    "acknowledges early": Planted(lane=_EarlyLane),
    "forgets a revoke": Planted(lanes=_StayingLanes),
    "commits past a pending output": Planted(fences=_HastyFences),
    "keeps memory without asking whose epoch it is": Planted(fences=_TrustingFences),
    "has a transactional id per worker": Planted(fences=_UnfencedFences),
    "undoes a group and does not do it again": Planted(group=_ForgetfulGroup),
}

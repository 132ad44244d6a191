"""Faults that we could have made, each in one place. The simulation has to find them all."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from streams import atomic, group, lanes
from streams.atomic import Log
from streams.fences import Transaction
from streams.group import Delivered
from streams.lanes import Lane, Lanes
from streams.outputs import Output
from tests.simulation.consumer import Consumer
from tests.simulation.kafka import Producer
from tests.simulation.run import Planted
from tests.simulation.worker import SimulatedFences


class _EarlyConsumer(Consumer):
    """Commits a chunk when it is handed out, as a consumer with auto-commit does."""

    def _hand_out(self, fetched: Any, put: Any) -> None:
        super()._hand_out(fetched, put)
        committed = self._kafka.committed
        for tp, found in fetched.items():
            committed[tp] = max(committed.get(tp, 0), found.position)


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


class _Careless(Producer):
    """A producer whose id is its worker's own: it fences nobody."""


class _UnfencedFences(SimulatedFences):
    """An id per worker, where it must be one per partition number."""

    def _producer(self, number: int) -> Any:
        return _Careless(self._kafka, f"{id(self)}-p{number}")


class _ForgetfulGroup(group.Group):
    """Undoes the batches before the one that failed, and does not do them again."""

    def _undo(self) -> None:
        for shopper in self._touched:
            self._shard.forget(shopper)
        self._touched = {}


class _MuteGroup(group.Group):
    """Loses with a batch that failed what the lane told of its own accord."""

    def _undo(self) -> None:
        super()._undo()
        self._outputs = [output for output in self._outputs if ("kind", b"tick") not in output.headers]


class _OverdueLane(Lane):
    """Ends without writing what it has computed, and says that it is done."""

    async def finish(self, patience_s: float) -> None:
        """Drop everything, acknowledged."""
        for work in self._group.works:
            for delivered in work.delivered:
                delivered.ack()
        self._computer.cancel()
        self._writer.cancel()


def _made(kind: type[Transaction], made: Transaction) -> Transaction:
    made.__class__ = kind
    return made


EARLY = Planted(machine={"consumer": _EarlyConsumer})
STAYING = Planted(machine={"lanes": _StayingLanes})
HASTY = Planted(machine={"fences": _HastyFences})
TRUSTING = Planted(machine={"fences": _TrustingFences})
UNFENCED = Planted(machine={"fences": _UnfencedFences})

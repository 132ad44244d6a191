"""What was handed out and is not done yet: it keeps a partition's share of memory bounded.

A chunk is done once its group is durable. After a seek or a lost partition all that was handed out is forgotten,
and a late acknowledgement of it changes nothing.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)


class _Ledger:
    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting = 0


class Delivery:
    """One chunk that was handed out, with how many events it holds."""

    __slots__ = ("_events", "_ledger", "acked")

    def __init__(self, ledger: _Ledger, events: int) -> None:
        self._ledger = ledger
        self._events = events
        self.acked = False

    def ack(self) -> None:
        """Note the chunk as done; nothing comes of it for a chunk that was forgotten or is done already."""
        if not self.acked:
            self.acked = True
            self._ledger.waiting -= self._events


class Deliveries(Generic[P]):
    """The book of all partitions."""

    def __init__(self) -> None:
        self._ledgers: dict[P, _Ledger] = {}

    def deliver(self, partition: P, events: int) -> Delivery:
        """Note a chunk as handed out."""
        ledger = self._ledgers.get(partition)
        if ledger is None:
            ledger = self._ledgers[partition] = _Ledger()
        ledger.waiting += events
        return Delivery(ledger, events)

    def waiting(self, partition: P) -> int:
        """Return how many events of a partition are handed out and not done."""
        ledger = self._ledgers.get(partition)
        return 0 if ledger is None else ledger.waiting

    def forget_all(self) -> None:
        """Forget what was handed out: it will be handed out again, here or elsewhere."""
        self._ledgers.clear()

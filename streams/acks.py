"""What was handed out and what came back: the offsets that may be committed, per partition.

Chunks are committed in the order of their delivery: a commit stops before the first chunk that is not
acknowledged, whatever was acknowledged behind it. (The stock book-keeping guesses at gaps between offsets
and can commit past one.) After a seek or a lost partition all that was handed out is forgotten, and a late
acknowledgement of it changes nothing.
"""

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)


class _Ledger:
    __slots__ = ("committable", "open", "waiting")

    def __init__(self) -> None:
        self.open: deque[Delivery] = deque()
        self.waiting = 0
        self.committable: int | None = None


class Delivery:
    """One chunk that was handed out: the offset after its last record, and how many events it holds."""

    __slots__ = ("_ledger", "acked", "end", "events")

    def __init__(self, ledger: _Ledger, end: int, events: int) -> None:
        self._ledger = ledger
        self.end = end
        self.events = events
        self.acked = False

    def ack(self) -> None:
        """Note the chunk as done; nothing comes of it for a chunk that was forgotten or is done already."""
        if self.acked:
            return
        self.acked = True
        ledger = self._ledger
        ledger.waiting -= self.events
        while ledger.open and ledger.open[0].acked:
            ledger.committable = ledger.open.popleft().end


class Deliveries(Generic[P]):
    """The book of all partitions."""

    def __init__(self) -> None:
        self._ledgers: dict[P, _Ledger] = {}

    def deliver(self, partition: P, end: int, events: int) -> Delivery:
        """Note a chunk as handed out; `end` is the offset to commit once it is done."""
        ledger = self._ledgers.get(partition)
        if ledger is None:
            ledger = self._ledgers[partition] = _Ledger()
        delivery = Delivery(ledger, end, events)
        ledger.open.append(delivery)
        ledger.waiting += events
        return delivery

    def waiting(self, partition: P) -> int:
        """Return how many events of a partition are handed out and not done."""
        ledger = self._ledgers.get(partition)
        return 0 if ledger is None else ledger.waiting

    def committable(self, partition: P) -> int | None:
        """Return the offset that may be committed; None when nothing is done since the last forgetting."""
        ledger = self._ledgers.get(partition)
        return None if ledger is None else ledger.committable

    def partitions(self) -> list[P]:
        """Return the partitions that have something to commit."""
        return [partition for partition, ledger in self._ledgers.items() if ledger.committable is not None]

    def forget_all(self) -> None:
        """Forget what was handed out: it will be handed out again, here or elsewhere."""
        self._ledgers.clear()

"""The book of deliveries, played against its plain meaning: what waits is what was handed out and is not done."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streams.acks import Deliveries, Delivery

PARTITIONS = ("clicks-0", "clicks-1")


class Book(RuleBasedStateMachine):
    """The model keeps every chunk since the last forgetting, with how many events it holds."""

    @initialize()
    def open(self) -> None:
        self.book: Deliveries[str] = Deliveries()
        self.chunks: dict[str, list[tuple[Delivery, int]]] = {name: [] for name in PARTITIONS}
        self.done: set[int] = set()
        self.forgotten: list[Delivery] = []

    @rule(partition=st.sampled_from(PARTITIONS), events=st.integers(1, 5))
    def deliver(self, partition: str, events: int) -> None:
        self.chunks[partition].append((self.book.deliver(partition, events), events))

    @rule(partition=st.sampled_from(PARTITIONS), pick=st.integers(0, 20))
    def ack(self, partition: str, pick: int) -> None:
        """Any chunk, in any order, again too."""
        if self.chunks[partition]:
            delivery, _ = self.chunks[partition][pick % len(self.chunks[partition])]
            delivery.ack()
            self.done.add(id(delivery))

    @rule(pick=st.integers(0, 20))
    def ack_a_forgotten_one(self, pick: int) -> None:
        if self.forgotten:
            self.forgotten[pick % len(self.forgotten)].ack()

    @rule()
    def forget(self) -> None:
        """Partitions were lost, or a seek went back: what comes next may have been delivered before."""
        for chunks in self.chunks.values():
            self.forgotten += [delivery for delivery, _ in chunks]
            chunks.clear()
        self.book.forget_all()

    @invariant()
    def what_waits_is_what_is_not_done(self) -> None:
        for partition, chunks in self.chunks.items():
            waiting = sum(events for delivery, events in chunks if id(delivery) not in self.done)
            assert self.book.waiting(partition) == waiting


Book.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBook = Book.TestCase

"""The book of deliveries, played against its plain meaning: a commit never passes a chunk that is not done."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streams.acks import Deliveries, Delivery

PARTITIONS = ("clicks-0", "clicks-1")


class Book(RuleBasedStateMachine):
    """The model keeps every chunk since the last forgetting, in order, with whether it is done."""

    @initialize()
    def open(self) -> None:
        self.book: Deliveries[str] = Deliveries()
        self.chunks: dict[str, list[tuple[Delivery, int, int]]] = {name: [] for name in PARTITIONS}
        self.done: set[int] = set()
        self.forgotten: list[Delivery] = []
        self.next_offset = dict.fromkeys(PARTITIONS, 0)

    @rule(partition=st.sampled_from(PARTITIONS), gap=st.integers(0, 3), events=st.integers(1, 5))
    def deliver(self, partition: str, gap: int, events: int) -> None:
        end = self.next_offset[partition] + gap + events
        self.next_offset[partition] = end
        self.chunks[partition].append((self.book.deliver(partition, end, events), end, events))

    @rule(partition=st.sampled_from(PARTITIONS), pick=st.integers(0, 20))
    def ack(self, partition: str, pick: int) -> None:
        """Any chunk, in any order, again too."""
        if self.chunks[partition]:
            delivery, _, _ = self.chunks[partition][pick % len(self.chunks[partition])]
            delivery.ack()
            self.done.add(id(delivery))

    @rule(pick=st.integers(0, 20))
    def ack_a_forgotten_one(self, pick: int) -> None:
        if self.forgotten:
            self.forgotten[pick % len(self.forgotten)].ack()

    @rule(back=st.integers(0, 4))
    def forget(self, back: int) -> None:
        """Partitions were lost, or a seek went back: what comes next may have been delivered before."""
        for partition, chunks in self.chunks.items():
            self.forgotten += [delivery for delivery, _, _ in chunks]
            self.next_offset[partition] = max(0, self.next_offset[partition] - back)
            chunks.clear()
        self.book.forget_all()

    @invariant()
    def a_commit_stops_before_the_first_chunk_that_is_not_done(self) -> None:
        for partition, chunks in self.chunks.items():
            committable = None
            for delivery, end, _ in chunks:
                if id(delivery) not in self.done:
                    break
                committable = end
            assert self.book.committable(partition) == committable
        assert sorted(self.book.partitions()) == [
            partition for partition in PARTITIONS if self.book.committable(partition) is not None
        ]

    @invariant()
    def what_waits_is_what_is_not_done(self) -> None:
        for partition, chunks in self.chunks.items():
            waiting = sum(events for delivery, _, events in chunks if id(delivery) not in self.done)
            assert self.book.waiting(partition) == waiting


Book.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBook = Book.TestCase

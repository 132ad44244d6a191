"""What may be committed, case by case; tests/property/test_acks.py plays any order."""

from streams.acks import Deliveries


def test_nothing_is_committable_before_something_is_done() -> None:
    book: Deliveries[str] = Deliveries()
    assert book.committable("clicks-0") is None
    book.deliver("clicks-0", end=10, events=10)
    assert book.committable("clicks-0") is None
    assert book.partitions() == []


def test_chunks_done_out_of_order_wait_for_the_first_one() -> None:
    book: Deliveries[str] = Deliveries()
    first, second, third = (book.deliver("clicks-0", end, 10) for end in (10, 25, 40))
    third.ack()
    second.ack()
    assert book.committable("clicks-0") is None
    first.ack()
    assert book.committable("clicks-0") == 40


def test_a_chunk_done_twice_counts_once() -> None:
    book: Deliveries[str] = Deliveries()
    first = book.deliver("clicks-0", 10, 7)
    book.deliver("clicks-0", 20, 5)
    first.ack()
    first.ack()
    assert book.waiting("clicks-0") == 5


def test_a_forgotten_chunk_changes_nothing_any_more() -> None:
    book: Deliveries[str] = Deliveries()
    old = book.deliver("clicks-0", 10, 10)
    book.forget_all()
    new = book.deliver("clicks-0", 5, 5)
    old.ack()
    assert book.committable("clicks-0") is None
    assert book.waiting("clicks-0") == 5
    new.ack()
    assert book.committable("clicks-0") == 5


def test_partitions_do_not_wait_for_each_other() -> None:
    book: Deliveries[str] = Deliveries()
    book.deliver("clicks-0", 10, 10)
    book.deliver("clicks-1", 3, 3).ack()
    assert book.committable("clicks-1") == 3
    assert book.partitions() == ["clicks-1"]

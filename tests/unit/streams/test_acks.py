"""What is not done yet, case by case; tests/property/test_acks.py plays any order."""

from streams.acks import Deliveries


def test_a_chunk_done_twice_counts_once() -> None:
    book: Deliveries[str] = Deliveries()
    first = book.deliver("clicks-0", 7)
    book.deliver("clicks-0", 5)
    first.ack()
    first.ack()
    assert book.waiting("clicks-0") == 5


def test_a_forgotten_chunk_changes_nothing_any_more() -> None:
    book: Deliveries[str] = Deliveries()
    old = book.deliver("clicks-0", 10)
    book.forget_all()
    book.deliver("clicks-0", 5)
    old.ack()
    assert book.waiting("clicks-0") == 5

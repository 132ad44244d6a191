from processors.logs import insert, insert_all
from schemas.ids import Digest, EventTime
from schemas.profiles import Touch
from tests.support.story import MONDAY, order, profile_of, track


def touch(at: int, digest: int = 0, line: int = 0) -> Touch:
    return Touch(EventTime(at), Digest(digest), line, "p", "view")


def test_entries_are_sorted_by_time_then_digest_then_line() -> None:
    log: list[Touch] = []
    entries = [touch(2), touch(1, 9), touch(1, 5, 1), touch(1, 5, 0), touch(3), touch(0)]
    for entry in entries:
        insert(log, entry, 10)
    assert log == [touch(0), touch(1, 5, 0), touch(1, 5, 1), touch(1, 9), touch(2), touch(3)]


def test_the_oldest_entry_goes_when_the_log_is_full_even_if_it_just_came() -> None:
    log = [touch(2), touch(3)]
    insert(log, touch(1), 2)
    assert log == [touch(2), touch(3)]
    insert(log, touch(4), 2)
    assert log == [touch(3), touch(4)]


def test_a_lowered_bound_holds_from_the_next_entry_on() -> None:
    log = [touch(at) for at in range(10)]
    insert(log, touch(10), 3)
    assert log == [touch(8), touch(9), touch(10)]


def test_many_entries_go_in_as_one_by_one() -> None:
    for late in (False, True):
        entries = [touch(5, 0, line) for line in range(4)]
        one_by_one, together = ([touch(6 if late else 4)], [touch(6 if late else 4)])
        for entry in entries:
            insert(one_by_one, entry, 3)
        insert_all(together, entries, 3)
        assert together == one_by_one
    insert_all(together, [], 3)
    assert together == one_by_one


def test_ruling_37_recent_is_sorted_by_the_digest_of_the_message_at_equal_times() -> None:
    # blake2b: m1 a614..., m2 4bf8..., m3 4923...
    events = [track("Product Viewed", MONDAY, message, product_id=message) for message in ("m1", "m2", "m3")]
    assert [entry.product_id for entry in profile_of(*events).recent] == ["m3", "m2", "m1"]


def test_ruling_32_an_order_of_100_lines_fills_both_logs_with_its_last_ones() -> None:
    profile = profile_of(
        track("Product Added", MONDAY - 1, product_id="p0"),
        order("o", MONDAY, 10, *(f"p{n}" for n in range(100))),
    )
    assert [entry.product_id for entry in profile.recent] == [f"p{n}" for n in range(50, 100)]
    assert [entry.product_id for entry in profile.cart_log] == [f"p{n}" for n in range(68, 100)]
    assert {entry.op for entry in profile.cart_log} == {"bought"}

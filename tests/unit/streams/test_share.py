"""A share of the last events: an alarm for a bad deployment, and none for two bad events of ten."""

from streams.share import Share


def test_two_hits_of_the_first_ten_are_no_alarm() -> None:
    assert Share(0.01).count(10, 2) is False


def test_the_limit_itself_is_allowed_and_one_more_is_not() -> None:
    share = Share(0.01)
    assert share.count(9_000, 100) is False
    assert share.count(1, 1) is True


def test_old_batches_leave_once_the_rest_fills_the_window() -> None:
    share = Share(0.01)
    assert share.count(1_000, 101) is True
    assert share.count(8_999, 0) is True
    assert (share.events, share.hits) == (9_999, 101)
    assert share.count(1_000, 0) is True  # 9,999 without the first batch would be less than a window
    assert share.count(1, 0) is False
    assert (share.events, share.hits) == (10_000, 0)


def test_a_single_batch_larger_than_the_window_stays_until_the_next_is_as_large() -> None:
    share = Share(0.01)
    assert share.count(50_000, 200) is True
    assert share.count(10_000, 0) is False
    assert share.events == 10_000


def test_memory_grows_with_batches_and_not_with_events() -> None:
    share = Share(0.5, window=100)
    for _ in range(10_000):
        share.count(1, 0)
    assert share.events == 100
    assert len(share._batches) == 100

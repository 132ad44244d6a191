from streams.lags import Lag, Lags, Offsets


def test_a_partition_without_records_that_wait_is_not_behind_however_long_it_was_silent() -> None:
    lags: Lags[str] = Lags()
    for second in (0.0, 1000.0):
        assert lags.look({"clicks-0": Offsets(10, 10, 0)}, second, 5000.0)["clicks-0"] == Lag(0, 0.0, 0.0)


def test_lag_is_the_age_of_the_last_record_done() -> None:
    lags: Lags[str] = Lags()
    assert lags.look({"clicks-0": Offsets(10, 4, 90_000)}, 0.0, 100.0)["clicks-0"] == Lag(6, 10.0, 0.0)


def test_a_stuck_partition_grows_older_and_a_commit_makes_it_young_again() -> None:
    lags: Lags[str] = Lags()
    ages = [
        lags.look({"clicks-0": Offsets(10, committed, None)}, second, 0.0)["clicks-0"].commit_age_s
        for second, committed in ((0.0, 4), (60.0, 4), (130.0, 4), (131.0, 5), (132.0, 5))
    ]
    assert ages == [0.0, 60.0, 130.0, 0.0, 1.0]


def test_the_age_begins_when_the_first_record_waits_not_at_the_last_commit() -> None:
    lags: Lags[str] = Lags()
    lags.look({"clicks-0": Offsets(4, 4, 1000)}, 0.0, 1.0)
    lags.look({"clicks-0": Offsets(4, 4, 1000)}, 500.0, 501.0)
    assert lags.look({"clicks-0": Offsets(5, 4, 1000)}, 501.0, 502.0)["clicks-0"].commit_age_s == 1.0


def test_a_partition_that_was_never_done_counts_from_when_it_began_to_wait() -> None:
    lags: Lags[str] = Lags()
    lags.look({"clicks-0": Offsets(3, 0, None)}, 10.0, 0.0)
    assert lags.look({"clicks-0": Offsets(3, 0, None)}, 25.0, 0.0)["clicks-0"] == Lag(3, 15.0, 15.0)


def test_partitions_that_went_are_named_once() -> None:
    lags: Lags[str] = Lags()
    lags.look({"clicks-0": Offsets(1, 1, None), "clicks-1": Offsets(1, 1, None)}, 0.0, 0.0)
    lags.look({"clicks-1": Offsets(1, 1, None)}, 1.0, 1.0)
    assert lags.gone == ["clicks-0"]
    lags.look({"clicks-1": Offsets(1, 1, None)}, 2.0, 2.0)
    assert lags.gone == []

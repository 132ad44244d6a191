"""How long a lane waits between two commits: the longer, the more lanes share the worker and the more is waiting."""

import pytest

from streams.pace import gap_s


@pytest.mark.parametrize(("lanes", "seconds"), [(1, 0.004), (4, 0.016), (12, 0.048), (1_000, 1.0)])
def test_a_worker_that_is_caught_up_commits_at_most_250_times_a_second(lanes: int, seconds: float) -> None:
    assert gap_s(lanes, behind=False) == pytest.approx(seconds)


@pytest.mark.parametrize(("lanes", "seconds"), [(1, 0.1), (4, 0.1), (12, 0.3), (64, 1.0)])
def test_a_worker_with_a_backlog_commits_at_most_40_times_a_second(lanes: int, seconds: float) -> None:
    assert gap_s(lanes, behind=True) == pytest.approx(seconds)

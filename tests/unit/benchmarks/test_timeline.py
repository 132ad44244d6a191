"""Rates: from marks and CPU samples, by the formula."""

import pytest

from benchmarks.timeline import CpuSample, Mark, Rate, after, cpu_at, rate, since

SAMPLES = [CpuSample(10.0, 1.0), CpuSample(12.0, 2.0), CpuSample(20.0, 4.0)]


def test_a_rate_counts_what_was_done_between_the_first_and_the_last_mark() -> None:
    marks = [Mark(10.0, 50), Mark(13.0, 400), Mark(16.0, 650)]
    found = rate(marks, SAMPLES)
    assert found == Rate(events=600, seconds=6.0, cpu_seconds=2.0)
    assert found.events_per_s == 100.0
    assert found.events_per_cpu_second == 300.0


def test_a_run_too_short_for_the_clocks_is_given_their_smallest_steps() -> None:
    found = rate([Mark(10.0, 0), Mark(10.0, 5)], SAMPLES)
    assert (found.seconds, found.cpu_seconds) == (0.001, 0.01)


@pytest.mark.parametrize(("at", "cpu_s"), [(9.0, 1.0), (10.0, 1.0), (11.0, 1.5), (16.0, 3.0), (21.0, 4.0)])
def test_cpu_time_lies_on_a_line_between_samples_and_is_flat_outside(at: float, cpu_s: float) -> None:
    assert cpu_at(SAMPLES, at) == cpu_s


def test_the_second_half_of_a_run_begins_with_the_first_mark_that_had_done_so_much() -> None:
    marks = [Mark(1.0, 100), Mark(2.0, 500), Mark(3.0, 900), Mark(4.0, 1_000)]
    assert list(after(marks, 450)) == [Mark(2.0, 500), Mark(3.0, 900), Mark(4.0, 1_000)]
    assert list(after(marks, 950)) == [Mark(3.0, 900), Mark(4.0, 1_000)]
    assert list(after(marks[:1], 450)) == [Mark(1.0, 100)]


def test_what_was_done_before_all_worked_is_left_out() -> None:
    marks = [Mark(1.0, 100), Mark(2.0, 500), Mark(3.0, 900)]
    assert since(marks, 0.5) == [Mark(0.5, 0), *marks]
    assert since(marks, 2.5) == [Mark(2.5, 500), Mark(3.0, 900)]
    assert since(marks, None) == marks

"""Rates: from marks and CPU samples, by the formula."""

import pytest

from benchmarks.timeline import CpuSample, Mark, Rate, cpu_at, rate

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

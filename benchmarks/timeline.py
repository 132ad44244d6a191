"""From marks to rates: when how much was done, and how much CPU time a process had spent by then. Pure."""

from bisect import bisect_left
from collections.abc import Sequence

from msgspec import Struct

#: The kernel counts CPU time, and Kafka time, in steps; nothing is shorter than one.
CPU_STEP_S = 0.01
WALL_STEP_S = 0.001


class Mark(Struct, frozen=True):
    """At second `at` since 1970, `done` events were done."""

    at: float
    done: int


class CpuSample(Struct, frozen=True):
    """At second `at` since 1970, the process had used `cpu_s` seconds of CPU."""

    at: float
    cpu_s: float


class Rate(Struct, frozen=True):
    """One engine's run, from its first mark to its last."""

    events: int
    seconds: float
    cpu_seconds: float

    @property
    def events_per_s(self) -> float:
        """Events per second of the clock on the wall."""
        return self.events / self.seconds

    @property
    def events_per_cpu_second(self) -> float:
        """Events per second of CPU time of the whole process."""
        return self.events / self.cpu_seconds


def rate(marks: Sequence[Mark], samples: Sequence[CpuSample]) -> Rate:
    """Return the rate between the first and the last mark; what the first one had done is left out.

    >>> marks = [Mark(10.0, 100), Mark(12.0, 700), Mark(14.0, 1100)]
    >>> rate(marks, [CpuSample(9.0, 1.0), CpuSample(11.0, 2.0), CpuSample(15.0, 4.0)])
    Rate(events=1000, seconds=4.0, cpu_seconds=2.0)
    """
    first, last = marks[0], marks[-1]
    cpu_s = cpu_at(samples, last.at) - cpu_at(samples, first.at)
    return Rate(last.done - first.done, max(WALL_STEP_S, last.at - first.at), max(CPU_STEP_S, cpu_s))


def since(marks: Sequence[Mark], at: float | None) -> list[Mark]:
    """Return the marks from a moment on, beginning with one at that moment; all of them for None.

    >>> since([Mark(1.0, 100), Mark(3.0, 500)], 2.0)
    [Mark(at=2.0, done=100), Mark(at=3.0, done=500)]
    """
    if at is None:
        return list(marks)
    done = max((mark.done for mark in marks if mark.at < at), default=0)
    return [Mark(at, done), *(mark for mark in marks if mark.at >= at)]


def after(marks: Sequence[Mark], done: int) -> Sequence[Mark]:
    """Return the marks from the first one on that had done so many; the last one stays in any case.

    >>> after([Mark(1.0, 100), Mark(2.0, 500), Mark(3.0, 900)], 450)
    [Mark(at=2.0, done=500), Mark(at=3.0, done=900)]
    """
    place = next((n for n, mark in enumerate(marks) if mark.done >= done), 0)
    # A rate needs two marks: what was flushed in one go has no half of its own.
    return marks[min(place, max(0, len(marks) - 2)) :]


def cpu_at(samples: Sequence[CpuSample], at: float) -> float:
    """Return the CPU seconds at a moment, on a line between the samples around it.

    >>> cpu_at([CpuSample(0.0, 0.0), CpuSample(2.0, 1.0)], 1.0)
    0.5
    """
    place = bisect_left(samples, at, key=lambda sample: sample.at)
    if place == 0:
        return samples[0].cpu_s
    if place == len(samples):
        return samples[-1].cpu_s
    before, after = samples[place - 1], samples[place]
    share = (at - before.at) / (after.at - before.at)
    return before.cpu_s + share * (after.cpu_s - before.cpu_s)

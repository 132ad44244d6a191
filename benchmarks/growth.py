"""`beckon bench growth`: how the worker's rate changes with shoppers, campaigns, partitions and processes.

Each axis starts with a baseline of the same call; a ratio says what is left of its rate at every other point.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct

from benchmarks import throughput
from benchmarks.engines import PROCESSES, WORKER
from benchmarks.events import Job, Load
from benchmarks.report import aligned
from benchmarks.stand import Machine
from benchmarks.throughput import PARTITIONS, Request

Say = Callable[[str], None]

AXES: Mapping[str, tuple[int, ...]] = {
    "shoppers": (1_000, 10_000, 100_000, 1_000_000),
    "campaigns": (1, 10, 100, 500),
    "partitions": (4, 16, 64),
    "processes": (1, 2),
}


@dataclass(frozen=True)
class Asked:
    """`kafka` None: a broker of our own for each point. `points` None: those of `AXES`."""

    axis: str
    points: Sequence[int] | None
    events: int
    runs: int
    kafka: str | None


class Point(Struct, frozen=True):
    """Medians of the runs at one point of the axis; `ratio` is to the first point, per CPU second.

    `wall_ratio` is that of events per second on the wall.
    """

    at: int
    events_per_s: float
    events_per_cpu_second: float
    ratio: float
    wall_ratio: float


class Report(Struct, frozen=True):
    """One axis."""

    axis: str
    events: int
    runs: int
    points: list[Point]
    machine: Machine


def run(asked: Asked, say: Say) -> Report:
    """Measure one axis and return its report."""
    rates = []
    machine: Machine | None = None
    for at in asked.points or AXES[asked.axis]:
        say(f"{asked.axis}: {at:,}")
        found = throughput.run(_request(asked, at), say)
        machine = found.machine
        (engine,) = found.engines.values()
        rates.append((at, median(engine.events_per_s), median(engine.events_per_cpu_second)))
    assert machine is not None, "an axis has points"
    _, first_wall, first_cpu = rates[0]
    points = [
        Point(at, wall, cpu, round(cpu / first_cpu, 2), round(wall / first_wall, 2))
        for at, wall, cpu in rates
    ]
    return Report(asked.axis, asked.events, asked.runs, points, machine)


def table(report: Report) -> str:
    """Return the report as people read it."""
    rows = [(report.axis, "events/s", "per CPU second", "ratio", "ratio on the wall")]
    for point in report.points:
        rates = (f"{point.events_per_s:,.0f}", f"{point.events_per_cpu_second:,.0f}")
        rows.append((f"{point.at:,}", *rates, f"{point.ratio:.2f}", f"{point.wall_ratio:.2f}"))
    runs = "run" if report.runs == 1 else "runs"
    footer = f"{report.events:,} events of the peer job, median of {report.runs} {runs} a point"
    return "\n".join([*aligned(rows), "", footer, report.machine.words()])


def _request(asked: Asked, at: int) -> Request:
    load = Load(Job.PEER, asked.events)
    engine, partitions = WORKER, PARTITIONS
    if asked.axis == "shoppers":
        load = msgspec.structs.replace(load, shoppers=at)
    elif asked.axis == "campaigns":
        load = msgspec.structs.replace(load, silent=at - 1)
    elif asked.axis == "partitions":
        partitions = at
    else:
        engine = PROCESSES[at]
    return Request(
        load, asked.events, asked.runs, asked.kafka, [engine], Path("models"), partitions=partitions
    )

"""`beckon bench texts`: the worker with its model, by how many of the texts it has not seen before.

In the same call it runs without a model: the ratio says what the model in the loop costs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from msgspec import Struct

from benchmarks import throughput
from benchmarks.engines import WORKER
from benchmarks.events import Job, Load
from benchmarks.report import EngineRuns, aligned, ratios
from benchmarks.stand import Machine
from benchmarks.throughput import Request

Say = Callable[[str], None]

MODEL = "worker_model"


class Case(Struct, frozen=True):
    """`unseen`: share of texts that come once. `warm`: all other titles were scored before."""

    words: str
    unseen: float
    warm: bool


CASES: Mapping[str, Case] = {
    "cold": Case("cold catalogue: 5,000 titles, each new once", 0.0, warm=False),
    "warm": Case("warm catalogue: no unseen text", 0.0, warm=True),
    "1": Case("1 % unseen texts", 0.01, warm=True),
    "10": Case("10 % unseen texts", 0.1, warm=True),
    "100": Case("100 % unseen texts", 1.0, warm=False),
}


@dataclass(frozen=True)
class Asked:
    """`events` per run; one with nothing but unseen texts gets `slow_events`."""

    events: int
    slow_events: int
    runs: int
    kafka: str | None
    models: Path


class Point(Struct, frozen=True):
    """`ratio`: events per CPU second in those of the worker without a model on the same events."""

    case: str
    words: str
    events: int
    with_model: EngineRuns
    without: EngineRuns
    ratio: float


class Report(Struct, frozen=True):
    """All cases of one call."""

    runs: int
    points: list[Point]
    machine: Machine


def run(asked: Asked, say: Say) -> Report:
    """Measure all cases."""
    points = []
    machine: Machine | None = None
    for name, case in CASES.items():
        say(case.words)
        events = asked.slow_events if case.unseen == 1.0 else asked.events
        load = Load(Job.PEER, events, unseen=case.unseen)
        request = Request(
            load, events, asked.runs, asked.kafka, [WORKER, MODEL], asked.models, warm=case.warm
        )
        found = throughput.run(request, say)
        machine = found.machine
        ours, plain = found.engines[MODEL], found.engines[WORKER]
        ratio = median(ratios(ours.events_per_cpu_second, plain.events_per_cpu_second))
        points.append(Point(name, case.words, events, ours, plain, ratio))
    assert machine is not None, "there are cases"
    return Report(asked.runs, points, machine)


def table(report: Report) -> str:
    """Return the report as people read it."""
    rows = [("texts", "events", "events/s", "per CPU second", "without a model", "ratio")]
    for point in report.points:
        wall = f"{median(point.with_model.events_per_s):,.0f}"
        cpu = f"{median(point.with_model.events_per_cpu_second):,.0f}"
        plain = f"{median(point.without.events_per_cpu_second):,.0f}"
        rows.append((point.words, f"{point.events:,}", wall, cpu, plain, f"{point.ratio:.2f}"))
    return "\n".join([*aligned(rows), "", report.machine.words()])

"""What all runs of a bench say together: medians, ratios, a table for people, JSON for programs. Pure."""

from collections.abc import Mapping, Sequence
from statistics import median

from msgspec import Struct

from benchmarks.engines import ENGINES, STOCK

#: Ratios compare this engine with its rivals.
OURS = "worker"


class Machine(Struct, frozen=True):
    """Where it ran. A broker that was given has an address instead of a version, and no core of ours."""

    processor: str
    cores: int
    broker_core: int | None
    engine_core: int
    python: str
    kafka: str


class EngineRuns(Struct):
    """All runs of one engine, in order; `load` is the machine's load average when each began."""

    events: int
    events_per_s: list[float]
    events_per_cpu_second: list[float]
    promotions: list[int]
    load: list[float]
    ratio_to_stock: list[float] = []


class Report(Struct, frozen=True):
    """`ratio` is our worker's to each rival: medians of the rounds, in events per CPU second."""

    job: str
    runs: int
    machine: Machine
    engines: dict[str, EngineRuns]
    ratio: dict[str, float]
    left_out: dict[str, str]


def finish(
    job: str, runs: int, machine: Machine, engines: dict[str, EngineRuns], left_out: Mapping[str, str]
) -> Report:
    """Return the report of these runs, with all ratios that they allow."""
    ratio: dict[str, float] = {}
    stock = engines.get(STOCK)
    if stock is not None:
        for found in engines.values():
            found.ratio_to_stock = ratios(found.events_per_cpu_second, stock.events_per_cpu_second)
        if OURS in engines:
            ratio["faust"] = round(median(engines[OURS].ratio_to_stock), 2)
    return Report(job, runs, machine, engines, ratio, dict(left_out))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return one ratio per round: both ran one after the other, so a busy machine slowed both.

    >>> ratios([300.0, 200.0], [100.0, 40.0])
    [3.0, 5.0]
    """
    return [round(one / other, 2) for one, other in zip(ours, theirs, strict=True)]


def table(report: Report) -> str:
    """Return the report as people read it: one line per engine, and where it ran."""
    rows = [("engine", "runs", "events", "events/s min", "median", "max", "per CPU second", "x stock Faust")]
    for engine in ENGINES:
        found = report.engines.get(engine.name)
        if found is None:
            continue
        rate = found.events_per_s
        times = f"{median(found.ratio_to_stock):.1f}" if found.ratio_to_stock else "-"
        figures = (min(rate), median(rate), max(rate), median(found.events_per_cpu_second))
        low, middle, high, per_cpu = (f"{figure:,.0f}" for figure in figures)
        rows.append((engine.words, str(len(rate)), f"{found.events:,}", low, middle, high, per_cpu, times))
    return "\n".join([*_aligned(rows), "", *_footer(report)])


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def _footer(report: Report) -> list[str]:
    machine = report.machine
    loads = [load for found in report.engines.values() for load in found.load]
    broker = "where it is" if machine.broker_core is None else f"on {machine.broker_core}"
    cores = f"{machine.cores} cores: broker {broker}, engine on {machine.engine_core}"
    load = f"load average {min(loads):.1f} to {max(loads):.1f} before the runs"
    rounds = "round" if report.runs == 1 else "rounds"
    return [
        f"job {report.job}; ratios are of events per CPU second, medians of {report.runs} {rounds}",
        f"{machine.processor}, {cores}; {load}",
        f"Python {machine.python}, Kafka {machine.kafka}",
        *(f"left out: {name}: {why}" for name, why in report.left_out.items()),
    ]

"""What all runs of a bench say together: medians, ratios, a table for people, JSON for programs. Pure."""

from collections.abc import Mapping, Sequence
from statistics import median

from msgspec import Struct

from benchmarks.engines import ENGINES, STOCK, STREAMS, WORKER
from benchmarks.events import Load
from benchmarks.stand import Machine


class EngineRuns(Struct):
    """All runs of one engine, in order.

    `steady_per_cpu_second` is that of the second half of a run, `changelog` its number of changelog records,
    `state_bytes` the mean size of a stored profile, `load` the machine's load average when each run began.
    """

    events: int
    events_per_s: list[float] = []
    events_per_cpu_second: list[float] = []
    steady_per_cpu_second: list[float] = []
    promotions: list[int] = []
    changelog: list[int] = []
    state_bytes: int = 0
    load: list[float] = []
    ratio_to_stock: list[float] = []


class Report(Struct, frozen=True):
    """`ratio` is our worker's to each rival: medians of the rounds, in events per CPU second.

    `events_per_cpu_second` has each engine's median.
    """

    job: str
    runs: int
    events_per_cpu_second: dict[str, float]
    ratio: dict[str, float]
    load: Load
    machine: Machine
    engines: dict[str, EngineRuns]
    left_out: dict[str, str]


def finish(
    load: Load, runs: int, machine: Machine, engines: dict[str, EngineRuns], left_out: Mapping[str, str]
) -> Report:
    """Return the report of these runs, with all ratios that they allow."""
    stock = engines.get(STOCK)
    if stock is not None:
        for found in engines.values():
            found.ratio_to_stock = ratios(found.events_per_cpu_second, stock.events_per_cpu_second)
    ratio: dict[str, float] = {}
    ours, streams = engines.get(WORKER), engines.get(STREAMS)
    if ours is not None and stock is not None:
        ratio["faust"] = round(median(ours.ratio_to_stock), 2)
    if ours is not None and streams is not None:
        whole = ratios(ours.events_per_cpu_second, streams.events_per_cpu_second)
        steady = ratios(ours.steady_per_cpu_second, streams.steady_per_cpu_second)
        ratio |= {"kafka_streams": round(median(whole), 2), "kafka_streams_steady": round(median(steady), 2)}
    medians = {name: round(median(found.events_per_cpu_second), 1) for name, found in engines.items()}
    return Report(load.job.value, runs, medians, ratio, load, machine, engines, dict(left_out))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return one ratio per round: both ran one after the other, so a busy machine slowed both.

    >>> ratios([300.0, 200.0], [100.0, 40.0])
    [3.0, 5.0]
    """
    return [round(one / other, 2) for one, other in zip(ours, theirs, strict=True)]


_HEAD = (
    "engine",
    "runs",
    "events",
    "events/s min",
    "median",
    "max",
    "per CPU second",
    "steady",
    "x stock Faust",
)


def table(report: Report) -> str:
    """Return the report as people read it: one line per engine, and where it ran."""
    rows = [_HEAD]
    for engine in ENGINES:
        found = report.engines.get(engine.name)
        if found is None:
            continue
        rate = found.events_per_s
        times = f"{median(found.ratio_to_stock):.1f}" if found.ratio_to_stock else "-"
        per_cpu = (median(found.events_per_cpu_second), median(found.steady_per_cpu_second))
        cells = [f"{figure:,.0f}" for figure in (min(rate), median(rate), max(rate), *per_cpu)]
        low, middle, high, whole, steady = cells
        rows.append(
            (engine.words, str(len(rate)), f"{found.events:,}", low, middle, high, whole, steady, times)
        )
    return "\n".join([*aligned(rows), "", *_footer(report)])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines, the first column to the left, the others to the right.

    >>> aligned([("a", "b"), ("long", "1,000")])
    ['a         b', 'long  1,000']
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def _footer(report: Report) -> list[str]:
    loads = [load for found in report.engines.values() for load in found.load]
    rounds = "round" if report.runs == 1 else "rounds"
    words = {
        "faust": "stock Faust",
        "kafka_streams": "Kafka Streams",
        "kafka_streams_steady": "Kafka Streams in its steady half",
    }
    beside = ", ".join(f"{ratio:.2f} times {words[name]}" for name, ratio in report.ratio.items())
    return [
        *([f"our worker, per CPU second: {beside}"] if beside else []),
        f"job {report.job}; ratios are of events per CPU second, medians of {report.runs} {rounds}",
        f"load average {min(loads):.1f} to {max(loads):.1f} before the runs",
        report.machine.words(),
        *(f"left out: {name}: {why}" for name, why in report.left_out.items()),
    ]

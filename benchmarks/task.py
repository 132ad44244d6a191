"""One run of an engine: what it is given, what came of it, and the way of all engines that read Kafka."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.broker import BenchBroker, Entry
from benchmarks.events import Counts, Load, Record
from benchmarks.process import SAMPLE_S, BenchError, MeasuredProcess, cores
from benchmarks.timeline import CpuSample, Mark, Rate, after, rate, since

#: No engine is so slow that it does fewer events per second than this, start aside.
SLOWEST = 300
START_S = 90.0
_ASK_EVERY = 10  # samples


@dataclass(frozen=True)
class Task:
    """What one run of an engine is given. `folder` is empty and its own, `file` holds `records` as lines.

    The first `warming` records are not part of the rate.
    """

    load: Load
    broker: BenchBroker
    records: Sequence[Record]
    file: Path
    folder: Path
    prefix: str
    core: int
    models: Path
    warming: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of a run: how fast it was, what every shopper's profile counted, how many promotions.

    `steady` is the rate of its second half. `state_bytes` is the mean size of a stored profile at the end,
    `changelog` the number of records that stored them; both 0 for an engine without a changelog.
    """

    rate: Rate
    steady: Rate
    counts: dict[str, Counts]
    promotions: int
    state_bytes: float = 0.0
    changelog: int = 0


@dataclass(frozen=True)
class Engine:
    """`slow`: it gets fewer events. `missing` says what it lacks for a task of this kind, if anything."""

    name: str
    words: str
    run: Callable[[Task], Outcome]
    slow: bool = False
    missing: Callable[[Load, Path], str] = field(default=lambda _, __: "")


@dataclass(frozen=True)
class Reading:
    """What a changelog tells: how much was done by when, final counts, the bytes of the newest values."""

    marks: list[Mark]
    counts: dict[str, Counts]
    state_bytes: float


@dataclass(frozen=True)
class Plan:
    """How to run an engine on Kafka.

    `read` reads its changelog; `begun` finds in its log the second since 1970 from which events flow, for one
    whose first changelog records come after much work. `others` are commands that share its work.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    topics: Sequence[str]
    group: str
    changelog: str
    promotions: str
    read: Callable[[Iterable[Entry]], Reading]
    look: Callable[[], None] = field(default=lambda: None)
    begun: Callable[[str], float | None] = field(default=lambda _: None)
    dead_letters: str = ""
    others: Sequence[Sequence[str]] = ()


def run_on_kafka(task: Task, plan: Plan) -> Outcome:
    """Fill the topics, start the engine, wait until it has committed all, then read what it wrote."""
    broker, events = task.broker, len(task.records)
    try:
        broker.create(plan.topics)
        ends = broker.fill(task.prefix, task.records)
        group = broker.group(plan.group)
        with ExitStack() as stack:
            processes = [stack.enter_context(process) for process in _processes(task, plan)]
            samples = _wait(processes, lambda: group.has_reached(ends), START_S + events / SLOWEST)
            plan.look()
        group.close()
        if plan.dead_letters:
            _check_dead_letters(plan.name, broker.read(plan.dead_letters))
        entries = broker.read(plan.changelog)
        found = plan.read(entries)
        if not found.marks or found.marks[-1].done != events:
            done = found.marks[-1].done if found.marks else 0
            problem = f"applied {done} of {events} events"
            raise BenchError(plan.name, problem, "its guarantees are broken here")
        marks = after(since(found.marks, _begun(plan, processes)), task.warming)
        return Outcome(
            rate(marks, samples),
            rate(after(marks, (task.warming + events) // 2), samples),
            found.counts,
            len(broker.read(plan.promotions)),
            found.state_bytes,
            len(entries),
        )
    finally:
        broker.remove(task.prefix)


def _processes(task: Task, plan: Plan) -> list[MeasuredProcess]:
    """Return the engine's process on its core, and those that share its work on that of the bench."""
    bench_core, _ = cores()
    first = MeasuredProcess(plan.name, plan.command, task.core, task.folder / "log", plan.environment)
    return [
        first,
        *(
            MeasuredProcess(plan.name, command, bench_core, task.folder / f"log-{n}", plan.environment)
            for n, command in enumerate(plan.others, 2)
        ),
    ]


def _begun(plan: Plan, processes: Sequence[MeasuredProcess]) -> float | None:
    """Return the moment from which all of them worked."""
    found = [plan.begun(process.told()) for process in processes]
    return max((at for at in found if at is not None), default=None)


def reading(marks: Sequence[Mark], counts: dict[str, Counts], newest: Mapping[bytes, bytes]) -> Reading:
    """Return a reading with one mark per moment, the one that knows most."""
    state_bytes = sum(map(len, newest.values())) / max(1, len(newest))
    return Reading(list({mark.at: mark for mark in marks}.values()), counts, state_bytes)


def sources(task: Task) -> list[str]:
    """Return the topics that a task's events go to."""
    return sorted({task.prefix + record.topic for record in task.records})


def _check_dead_letters(name: str, letters: Sequence[Entry]) -> None:
    if letters:
        why = ", ".join(str(letters[0].headers.get(key, b""), "utf-8") for key in ("reason", "error"))
        problem = f"made dead letters of {len(letters)} sound events ({why})"
        raise BenchError(name, problem, "its rate means nothing until that is mended")


def _wait(
    processes: Sequence[MeasuredProcess], is_done: Callable[[], bool], patience_s: float
) -> list[CpuSample]:
    """Wait until all is done; return the CPU time of all of them together, by moment."""
    deadline = time.monotonic() + patience_s
    found: list[CpuSample] = []
    while True:
        time.sleep(SAMPLE_S)
        for process in processes:
            code = process.sample()
            if code is not None:
                raise process.failed(f"ended by itself with exit code {code}")
        newest = [process.samples[-1] for process in processes]
        found.append(CpuSample(newest[-1].at, sum(sample.cpu_s for sample in newest)))
        if len(found) % _ASK_EVERY == 0 and is_done():
            return found
        if time.monotonic() > deadline:
            raise processes[0].failed(f"was not done within {patience_s:.0f} s")

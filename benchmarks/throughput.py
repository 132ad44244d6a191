"""`beckon bench throughput`: every engine in turn, round by round, on the same events and the same broker."""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from confluent_kafka import KafkaException

from benchmarks.broker import BenchBroker
from benchmarks.engines import ENGINES, Engine, Outcome, Task
from benchmarks.events import Counts, Job, Record, expected, make
from benchmarks.process import BenchError, cores, pinned
from benchmarks.report import EngineRuns, Machine, Report, finish
from schemas.errors import SettingsError
from streams import kafka_jars, local_kafka

PARTITIONS = 4
#: The broker of a bench compiles as a real one does; the default of `local_kafka` is for short tests.
_BROKER_FLAGS = ("-XX:TieredStopAtLevel=4",)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """`kafka` None: a broker of our own. `slow_events`: slow engines get the first so many."""

    job: Job
    events: int
    slow_events: int
    runs: int
    kafka: str | None
    engines: Sequence[str]
    models: Path


@dataclass(frozen=True)
class _Load:
    """What an engine is given, and what must come out."""

    records: Sequence[Record]
    file: Path
    expected: dict[str, Counts]


def run(request: Request, say: Say) -> Report:
    """Measure and return the report; raise `BenchError` for a wrong result, never for a slow one."""
    chosen, left_out = _choose(request.engines, request.models)
    for name, why in left_out.items():
        say(f"{name} is left out: {why}")
    broker_core, engine_core = cores()
    with TemporaryDirectory(prefix="beckon-bench-") as name, pinned(broker_core):
        folder = Path(name)
        with _broker(request.kafka, broker_core, say) as (broker, kafka):
            loads = _loads(request, folder, say)
            try:
                engines = _rounds(request, chosen, loads, broker, folder, engine_core, say)
            except KafkaException as error:
                remedy = "look at the broker and its log"
                raise BenchError("kafka", error.args[0].str(), remedy) from None
    machine = Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        broker_core=broker_core if request.kafka is None else None,
        engine_core=engine_core,
        python=platform.python_version(),
        kafka=kafka,
    )
    return finish(request.job.value, request.runs, machine, engines, left_out)


def _choose(names: Sequence[str], models: Path) -> tuple[list[Engine], dict[str, str]]:
    known = {engine.name: engine for engine in ENGINES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError("--engine", f"{unknown[0]} is none", f"choose from {', '.join(known)}")
    missing = {engine.name: engine.missing(models) for engine in ENGINES if engine.name in names}
    left_out = {name: why for name, why in missing.items() if why}
    if len(left_out) == len(missing):
        why = "; ".join(f"{name}: {why}" for name, why in left_out.items()) or "choose one"
        raise SettingsError("--engine", "nothing is left to measure", why)
    return [known[name] for name in missing if name not in left_out], left_out


def _loads(request: Request, folder: Path, say: Say) -> dict[str, _Load]:
    """Return what each engine gets: all events, or the first of them."""
    say(f"making {request.events:,} events of the {request.job.value} job")
    records = list(make(request.job, request.events))
    file = folder / "events.jsonl"
    file.write_bytes(b"".join(record.value + b"\n" for record in records))
    whole = _Load(records, file, expected(records))
    head = records[: request.slow_events]
    few = _Load(head, file, expected(head))
    return {engine.name: few if engine.slow else whole for engine in ENGINES}


@contextmanager
def _broker(given: str | None, core: int, say: Say) -> Iterator[tuple[BenchBroker, str]]:
    if given is not None:
        broker = BenchBroker(given, PARTITIONS)
        broker.check()
        yield broker, f"at {given}"
        return
    say(f"starting Apache Kafka {kafka_jars.VERSION} on core {core}")
    own = local_kafka.start(cpus=[core], flags=_BROKER_FLAGS)
    try:
        yield BenchBroker(own.servers, PARTITIONS), kafka_jars.VERSION
    finally:
        own.stop()


def _rounds(
    request: Request,
    engines: Sequence[Engine],
    loads: dict[str, _Load],
    broker: BenchBroker,
    folder: Path,
    core: int,
    say: Say,
) -> dict[str, EngineRuns]:
    found = {engine.name: EngineRuns(len(loads[engine.name].records), [], [], [], []) for engine in engines}
    for number in range(request.runs):
        # Forwards, then backwards: what gets slower or faster with time meets all alike.
        for engine in engines if number % 2 == 0 else reversed(engines):
            load = loads[engine.name]
            place = folder / f"{engine.name}-{number}"
            place.mkdir()
            prefix = f"bench-{uuid4().hex[:8]}-"
            before = os.getloadavg()[0]
            task = Task(request.job, broker, load.records, load.file, place, prefix, core, request.models)
            outcome = engine.run(task)
            _check(engine.name, outcome.counts, load.expected)
            _note(found[engine.name], outcome, before)
            rate = outcome.rate
            say(
                f"round {number + 1} of {request.runs}: {engine.words}: {rate.events_per_s:,.0f} events/s,"
                f" {rate.events_per_cpu_second:,.0f} per CPU second"
            )
    return found


def _note(found: EngineRuns, outcome: Outcome, load: float) -> None:
    found.events_per_s.append(round(outcome.rate.events_per_s, 1))
    found.events_per_cpu_second.append(round(outcome.rate.events_per_cpu_second, 1))
    found.promotions.append(outcome.promotions)
    found.load.append(round(load, 2))


def _check(name: str, counts: dict[str, Counts], wanted: dict[str, Counts]) -> None:
    """Raise `BenchError` unless every shopper's profile counted what was sent."""
    wrong = sorted(shopper for shopper in counts | wanted if counts.get(shopper) != wanted.get(shopper))
    if wrong:
        shopper = wrong[0]
        problem = (
            f"{len(wrong)} of {len(wanted)} profiles are wrong; {shopper} counted"
            f" {counts.get(shopper)}, sent was {wanted.get(shopper)}"
        )
        raise BenchError(name, problem, "its rate means nothing until that is mended")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

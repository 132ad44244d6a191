"""`beckon bench throughput`: every engine in turn, round by round, on the same events and the same broker."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from confluent_kafka import KafkaException

from benchmarks.broker import BenchBroker
from benchmarks.engines import ENGINES
from benchmarks.events import Counts, Load, Record, each_product_once, expected, make
from benchmarks.process import BenchError, cores, pinned
from benchmarks.report import EngineRuns, Report, finish
from benchmarks.stand import machine, own_or_given
from benchmarks.task import Engine, Outcome, Task
from schemas.errors import SettingsError

PARTITIONS = 4

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """`kafka` None: a broker of our own. `slow_events`: slow engines get the first so many.

    `warm`: before the measured events each product is seen once, so that a model knows all old titles.
    """

    load: Load
    slow_events: int
    runs: int
    kafka: str | None
    engines: Sequence[str]
    models: Path
    warm: bool = False
    partitions: int = PARTITIONS


@dataclass(frozen=True)
class Given:
    """What an engine is given, and what must come out; the first `warming` records are not measured."""

    load: Load
    records: Sequence[Record]
    file: Path
    expected: dict[str, Counts]
    warming: int


def run(request: Request, say: Say) -> Report:
    """Measure and return the report; raise `BenchError` for a wrong result, never for a slow one."""
    chosen, left_out = choose(request.engines, request.load, request.models)
    for name, why in left_out.items():
        say(f"{name} is left out: {why}")
    broker_core, engine_core = cores()
    with TemporaryDirectory(prefix="beckon-bench-") as name, pinned(broker_core):
        folder = Path(name)
        with own_or_given(request.kafka, broker_core, request.partitions, say) as (broker, kafka):
            given = give(request, folder, say)
            try:
                engines = rounds(request, chosen, given, broker, folder, engine_core, say)
            except KafkaException as error:
                remedy = "look at the broker and its log"
                raise BenchError("kafka", error.args[0].str(), remedy) from None
    where = machine(broker_core if request.kafka is None else None, engine_core, kafka)
    return finish(request.load, request.runs, where, engines, left_out)


def choose(names: Sequence[str], load: Load, models: Path) -> tuple[list[Engine], dict[str, str]]:
    """Return the engines of these names, and why some cannot run; raise `SettingsError` if none can."""
    known = {engine.name: engine for engine in ENGINES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError("--engine", f"{unknown[0]} is none", f"choose from {', '.join(known)}")
    missing = {engine.name: engine.missing(load, models) for engine in ENGINES if engine.name in names}
    left_out = {name: why for name, why in missing.items() if why}
    if len(left_out) == len(missing):
        why = "; ".join(f"{name}: {why}" for name, why in left_out.items()) or "choose one"
        raise SettingsError("--engine", "nothing is left to measure", why)
    return [known[name] for name in missing if name not in left_out], left_out


def give(request: Request, folder: Path, say: Say) -> dict[str, Given]:
    """Return what each engine gets: all events, or the first of them."""
    load = request.load
    say(f"making {load.events:,} events of the {load.job.value} job")
    warming = list(each_product_once()) if request.warm else []
    records = [*warming, *make(load)]
    file = folder / "events.jsonl"
    file.write_bytes(b"".join(record.value + b"\n" for record in records))
    whole = Given(load, records, file, expected(records), len(warming))
    head = records[: len(warming) + request.slow_events]
    few = Given(load, head, file, expected(head), len(warming))
    return {engine.name: few if engine.slow else whole for engine in ENGINES}


def rounds(
    request: Request,
    engines: Sequence[Engine],
    given: dict[str, Given],
    broker: BenchBroker,
    folder: Path,
    core: int,
    say: Say,
) -> dict[str, EngineRuns]:
    """Run every engine once per round."""
    found = {engine.name: EngineRuns(len(given[engine.name].records)) for engine in engines}
    for number in range(request.runs):
        # Forwards, then backwards: what gets slower or faster with time meets all alike.
        for engine in engines if number % 2 == 0 else reversed(engines):
            mine = given[engine.name]
            place = folder / f"{engine.name}-{number}"
            place.mkdir()
            before = os.getloadavg()[0]
            outcome = engine.run(_task(request, mine, broker, place, core))
            check(engine.name, outcome.counts, mine.expected)
            _note(found[engine.name], outcome, before)
            rate = outcome.rate
            say(
                f"round {number + 1} of {request.runs}: {engine.words}: {rate.events_per_s:,.0f} events/s,"
                f" {rate.events_per_cpu_second:,.0f} per CPU second"
            )
    return found


def _task(request: Request, given: Given, broker: BenchBroker, place: Path, core: int) -> Task:
    prefix = f"bench-{uuid4().hex[:8]}-"
    return Task(
        given.load, broker, given.records, given.file, place, prefix, core, request.models, given.warming
    )


def _note(found: EngineRuns, outcome: Outcome, load: float) -> None:
    found.events_per_s.append(round(outcome.rate.events_per_s, 1))
    found.events_per_cpu_second.append(round(outcome.rate.events_per_cpu_second, 1))
    found.steady_per_cpu_second.append(round(outcome.steady.events_per_cpu_second, 1))
    found.promotions.append(outcome.promotions)
    found.changelog.append(outcome.changelog)
    found.state_bytes = round(outcome.state_bytes)
    found.load.append(round(load, 2))


def check(name: str, counts: dict[str, Counts], wanted: dict[str, Counts]) -> None:
    """Raise `BenchError` unless every shopper's profile counted what was sent."""
    wrong = sorted(shopper for shopper in counts | wanted if counts.get(shopper) != wanted.get(shopper))
    if wrong:
        shopper = wrong[0]
        problem = (
            f"{len(wrong)} of {len(wanted)} profiles are wrong; {shopper} counted"
            f" {counts.get(shopper)}, sent was {wanted.get(shopper)}"
        )
        raise BenchError(name, problem, "its rate means nothing until that is mended")

"""Whom we measure: each engine runs one task in a process of its own and says how it went.

Another rival is one more entry of `ENGINES`: how to start it, which group it reads with, where its changelog
is and how to read it.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import msgspec
from msgspec import Struct

from benchmarks.broker import BenchBroker, Entry
from benchmarks.events import Counts, Job, Record
from benchmarks.process import BECKON, ROOT, BenchError, MeasuredProcess
from benchmarks.timeline import Mark, Rate, rate
from schemas.codec import decode_profile
from schemas.profiles import Profile
from schemas.timestamps import parse_time
from schemas.topics import ALL, CHANGELOG, DEAD_LETTERS, PROMOTIONS
from streams.demo.plan import free_port
from streams.demo.worker_process import read_counts

CAMPAIGNS: Mapping[Job, Path] = {
    Job.PEER: ROOT / "benchmarks" / "campaigns.yaml",
    Job.FULL: ROOT / "examples" / "campaigns.yaml",
}
TAG_MODEL = "tags"
#: No engine is so slow that it does fewer events per second than this, start aside.
_SLOWEST = 300
_START_S = 90.0
_ASK_EVERY = 10  # samples
#: The worker brings its counts of the model up to date once a second.
_COUNTS_S = 1.5


@dataclass(frozen=True)
class Task:
    """What one run of an engine is given. `folder` is empty and its own, `file` holds `records` as lines."""

    job: Job
    broker: BenchBroker
    records: Sequence[Record]
    file: Path
    folder: Path
    prefix: str
    core: int
    models: Path


@dataclass(frozen=True)
class Outcome:
    """What came of a run: how fast it was, what every shopper's profile counted, how many promotions."""

    rate: Rate
    counts: dict[str, Counts]
    promotions: int


@dataclass(frozen=True)
class Engine:
    """`slow`: it gets fewer events. `missing` says what it lacks, given the folder of models."""

    name: str
    words: str
    run: Callable[[Task], Outcome]
    slow: bool = False
    missing: Callable[[Path], str] = field(default=lambda _: "")


@dataclass(frozen=True)
class _Plan:
    """How to run an engine on Kafka.

    `read` makes marks and final counts of its changelog; `begun` finds an earlier mark in its log, for
    one whose first changelog records come after much work.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    topics: Sequence[str]
    group: str
    changelog: str
    promotions: str
    read: Callable[[Iterable[Entry]], tuple[list[Mark], dict[str, Counts]]]
    look: Callable[[], None] = field(default=lambda: None)
    begun: Callable[[str], list[Mark]] = field(default=lambda _: [])
    dead_letters: str = ""


def _on_kafka(task: Task, plan: _Plan) -> Outcome:
    """Fill the topics, start the engine, wait until it has committed all, then read what it wrote."""
    broker, events = task.broker, len(task.records)
    try:
        broker.create(plan.topics)
        ends = broker.fill(task.prefix, task.records)
        group = broker.group(plan.group)
        log = task.folder / "log"
        with MeasuredProcess(plan.name, plan.command, task.core, log, plan.environment) as process:
            _wait(process, lambda: group.has_reached(ends), _START_S + events / _SLOWEST)
            plan.look()
        group.close()
        if plan.dead_letters:
            _check_dead_letters(plan.name, broker.read(plan.dead_letters))
        marks, counts = plan.read(broker.read(plan.changelog))
        if not marks or marks[-1].done != events:
            done = marks[-1].done if marks else 0
            raise BenchError(
                plan.name, f"applied {done} of {events} events", "its guarantees are broken here"
            )
        marks = [*plan.begun(log.read_text(encoding="utf-8", errors="replace")), *marks]
        promotions = len(broker.read(plan.promotions))
        return Outcome(rate(marks, process.samples), counts, promotions)
    finally:
        broker.remove(task.prefix)


def _check_dead_letters(name: str, letters: Sequence[Entry]) -> None:
    if letters:
        why = ", ".join(str(letters[0].headers.get(key, b""), "utf-8") for key in ("reason", "error"))
        problem = f"made dead letters of {len(letters)} sound events ({why})"
        raise BenchError(name, problem, "its rate means nothing until that is mended")


def _wait(process: MeasuredProcess, is_done: Callable[[], bool], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    samples = 0
    while True:
        code = process.sample()
        if code is not None:
            raise process.failed(f"ended by itself with exit code {code}")
        samples += 1
        if samples % _ASK_EVERY == 0 and is_done():
            return
        if time.monotonic() > deadline:
            raise process.failed(f"was not done within {patience_s:.0f} s")


def _sources(task: Task) -> list[str]:
    return sorted({task.prefix + record.topic for record in task.records})


# Stock Faust


def _stock(task: Task) -> Outcome:
    app = task.prefix + "stock"
    promotions = app + "-promotions"
    changelog = app + "-profiles-changelog"
    environment = {
        "STOCK_APP": app,
        "STOCK_SERVERS": task.broker.servers,
        "STOCK_PARTITIONS": str(task.broker.partitions),
        "STOCK_TOPICS": ",".join(_sources(task)),
        "STOCK_PROMOTIONS": promotions,
        "STOCK_FOLDER": str(task.folder),
    }
    command = [sys.executable, "-m", "benchmarks.faust_stock", "worker", "--without-web", "-l", "warn"]
    topics = [*_sources(task), promotions, changelog]
    plan = _Plan("stock", command, environment, topics, app, changelog, promotions, _read_stock)
    return _on_kafka(task, plan)


def _read_stock(entries: Iterable[Entry]) -> tuple[list[Mark], dict[str, Counts]]:
    newest: dict[bytes, bytes] = {}
    marks = []
    for done, entry in enumerate(entries, 1):  # it writes one record per event
        newest[entry.key] = entry.value
        marks.append(Mark(entry.at, done))
    decode = msgspec.json.Decoder(Counts).decode
    return _thinned(marks), {msgspec.json.decode(key): decode(value) for key, value in newest.items()}


# Our worker


def _worker(task: Task) -> Outcome:
    return _run_worker(task, "worker", tags="")


def _worker_cold(task: Task) -> Outcome:
    return _run_worker(task, "worker_cold", tags=TAG_MODEL)


def _run_worker(task: Task, name: str, tags: str) -> Outcome:
    port = free_port()
    config = task.folder / "beckon.toml"
    _write_config(config, task, tags, port)

    def look() -> None:
        if tags:
            time.sleep(_COUNTS_S)
            _check_model(port, name)

    plan = _Plan(
        name,
        command=[*BECKON, "worker", "--config", str(config)],
        environment={},
        topics=[task.prefix + topic.name for topic in ALL],
        group=task.prefix + "beckon",
        changelog=task.prefix + CHANGELOG.name,
        promotions=task.prefix + PROMOTIONS.name,
        read=_read_profiles,
        look=look,
        begun=_ready_in,
        dead_letters=task.prefix + DEAD_LETTERS.name,
    )
    return _on_kafka(task, plan)


def _write_config(path: Path, task: Task, tags: str, port: int) -> None:
    sections: dict[str, dict[str, str | int]] = {
        "kafka": {"servers": task.broker.servers},
        "topics": {"prefix": task.prefix, "partitions": task.broker.partitions},
        "campaigns": {"file": str(CAMPAIGNS[task.job])},
        "models": {"dir": str(task.models.resolve()), "tags": tags},
        "worker": {"data_dir": str(task.folder)},
        "metrics": {"port": port},
    }
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _check_model(port: int, name: str) -> None:
    """Raise `BenchError` unless the model has read texts, and none fell back to its category."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            counts = read_counts(str(answer.read(), "utf-8"))
    except (OSError, HTTPException) as error:
        raise BenchError(name, f"does not answer for its model: {error}", "run it again") from None
    if not counts["texts_scored"] or counts["fallbacks"]:
        problem = f"scored {counts['texts_scored']} texts, {counts['fallbacks']} fell back to their category"
        raise BenchError(name, problem, "look at `beckon models verify`")


def _read_profiles(entries: Iterable[Entry]) -> tuple[list[Mark], dict[str, Counts]]:
    newest: dict[bytes, Profile] = {}
    positions: dict[str, int] = {}
    done = 0
    marks = []
    for entry in entries:
        profile = newest[entry.key] = decode_profile(entry.value)
        # A profile holds the offset of its newest event: all events before it were applied by then.
        for source, offset in profile.positions.items():
            before = positions.get(source, -1)
            if offset > before:
                positions[source] = offset
                done += offset - before
        marks.append(Mark(entry.at, done))
    return _thinned(marks), {key.decode(): _counts(profile) for key, profile in newest.items()}


def _ready_in(log: str) -> list[Mark]:
    """Return the moment from which events flow, as the worker logs it."""
    lines = [line for line in log.splitlines() if " worker_ready " in line]
    at = parse_time(lines[-1].split()[0]) if lines else None
    return [] if at is None else [Mark(at / 1000, 0)]


def _counts(profile: Profile) -> Counts:
    return Counts(
        profile.views,
        profile.clicks,
        profile.cart_adds,
        profile.searches,
        profile.orders,
        profile.refunds,
    )


def _thinned(marks: Sequence[Mark]) -> list[Mark]:
    """Return one mark per moment, the one that knows most."""
    return list({mark.at: mark for mark in marks}.values())


# Our replay


class _Line(Counts, frozen=True, kw_only=True):
    user_id: str


class _Summary(Struct, frozen=True):
    seconds: float
    applied: int


def _replay(task: Task) -> Outcome:
    out = task.folder / "out"
    command = [*BECKON, "replay", str(task.file), "--campaigns", str(CAMPAIGNS[task.job])]
    command += ["--tags", "category", "--out", str(out)]
    events = len(task.records)
    with MeasuredProcess("replay", command, task.core, task.folder / "log", {}) as process:
        process.wait(_START_S + events / _SLOWEST)
    summary = msgspec.json.decode((out / "summary.json").read_bytes(), type=_Summary)
    if summary.applied != events:
        raise BenchError("replay", f"applied {summary.applied} of {events} events", "this is a bug")
    # The summary is written last: its own time of work ends there, the interpreter's start is before it.
    ended = (out / "summary.json").stat().st_mtime
    marks = [Mark(ended - summary.seconds, 0), Mark(ended, events)]
    lines = (msgspec.json.decode(line, type=_Line) for line in (out / "profiles.jsonl").open("rb"))
    counts = {line.user_id: _without_id(line) for line in lines}
    with (out / "promotions.jsonl").open("rb") as promotions:
        return Outcome(rate(marks, process.samples), counts, sum(1 for _ in promotions))


def _without_id(line: _Line) -> Counts:
    return Counts(line.views, line.clicks, line.cart_adds, line.searches, line.orders, line.refunds)


def _model_missing(models: Path) -> str:
    return "" if (models / TAG_MODEL / "current").exists() else f"no model in {models / TAG_MODEL}"


STOCK = "stock"
ENGINES: tuple[Engine, ...] = (
    Engine(STOCK, "stock Faust agent with a table", _stock, slow=True),
    Engine("worker", "Beckon worker, no model", _worker),
    Engine("worker_cold", "Beckon worker, each text new to its model", _worker_cold, True, _model_missing),
    Engine("replay", "Beckon replay, from a file", _replay),
)

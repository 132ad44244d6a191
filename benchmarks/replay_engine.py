"""Our replay as an engine: the same functions as the worker's, from a file, without Kafka."""

import msgspec
from msgspec import Struct

from benchmarks.beckon_worker import campaigns_of, profile_settings, toml
from benchmarks.events import Counts
from benchmarks.process import BECKON, BenchError, MeasuredProcess
from benchmarks.task import SLOWEST, START_S, Outcome, Task
from benchmarks.timeline import Mark, rate


class _Line(Counts, frozen=True, kw_only=True):
    user_id: str


class _Summary(Struct, frozen=True):
    seconds: float
    applied: int


def run(task: Task) -> Outcome:
    """Replay the file of events with one process."""
    out = task.folder / "out"
    config = task.folder / "beckon.toml"
    config.write_text(toml({"profile": profile_settings(task.load.job)}), encoding="utf-8")
    command = [
        *BECKON,
        "replay",
        str(task.file),
        "--config",
        str(config),
        "--tags",
        "category",
        "--jobs",
        "1",
    ]
    command += ["--campaigns", str(campaigns_of(task.load, task.folder)), "--out", str(out)]
    events = len(task.records)
    with MeasuredProcess("replay", command, task.core, task.folder / "log", {}) as process:
        process.wait(START_S + events / SLOWEST)
    summary = msgspec.json.decode((out / "summary.json").read_bytes(), type=_Summary)
    if summary.applied != events:
        raise BenchError("replay", f"applied {summary.applied} of {events} events", "this is a bug")
    # The summary is written last: its own time of work ends there, the interpreter's start is before it.
    ended = (out / "summary.json").stat().st_mtime
    marks = [Mark(ended - summary.seconds, 0), Mark(ended, events)]
    lines = (msgspec.json.decode(line, type=_Line) for line in (out / "profiles.jsonl").open("rb"))
    counts = {line.user_id: _without_id(line) for line in lines}
    whole = rate(marks, process.samples)
    with (out / "promotions.jsonl").open("rb") as promotions:
        return Outcome(whole, whole, counts, sum(1 for _ in promotions))


def _without_id(line: _Line) -> Counts:
    return Counts(line.views, line.clicks, line.cart_adds, line.searches, line.orders, line.refunds)

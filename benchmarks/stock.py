"""Stock Faust as an engine: the agent of `benchmarks.faust_stock`."""

import sys
from collections.abc import Iterable

import msgspec

from benchmarks.broker import Entry
from benchmarks.events import Counts
from benchmarks.promoting import rule_of
from benchmarks.task import Outcome, Plan, Reading, Task, reading, run_on_kafka, sources
from benchmarks.timeline import Mark


def run(task: Task) -> Outcome:
    """Run one Faust worker to the end of the events."""
    app = task.prefix + "stock"
    promotions = app + "-promotions"
    changelog = app + "-profiles-changelog"
    rule = rule_of(task.load.promotions)
    environment = {
        "STOCK_APP": app,
        "STOCK_SERVERS": task.broker.servers,
        "STOCK_PARTITIONS": str(task.broker.partitions),
        "STOCK_TOPICS": ",".join(sources(task)),
        "STOCK_PROMOTIONS": promotions,
        "STOCK_FOLDER": str(task.folder),
        "STOCK_TRIGGERS": ",".join(rule.triggers),
        "STOCK_INTEREST": str(rule.interest),
        "STOCK_PROMOTED": ",".join(rule.categories),
    }
    command = [sys.executable, "-m", "benchmarks.faust_stock", "worker", "--without-web", "-l", "warn"]
    topics = [*sources(task), promotions, changelog]
    plan = Plan("stock", command, environment, topics, app, changelog, promotions, read)
    return run_on_kafka(task, plan)


def read(entries: Iterable[Entry]) -> Reading:
    """Return what its changelog tells: it writes one record per event."""
    newest: dict[bytes, bytes] = {}
    marks = []
    for done, entry in enumerate(entries, 1):
        newest[entry.key] = entry.value
        marks.append(Mark(entry.at, done))
    decode = msgspec.json.Decoder(Counts).decode
    counts = {msgspec.json.decode(key): decode(value) for key, value in newest.items()}
    return reading(marks, counts, newest)

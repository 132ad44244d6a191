"""Kafka Streams as an engine: the program of `benchmarks/kafka_streams`, built once and kept with Kafka's jars.

Tuned as its documentation says: a compact binary record, 64 MB of cache, large linger and batches, one thread,
a serial collector on the one core, state in memory as ours is, changelog flushed once a second.
"""

import shutil
import struct
import subprocess
from collections.abc import Iterable
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

from benchmarks.broker import Entry
from benchmarks.events import Counts, Job, Load
from benchmarks.process import ROOT, BenchError
from benchmarks.promoting import rule_of
from benchmarks.task import Outcome, Plan, Reading, Task, reading, run_on_kafka, sources
from benchmarks.timeline import Mark
from schemas.errors import BrokerError
from streams import kafka_jars

AT_LEAST_ONCE, EXACTLY_ONCE = "at_least_once", "exactly_once_v2"
FLUSH_MS = 1000
#: A transaction holds its promotions back until it ends, so it ends as often as ours.
TRANSACTION_MS = 100
_PROGRAM = ROOT / "benchmarks" / "kafka_streams"
_FLAGS = ("-Xms1g", "-Xmx1g", "-XX:TieredStopAtLevel=4", "-XX:ActiveProcessorCount=1")
#: Views, additions, orders: the head of a profile's bytes.
_HEAD = struct.Struct(">iii")


def run(task: Task, name: str, guarantee: str) -> Outcome:
    """Run the program to the end of the events."""
    app = task.prefix + "streams"
    promotions = app + "-promotions"
    changelog = app + "-profiles-changelog"
    rule = rule_of(task.load.promotions)
    (topic,) = sources(task)
    environment = {
        "STREAMS_APP": app,
        "STREAMS_SERVERS": task.broker.servers,
        "STREAMS_TOPIC": topic,
        "STREAMS_PROMOTIONS": promotions,
        "STREAMS_FOLDER": str(task.folder),
        "STREAMS_TRIGGERS": ",".join(rule.triggers),
        "STREAMS_INTEREST": str(rule.interest),
        "STREAMS_PROMOTED": ",".join(rule.categories),
        "STREAMS_STORE": "memory",
        "STREAMS_GUARANTEE": guarantee,
        "STREAMS_COMMIT_MS": str(FLUSH_MS if guarantee == AT_LEAST_ONCE else TRANSACTION_MS),
    }
    command = [*kafka_jars.jvm(build(), _FLAGS), "PeerJob"]
    plan = Plan(
        name,
        command,
        environment,
        [topic, promotions, changelog],
        app,
        changelog,
        promotions,
        read,
        begun=begun,
    )
    return run_on_kafka(task, plan)


at_least_once = partial(run, name="kafka_streams", guarantee=AT_LEAST_ONCE)
exactly_once = partial(run, name="kafka_streams_eos", guarantee=EXACTLY_ONCE)


def missing(load: Load, _: Path) -> str:
    """Return why the program cannot run, in one line, or ""."""
    if load.job is not Job.PEER:
        return "it does the peer job only"
    try:
        build()
    except (BrokerError, BenchError) as error:
        return f"{error.field}: {error.problem}"
    return ""


@cache
def build() -> Path:
    """Return a folder with `libs`, jars and classes; raise `BenchError` or `BrokerError` without Java or Maven."""
    source, project = _PROGRAM / "PeerJob.java", _PROGRAM / "pom.xml"
    digest = sha256(source.read_bytes() + project.read_bytes()).hexdigest()[:12]
    target = kafka_jars.cache_dir() / f"kafka-streams-{kafka_jars.VERSION}-{digest}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with kafka_jars.only_one(target.with_suffix(".lock")):
        if not (target / "done").exists():
            shutil.rmtree(target, ignore_errors=True)
            compiler = _compiler()
            text = project.read_text(encoding="utf-8").replace("VERSION", kafka_jars.VERSION)
            kafka_jars.fetch_jars(text, target / "libs")
            _compile(compiler, source, target)
            (target / "done").touch()
    return target


def begun(log: str) -> float | None:
    """Return the second of its first event, as the program prints it."""
    times = [line.split()[1] for line in log.splitlines() if line.startswith("begun ")]
    return int(times[0]) / 1000 if times else None


def read(entries: Iterable[Entry]) -> Reading:
    """Return what its changelog tells: every event moved one of three counters."""
    newest: dict[bytes, bytes] = {}
    counts: dict[str, Counts] = {}
    done = 0
    marks = []
    for entry in entries:
        newest[entry.key] = entry.value
        shopper = entry.key.decode()
        before = counts.get(shopper, Counts())
        views, added, orders = _HEAD.unpack_from(entry.value)
        done += views + added + orders - before.views - before.cart_adds - before.orders
        counts[shopper] = Counts(views=views, cart_adds=added, orders=orders)
        marks.append(Mark(entry.at, done))
    return reading(marks, counts, newest)


def _compiler() -> str:
    beside = Path(kafka_jars.java()).resolve().parent / "javac"
    found = str(beside) if beside.exists() else shutil.which("javac")
    if found is None:
        raise BenchError("kafka_streams", "needs a Java compiler (`javac`)", "install a JDK")
    return found


def _compile(compiler: str, source: Path, target: Path) -> None:
    classes = target / "classes"
    command = [compiler, "-cp", f"{target}/libs/*", "-d", str(classes), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        problem = f"does not compile ({kafka_jars.first_error(done.stdout + done.stderr)})"
        raise BenchError("kafka_streams", problem, "give it Java 17 or newer")
    # Beside the jars, where the class path of `kafka_jars.jvm` finds it.
    shutil.make_archive(str(target / "libs" / "peer-job"), "zip", classes)
    (target / "libs" / "peer-job.zip").rename(target / "libs" / "peer-job.jar")

"""`beckon bench recovery`: how long a killed worker takes until its next decision, from the changelog alone.

In the same call a plain consumer reads the same changelog into a dict: what it takes is the floor.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from msgspec import Struct

from benchmarks.beckon_worker import command, toml, worker_sections
from benchmarks.broker import BenchBroker
from benchmarks.events import START_MS, Record
from benchmarks.live import Reader, is_ready, until
from benchmarks.process import BenchError, MeasuredProcess, cores, pinned, resident_mb
from benchmarks.promoting import Rule, campaign_file
from benchmarks.stand import Machine, machine, own_or_given
from processors.fold import fold
from processors.policy import ProfilePolicy
from schemas.codec import encode_profile
from schemas.events import Envelope, EventName, ProductEvent
from schemas.ids import EventTime, ProductId, ShopperId, Tag, digest_of
from schemas.profiles import Profile
from schemas.timestamps import iso_utc, parse_time
from schemas.topics import ALL, CHANGELOG, CLICKS, PROMOTIONS
from streams.demo.plan import free_port

#: Every addition brings a decision: the first one after the restart is the moment we wait for.
_RULE = Rule(("Product Added",), 0.0, ("yoga",))
_PROFILE_BYTES = 1000
_PATIENCE_S = 600.0
_AT_ONCE = 10_000

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """`session_s`: how long the group waits for the dead worker before it gives its partitions away."""

    profiles: int
    partitions: int
    runs: int
    session_s: float
    kafka: str | None


class Run(Struct, frozen=True):
    """Seconds after the kill: when the new worker was ready, when its first decision was readable.

    `restore_s` is what the worker says of reading the changelog; `floor_s` what the plain consumer took for it.
    `resident_mb` is the new worker's memory then.
    """

    ready_s: float
    decision_s: float
    restore_s: float
    floor_s: float
    resident_mb: float


class Report(Struct, frozen=True):
    """`ratio`: seconds to the first decision in seconds of the plain consumer, the median of the runs."""

    profiles: int
    profile_bytes: int
    partitions: int
    session_s: float
    runs: list[Run]
    ratio: float
    machine: Machine


def run(request: Request, say: Say) -> Report:
    """Measure and return the report."""
    broker_core, engine_core = cores()
    template = full_to(_PROFILE_BYTES)
    with TemporaryDirectory(prefix="beckon-bench-") as name, pinned(broker_core):
        folder = Path(name)
        with own_or_given(request.kafka, broker_core, request.partitions, say) as (broker, kafka):
            runs = []
            for number in range(request.runs):
                place = folder / str(number)
                place.mkdir()
                runs.append(_run(request, broker, place, engine_core, template, say))
                say(words(runs[-1]))
    where = machine(broker_core if request.kafka is None else None, engine_core, kafka)
    ratios = sorted(one.decision_s / one.floor_s for one in runs)
    size = len(encode_profile(template))
    ratio = round(ratios[len(ratios) // 2], 2)
    return Report(request.profiles, size, request.partitions, request.session_s, runs, ratio, where)


def words(one: Run) -> str:
    """Return a run in one line."""
    return (
        f"first decision {one.decision_s:.1f} s after the kill (ready after {one.ready_s:.1f} s, of which"
        f" {one.restore_s:.1f} s reading the changelog; a plain consumer {one.floor_s:.1f} s;"
        f" {one.resident_mb:,.0f} MB)"
    )


def table(report: Report) -> str:
    """Return the report as people read it."""
    head = (
        f"{report.profiles:,} profiles of {report.profile_bytes:,} bytes, {report.partitions} partitions,"
        f" session timeout {report.session_s:g} s"
    )
    ratio = f"{report.ratio:.2f} times a plain consumer that reads the changelog into a dict"
    return "\n".join([head, *(words(one) for one in report.runs), ratio, report.machine.words()])


def full_to(size: int) -> Profile:
    """Return a profile of about so many bytes in the changelog."""
    profile = Profile(ShopperId("u0000000"))
    policy = ProfilePolicy()
    for number in range(10_000):
        if len(encode_profile(profile)) >= size:
            break
        message = f"m{number}"
        at = EventTime(START_MS + number * 60_000)
        envelope = Envelope(profile.shopper, message, digest_of(message), at, known=True)
        product = ProductId(f"p{number:04d}")
        fold(
            profile,
            ProductEvent(envelope, EventName.PRODUCT_VIEWED, product),
            (((Tag("yoga"), 1.0),),),
            policy,
        )
    return profile


def _changelog(template: Profile, count: int) -> Iterator[Record]:
    for number in range(count):
        template.shopper = ShopperId(_shopper(number))
        name = EventName.PRODUCT_VIEWED  # not looked at
        yield Record(CHANGELOG.name, template.shopper, name, encode_profile(template))


def _shopper(number: int) -> str:
    return f"u{number:07d}"


def _run(request: Request, broker: BenchBroker, folder: Path, core: int, template: Profile, say: Say) -> Run:
    prefix = f"bench-{uuid4().hex[:8]}-"
    try:
        broker.create([prefix + topic.name for topic in ALL])
        say(f"filling the changelog with {request.profiles:,} profiles")
        broker.fill(prefix, _changelog(template, request.profiles))
        with pinned(core):  # where the worker will be, too
            floor_s = _read_plainly(broker, prefix + CHANGELOG.name)
        reader = Reader(broker.servers, prefix + PROMOTIONS.name, broker.partitions)
        try:
            return _killed_and_started(request, broker, prefix, folder, core, reader, floor_s)
        finally:
            reader.stop()
    finally:
        broker.remove(prefix)


def _killed_and_started(
    request: Request,
    broker: BenchBroker,
    prefix: str,
    folder: Path,
    core: int,
    reader: Reader,
    floor_s: float,
) -> Run:
    last = START_MS + 30 * 86_400_000
    with _worker(request, broker, prefix, folder / "first", core) as (process, port):
        until(process, lambda: is_ready(port))
        broker.fill(prefix, [_addition("m-before", _shopper(0), last)])
        until(process, lambda: reader.count() > 0)
        killed = time.time()
        process.kill()
    broker.fill(prefix, [_addition("m-after", _shopper(1), last)])
    with _worker(request, broker, prefix, folder / "second", core) as (process, port):
        until(process, lambda: is_ready(port))
        ready = time.time()
        until(process, lambda: reader.count() > 1)
        resident = resident_mb(process.pid)
    decided = next(seen.at for seen in reader.stop() if seen.event_id == "m-after")
    log = (folder / "second" / "log").read_text(encoding="utf-8", errors="replace")
    return Run(
        round(ready - killed, 2),
        round(decided - killed, 2),
        _restore_s(log),
        round(floor_s, 2),
        round(resident),
    )


@contextmanager
def _worker(
    request: Request, broker: BenchBroker, prefix: str, folder: Path, core: int
) -> Iterator[tuple[MeasuredProcess, int]]:
    folder.mkdir()
    port, config, campaigns = free_port(), folder / "beckon.toml", folder / "campaigns.yaml"
    campaigns.write_bytes(campaign_file(_RULE))
    sections = worker_sections(broker, prefix, folder, port)
    sections["kafka"] = {**sections["kafka"], "session_timeout_s": request.session_s}
    sections["campaigns"] = {"file": str(campaigns)}
    sections["models"] = {"tags": ""}
    config.write_text(toml(sections), encoding="utf-8")
    with MeasuredProcess("worker", command(config), core, folder / "log", {}) as process:
        yield process, port


def _addition(message_id: str, shopper: str, at: int) -> Record:
    value = {
        "type": "track",
        "event": EventName.PRODUCT_ADDED.value,
        "messageId": message_id,
        "timestamp": iso_utc(at),
        "userId": shopper,
        "properties": {"product_id": "p1", "category": "yoga"},
    }
    return Record(CLICKS.name, shopper, EventName.PRODUCT_ADDED, msgspec.json.encode(value))


def _read_plainly(broker: BenchBroker, topic: str) -> float:
    """Read a topic to its end with a plain consumer, into a dict of bytes; return the seconds it took."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.servers,
            "group.id": "beckon-bench-floor",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "queued.min.messages": 1_000_000,
            "log_level": 0,
        }
    )
    started = time.monotonic()
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(broker.partitions)])
    held: dict[bytes | None, bytes | None] = {}
    ended = 0
    try:
        while ended < broker.partitions:
            for message in consumer.consume(_AT_ONCE, 0.05):
                error = message.error()
                if error is None:
                    held[message.key()] = message.value()
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended += 1
            if time.monotonic() - started > _PATIENCE_S:
                raise BenchError("kafka", f"{topic} cannot be read to its end", "look at the broker's log")
    finally:
        consumer.close()
    return time.monotonic() - started


def _restore_s(log: str) -> float:
    """Return the seconds from the worker's line that it reads the changelog to the one that it is ready."""
    times = {}
    for line in log.splitlines():
        at, _, rest = line.partition(" ")
        for event in ("worker_restoring", "worker_ready"):
            if f" {event} " in f" {rest} ":
                times[event] = parse_time(at)
    began, ready = times.get("worker_restoring"), times.get("worker_ready")
    return 0.0 if began is None or ready is None else (ready - began) / 1000

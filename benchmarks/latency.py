"""`beckon bench latency`: from an event in Kafka to its promotion in the hands of a reader, under steady load.

An event's time is the broker's stamp on it; a promotion's is the moment when a `read_committed` consumer on the
same machine has it. In the same call a bare relay runs under the same load: what it takes is Kafka's share.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from confluent_kafka import Producer
from msgspec import Struct

from benchmarks import throughput
from benchmarks.broker import BenchBroker
from benchmarks.events import Job, Load, Record, each_product_once, make
from benchmarks.live import Reader, Seen, Server, relay, worker
from benchmarks.process import BenchError, cores, pinned
from benchmarks.report import aligned
from benchmarks.stand import Machine, machine, own_or_given
from schemas.topics import CLICKS
from streams.simulator_sinks import Pace

#: Texts that the worker has not seen before, as a shop with some new products has them.
UNSEEN = 0.01
SHOPPERS = 5_000
_TURN_S = 0.002
#: No promotion for so long: all have come, late ones too.
_SILENCE_S = 1.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """`rate_max` None: measured before, with `measure_events`; `shares` of it are the loads.

    Promotions of the first `warm_s` seconds do not count: compilers and caches are cold. `tags`: the model in the
    loop, or "".
    """

    rate_max: float | None
    shares: Sequence[float]
    seconds: float
    warm_s: float
    measure_events: int
    kafka: str | None
    models: Path
    tags: str


class Point(Struct, frozen=True):
    """One engine under one load; times in ms from the event's stamp. `offered` and `sent` are events per second.

    `stamped_p50_ms`: until the broker has the promotion, which a transaction may still hide from readers.
    """

    engine: str
    share: float
    offered: float
    sent: float
    promotions: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    stamped_p50_ms: float


class Report(Struct, frozen=True):
    """`ratio`: the worker's p50 to that of the bare relay, by share of the maximum."""

    rate_max: float
    points: list[Point]
    ratio: dict[str, float]
    machine: Machine


def run(request: Request, say: Say) -> Report:
    """Measure and return the report."""
    broker_core, engine_core = cores()
    with TemporaryDirectory(prefix="beckon-bench-") as name, pinned(broker_core):
        folder = Path(name)
        with own_or_given(request.kafka, broker_core, throughput.PARTITIONS, say) as (broker, kafka):
            rate_max = request.rate_max or _rate_max(request, broker, say)
            points = []
            for share in request.shares:
                for server in (relay, worker):
                    place = folder / f"{server.__name__}-{share}"
                    place.mkdir()
                    task = _Task(broker, place, engine_core, request, share, rate_max * share)
                    points.append(_point(task, server.__name__, server))
                    say(words(points[-1]))
    where = machine(broker_core if request.kafka is None else None, engine_core, kafka)
    return Report(round(rate_max), points, _ratios(points, request.shares), where)


def words(point: Point) -> str:
    """Return a point in one line."""
    return (
        f"{point.engine} at {point.share:.0%}, {point.sent:,.0f} events/s: p50 {point.p50_ms:.1f} ms,"
        f" p99 {point.p99_ms:.1f} ms, p99.9 {point.p999_ms:.1f} ms of {point.promotions:,} promotions"
    )


def table(report: Report) -> str:
    """Return the report as people read it."""
    rows = [("engine", "load", "events/s", "promotions", "p50 ms", "p99", "p99.9", "max", "stamped p50")]
    for point in report.points:
        times = (point.p50_ms, point.p99_ms, point.p999_ms, point.max_ms, point.stamped_p50_ms)
        p50, p99, p999, longest, stamped = (f"{ms:.1f}" for ms in times)
        load, sent, seen = f"{point.share:.0%}", f"{point.sent:,.0f}", f"{point.promotions:,}"
        rows.append((point.engine, load, sent, seen, p50, p99, p999, longest, stamped))
    beside = ", ".join(f"{ratio:.1f} at {share}" for share, ratio in report.ratio.items())
    return "\n".join(
        [
            *aligned(rows),
            "",
            f"the maximum is {report.rate_max:,.0f} events/s; worker's p50 to the bare relay's: {beside}",
            report.machine.words(),
        ]
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of sorted values.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5), percentile([1.0, 2.0, 3.0, 4.0], 0.99)
    (2.0, 4.0)
    """
    return values[max(0, -int(-share * len(values) // 1) - 1)]


@dataclass(frozen=True)
class _Task:
    broker: BenchBroker
    folder: Path
    core: int
    request: Request
    share: float
    rate: float


def _rate_max(request: Request, broker: BenchBroker, say: Say) -> float:
    """Return the events per second of a worker that works through a backlog, warm, with the same texts."""
    load = Load(Job.PEER, request.measure_events, SHOPPERS, unseen=UNSEEN)
    name = "worker_model" if request.tags else "worker"
    asked = throughput.Request(
        load, load.events, 1, broker.servers, [name], request.models, warm=True, partitions=broker.partitions
    )
    return throughput.run(asked, say).engines[name].events_per_s[0]


def _point(task: _Task, name: str, server: Server) -> Point:
    prefix = f"bench-{uuid4().hex[:8]}-"
    request = task.request
    load = Load(Job.PEER, round(task.rate * (request.seconds + request.warm_s)), SHOPPERS, unseen=UNSEEN)
    try:
        with _served(task, server, prefix, load) as reader:
            task.broker.fill(prefix, each_product_once())
            began = time.time()
            took_s = send(task.broker.servers, prefix, make(load), task.rate)
            _drain(reader)
            seen = reader.stop()
        stamps = {reader.event_id(entry.value): entry.at for entry in task.broker.read(prefix + CLICKS.name)}
        return _summary(name, task, load.events / took_s, seen, stamps, began + request.warm_s)
    finally:
        task.broker.remove(prefix)


def _drain(reader: Reader) -> None:
    count = -1
    while reader.count() != count:
        count = reader.count()
        time.sleep(_SILENCE_S)


@contextmanager
def _served(task: _Task, server: Server, prefix: str, load: Load) -> Iterator[Reader]:
    with server(task.broker, prefix, task.folder, task.core, load, task.request) as topic:
        reader = Reader(task.broker.servers, topic, task.broker.partitions)
        try:
            yield reader
        finally:
            reader.stop()


def _summary(
    name: str, task: _Task, sent: float, seen: Sequence[Seen], stamps: dict[str, float], start: float
) -> Point:
    counted = [one for one in seen if stamps[one.event_id] >= start]
    if not counted:
        raise BenchError(name, f"promoted nothing at {task.rate:,.0f} events/s", "give it more --seconds")
    waits = sorted(1000 * (one.at - stamps[one.event_id]) for one in counted)
    stamped = sorted(1000 * (one.stamped - stamps[one.event_id]) for one in counted)
    return Point(
        engine=name,
        share=task.share,
        offered=round(task.rate, 1),
        sent=round(sent, 1),
        promotions=len(counted),
        p50_ms=round(percentile(waits, 0.5), 2),
        p99_ms=round(percentile(waits, 0.99), 2),
        p999_ms=round(percentile(waits, 0.999), 2),
        max_ms=round(waits[-1], 2),
        stamped_p50_ms=round(percentile(stamped, 0.5), 2),
    )


def _ratios(points: Sequence[Point], shares: Sequence[float]) -> dict[str, float]:
    by_name = {(point.engine, point.share): point.p50_ms for point in points}
    found = {}
    for share in shares:
        floor = by_name.get((relay.__name__, share))
        if floor:
            found[f"{share:.0%}"] = round(by_name[worker.__name__, share] / floor, 2)
    return found


def send(servers: str, prefix: str, records: Iterator[Record], rate: float) -> float:
    """Send records at a steady rate and return the seconds that it took."""
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "linger.ms": 1,
            "log_level": 0,
        }
    )
    start = time.monotonic()
    pace = Pace(rate, start)
    left = True
    while left:
        for _ in range(pace.take(time.monotonic())):
            record = next(records, None)
            if record is None:
                left = False
                break
            producer.produce(prefix + record.topic, record.value, record.key)
        producer.poll(0)
        time.sleep(_TURN_S)
    took_s = time.monotonic() - start
    if producer.flush(30):
        raise BenchError("kafka", "did not take all events", "look at the broker's log")
    return took_s

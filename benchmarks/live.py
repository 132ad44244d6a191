"""Engines that run while the bench sends, and the reader of what they promote."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.request import urlopen

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from msgspec import Struct

from benchmarks.beckon_worker import Variant, command, write_config
from benchmarks.broker import BenchBroker
from benchmarks.events import Load
from benchmarks.process import SAMPLE_S, MeasuredProcess
from benchmarks.task import Task
from schemas.topics import ALL, CLICKS, PROMOTIONS
from streams.demo.plan import free_port

if TYPE_CHECKING:
    from benchmarks.latency import Request

#: A worker may have a gigabyte of profiles to read before it is ready.
PATIENCE_S = 600.0

#: Starts an engine and yields the topic of its promotions.
Server = Callable[[BenchBroker, str, Path, int, Load, "Request"], AbstractContextManager[str]]


class Seen(NamedTuple):
    """A promotion: the event that brought it, when we had it, when the broker got it; seconds since 1970."""

    event_id: str
    at: float
    stamped: float


class _Trigger(Struct):
    message_id: str


class _Value(Struct, rename={"message_id": "messageId"}):
    """An event, or a promotion of ours."""

    message_id: str = ""
    trigger: _Trigger | None = None


class Reader:
    """Reads a topic in a thread, `read_committed`, from its first record on."""

    def __init__(self, servers: str, topic: str, partitions: int) -> None:
        self._decode = msgspec.json.Decoder(_Value).decode
        self._seen: list[tuple[float, Any]] = []
        self._told = Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "beckon-bench-reader",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 100,
                "log_level": 0,
            }
        )
        self._consumer.assign([TopicPartition(topic, n, OFFSET_BEGINNING) for n in range(partitions)])
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def stop(self) -> list[Seen]:
        """End the thread; return what it read."""
        if self._thread.is_alive():
            self._told.set()
            self._thread.join()
            self._consumer.close()
        return [
            Seen(self.event_id(message.value()), at, message.timestamp()[1] / 1000)
            for at, message in self._seen
        ]

    def count(self) -> int:
        """Return how many records there are so far."""
        return len(self._seen)

    def event_id(self, raw: bytes) -> str:
        """Return the messageId of an event, or of the event that a promotion came from."""
        value = self._decode(raw)
        return value.message_id if value.trigger is None else value.trigger.message_id

    def _read(self) -> None:
        while not self._told.is_set():
            message = self._consumer.poll(0.2)
            if message is not None and message.error() is None:
                self._seen.append((time.time(), message))


@contextmanager
def relay(
    broker: BenchBroker, prefix: str, folder: Path, core: int, _load: Load, _request: "Request"
) -> Iterator[str]:
    """Run `benchmarks.relay`."""
    topic, out = prefix + CLICKS.name, prefix + "relayed"
    broker.create([topic, out])
    environment = {
        "RELAY_SERVERS": broker.servers,
        "RELAY_TOPIC": topic,
        "RELAY_OUT": out,
        "RELAY_GROUP": prefix + "relay",
    }
    log = folder / "log"
    with MeasuredProcess(
        "relay", [sys.executable, "-m", "benchmarks.relay"], core, log, environment
    ) as process:
        until(process, lambda: b"relay_ready" in log.read_bytes())
        yield out


@contextmanager
def worker(
    broker: BenchBroker, prefix: str, folder: Path, core: int, load: Load, request: "Request"
) -> Iterator[str]:
    """Run our worker."""
    broker.create([prefix + topic.name for topic in ALL])
    port, config = free_port(), folder / "beckon.toml"
    task = Task(load, broker, (), folder, folder, prefix, core, request.models)
    write_config(config, task, Variant("worker", tags=request.tags), port)
    with MeasuredProcess("worker", command(config), core, folder / "log", {}) as process:
        until(process, lambda: is_ready(port))
        yield prefix + PROMOTIONS.name


def is_ready(port: int) -> bool:
    """Return whether the worker at this port takes events."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):  # not there yet
        return False


def until(process: MeasuredProcess, is_up: Callable[[], bool]) -> None:
    """Wait for something of a process; raise `BenchError` if it ends, or takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_up():
        time.sleep(SAMPLE_S)
        if process.sample() is not None:
            raise process.failed("ended by itself")
        if time.monotonic() > deadline:
            raise process.failed(f"was not that far within {PATIENCE_S:.0f} s")

"""Where a bench runs: the machine in words, and a broker of its own or the one that was given."""

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from benchmarks.broker import BenchBroker
from streams import kafka_jars, local_kafka

#: The broker of a bench compiles as a real one does; the default of `local_kafka` is for short tests.
_BROKER_FLAGS = ("-XX:TieredStopAtLevel=4",)


class Machine(Struct, frozen=True):
    """Where it ran. A broker that was given has an address instead of a version, and no core of ours."""

    processor: str
    cores: int
    broker_core: int | None
    engine_core: int
    python: str
    kafka: str

    def words(self) -> str:
        """Return the machine in one line."""
        broker = "where it is" if self.broker_core is None else f"on {self.broker_core}"
        where = f"{self.cores} cores: broker {broker}, engine on {self.engine_core}"
        return f"{self.processor}, {where}; Python {self.python}, Kafka {self.kafka}"


def machine(broker_core: int | None, engine_core: int, kafka: str) -> Machine:
    """Return this machine; `kafka` is the broker's version, or where it is."""
    return Machine(
        processor(), os.cpu_count() or 1, broker_core, engine_core, platform.python_version(), kafka
    )


@contextmanager
def own_or_given(
    given: str | None, core: int, partitions: int, say: Callable[[str], None]
) -> Iterator[tuple[BenchBroker, str]]:
    """Yield a broker and its version, or where it is; one of our own is gone after the block."""
    if given is not None:
        broker = BenchBroker(given, partitions)
        broker.check()
        yield broker, f"at {given}"
        return
    say(f"starting Apache Kafka {kafka_jars.VERSION} on core {core}")
    own = local_kafka.start(cpus=[core], flags=_BROKER_FLAGS)
    try:
        yield BenchBroker(own.servers, partitions), kafka_jars.VERSION
    finally:
        own.stop()


def processor() -> str:
    """Return what the machine calls its processor."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

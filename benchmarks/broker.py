"""The Kafka of a benchmark: topics that come and go with a run, filled, watched and read from outside.

Its own clock stamps every engine's changelog (LogAppendTime), so all are timed by the same watch.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks.events import Record
from benchmarks.process import BenchError

_PATIENCE_S = 30.0
_FIRST_ANSWER_S = 8.0
_READ_AT_ONCE = 10_000
#: `consume` waits this long for a full hand of records.
_HAND_S = 0.2

Offsets = Mapping[tuple[str, int], int]


class Entry(NamedTuple):
    """A record of a topic; `at` is the broker's second of its arrival."""

    at: float
    key: bytes
    value: bytes
    headers: Mapping[str, bytes]


class BenchBroker:
    """A broker, seen from the bench; `partitions` is the count of every topic it makes."""

    def __init__(self, servers: str, partitions: int) -> None:
        self.servers = servers
        self.partitions = partitions
        self._admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})

    def check(self) -> None:
        """Raise `BenchError` if nobody answers."""
        self._topics()

    def create(self, names: Iterable[str]) -> None:
        """Create topics, stamped by the broker, and return once they have leaders."""
        config = {"message.timestamp.type": "LogAppendTime"}
        new = [NewTopic(name, self.partitions, 1, config=config) for name in names]
        for done in self._admin.create_topics(new, operation_timeout=_PATIENCE_S).values():
            done.result(_PATIENCE_S)
        deadline = time.monotonic() + _PATIENCE_S
        while not all(self._has_leaders(topic.topic) for topic in new):
            if time.monotonic() > deadline:
                raise BenchError("kafka", "gave the new topics no leaders", "look at the broker's log")
            time.sleep(0.05)

    def remove(self, prefix: str) -> None:
        """Delete all topics that begin with `prefix`."""
        mine = [name for name in self._topics() if name.startswith(prefix)]
        if mine:
            for done in self._admin.delete_topics(mine).values():
                done.result(_PATIENCE_S)

    def fill(self, prefix: str, records: Iterable[Record]) -> Offsets:
        """Write events, keyed by shopper, partitioned as Kafka's own clients do; return where each ends."""
        ends: Counter[tuple[str, int]] = Counter()

        def delivered(error: Any, message: Any) -> None:
            if error is None:
                ends[message.topic(), message.partition()] += 1

        producer = Producer(
            {
                "bootstrap.servers": self.servers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 20,
                "queue.buffering.max.messages": 500_000,
                "log_level": 0,
            }
        )
        count = 0
        for count, record in enumerate(records, 1):
            while True:
                try:
                    producer.produce(prefix + record.topic, record.value, record.key, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
            if not count % 1000:
                producer.poll(0)
        producer.flush(_PATIENCE_S)
        if ends.total() != count:
            raise BenchError("kafka", f"took {ends.total()} of {count} events", "look at the broker's log")
        return dict(ends)

    def group(self, name: str) -> "Group":
        """Return a look at what a consumer group has committed."""
        return Group(self.servers, name)

    def read(self, topic: str) -> list[Entry]:
        """Return a whole topic in the order of its broker's stamps."""
        consumer = _consumer(self.servers, "beckon-bench-reader")
        consumer.assign(
            [TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(self.partitions)]
        )
        found: list[Entry] = []
        ended: set[int] = set()
        deadline = time.monotonic() + _PATIENCE_S
        try:
            while len(ended) < self.partitions:
                for message in consumer.consume(_READ_AT_ONCE, _HAND_S):
                    if message.error() is None:
                        found.append(_entry(message))
                        deadline = time.monotonic() + _PATIENCE_S
                    elif message.error().code() == KafkaError._PARTITION_EOF:
                        ended.add(message.partition())
                if time.monotonic() > deadline:
                    raise BenchError(
                        "kafka", f"{topic} cannot be read to its end", "look at the broker's log"
                    )
        finally:
            consumer.close()
        # Stable: within one partition, offsets have the order of stamps.
        found.sort(key=lambda entry: entry.at)
        return found

    def _topics(self) -> list[str]:
        try:
            return list(self._admin.list_topics(timeout=_FIRST_ANSWER_S).topics)
        except KafkaException as error:
            problem = f"{self.servers}: {error.args[0].str()}"
            raise BenchError("kafka", problem, "give --kafka HOST:PORT a broker that answers") from None

    def _has_leaders(self, name: str) -> bool:
        found = self._admin.list_topics(name, timeout=_PATIENCE_S).topics[name].partitions
        return len(found) == self.partitions and all(part.leader >= 0 for part in found.values())


class Group:
    """What a consumer group has committed; ask it, then close it."""

    def __init__(self, servers: str, name: str) -> None:
        self._consumer = _consumer(servers, name)

    def has_reached(self, ends: Offsets) -> bool:
        """Return whether everything before these offsets is committed."""
        asked = [TopicPartition(topic, partition) for topic, partition in ends]
        try:
            found = self._consumer.committed(asked, _PATIENCE_S)
        except KafkaException:  # the group's coordinator is not up yet
            return False
        return all(one.offset >= ends[one.topic, one.partition] for one in found)

    def close(self) -> None:
        """Leave the broker alone."""
        self._consumer.close()


def _entry(message: Any) -> Entry:
    at = message.timestamp()[1] / 1000
    return Entry(at, message.key(), message.value(), dict(message.headers() or ()))


def _consumer(servers: str, group: str) -> Any:
    return Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "log_level": 0,
        }
    )

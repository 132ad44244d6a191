"""What the broker holds: records of topics, committed offsets, members of a group."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.topics import SOURCES
from tests.support.shopping import Sent

PATIENCE_S = 20.0
_AT_ONCE = 50


class Id(NamedTuple):
    """Where a record lies; `topic` is the name without prefix."""

    topic: str
    partition: int
    offset: int


class Record(NamedTuple):
    """One record as read back."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


class Broker:
    """Looks at the topics with one prefix and at the worker group of that prefix."""

    def __init__(self, servers: str, prefix: str) -> None:
        self._servers = servers
        self._prefix = prefix
        self.group = prefix + "beckon"
        self._admin = AdminClient({"bootstrap.servers": servers})
        # It asks for the group's offsets and never joins.
        self._member = Consumer({"bootstrap.servers": servers, "group.id": self.group})

    def produce(self, events: Sequence[Sent], seconds: float = 0.0, **options: object) -> None:
        """Send events as a shop would, keyed by shopper, and return once the broker has them.

        They are spread over so many `seconds`.
        """
        producer = self._producer(options)
        started = time.monotonic()
        for number, (topic, key, value) in enumerate(events):
            producer.produce(self._prefix + topic, value, key.encode())
            if number % _AT_ONCE == 0:
                producer.poll(0)
                time.sleep(max(0.0, started + seconds * number / len(events) - time.monotonic()))
        assert producer.flush(PATIENCE_S) == 0

    def send(self, topic: str, values: Iterable[tuple[bytes | None, bytes | None]]) -> list[Id]:
        """Send raw (key, value) pairs to a topic and return where each of them lies."""
        producer, ids = self._producer({}), dict[int, Id]()
        number = -1
        for number, (key, value) in enumerate(values):

            def note(error: object, message: Any, number: int = number) -> None:
                assert error is None, error
                ids[number] = Id(topic, message.partition(), message.offset())

            producer.produce(self._prefix + topic, value, key, on_delivery=note)
            producer.poll(0)
        assert producer.flush(PATIENCE_S) == 0
        return [ids[place] for place in range(number + 1)]

    def source_of(self, letter: Record) -> Id:
        """Return where the original of a dead letter lies, as its headers say."""
        headers = letter.headers
        return self.id_of(headers["topic"].decode(), int(headers["partition"]), int(headers["offset"]))

    def id_of(self, full_name: str, partition: int, offset: int) -> Id:
        """Return an id for a topic's name on the broker."""
        assert full_name.startswith(self._prefix)
        return Id(full_name.removeprefix(self._prefix), partition, offset)

    def _producer(self, options: Mapping[str, object]) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self._servers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "message.max.bytes": 1_048_000,
                **options,
            }
        )

    def records(self, topic: str) -> list[Record]:
        """Return all committed records of a topic, partition by partition."""
        return self._read(dict.fromkeys(self.ends([topic]), 0))

    def _read(self, starts: Mapping[tuple[str, int], int], *, committed: bool = True) -> list[Record]:
        """Return all records from offsets on. Offsets lie: transactions leave markers between records."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._servers,
                "group.id": f"{self._prefix}reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed" if committed else "read_uncommitted",
                "fetch.wait.max.ms": 50,
            }
        )
        consumer.assign([TopicPartition(*source, offset) for source, offset in starts.items()])
        left, found = set(starts), []
        deadline = time.monotonic() + PATIENCE_S
        while left:
            for message in consumer.consume(10_000, 0.1):
                error = message.error()
                if error is None:
                    found.append(_record(message))
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    left.discard((message.topic(), message.partition()))
            assert time.monotonic() < deadline or not left, f"{left}: no end within {PATIENCE_S} s"
        consumer.close()
        return sorted(found, key=lambda record: (record.topic, record.partition, record.offset))

    def undone(self, topic: str) -> int:
        """Return how many records of a topic were written in transactions that were never committed."""
        starts = dict.fromkeys(self.ends([topic]), 0)
        return len(self._read(starts, committed=False)) - len(self._read(starts))

    def ends(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """Return the end offset per topic and partition number."""
        listed = self._admin.list_topics(timeout=PATIENCE_S).topics
        names = [self._prefix + topic for topic in topics]
        wanted = [TopicPartition(name, number) for name in names for number in listed[name].partitions]
        deadline = time.monotonic() + PATIENCE_S
        while True:
            asked = self._admin.list_offsets({tp: OffsetSpec.latest() for tp in wanted})
            try:
                return {(tp.topic, tp.partition): one.result(PATIENCE_S).offset for tp, one in asked.items()}
            except KafkaException as error:  # a topic that was just made may have no leader yet
                if time.monotonic() > deadline:
                    raise AssertionError(f"no end offsets: {error}") from None
                time.sleep(0.1)

    def committed(self) -> dict[tuple[str, int], int]:
        """Return the offsets of source topics that the worker group has committed."""
        # Not through the admin client: librdkafka 2.16 crashes where the group's coordinator answers with an error.
        wanted = [TopicPartition(name, number) for name, number in self.ends(topic.name for topic in SOURCES)]
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                found = self._member.committed(wanted, timeout=PATIENCE_S)
            except KafkaException as error:  # a broker that just came up does not know its groups yet
                if time.monotonic() > deadline:
                    raise AssertionError(f"no committed offsets: {error}") from None
                time.sleep(0.1)
            else:
                return {(tp.topic, tp.partition): tp.offset for tp in found if tp.offset >= 0}

    def lag(self, topics: Iterable[str]) -> int:
        """Return how many records of source topics the group has not committed."""
        committed = self.committed()
        behind = {
            tp: committed.get(tp, 0) for tp, end in self.ends(topics).items() if end > committed.get(tp, 0)
        }
        return len(self._read(behind)) if behind else 0

    def described(self) -> Any:
        """Return the worker group as the broker describes it."""
        return self._admin.describe_consumer_groups([self.group])[self.group].result(PATIENCE_S)

    def members(self) -> list[set[tuple[str, int]]]:
        """Return the partitions of each member of the group, without the prefix."""
        return [
            {(tp.topic.removeprefix(self._prefix), tp.partition) for tp in member.assignment.topic_partitions}
            for member in self.described().members
        ]


def _record(message: Any) -> Record:
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        dict(message.headers() or []),
    )

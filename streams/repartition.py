"""To new topics with another number of partitions: profiles, campaigns and catalogue move, events do not.

A topic cannot be given more partitions in place: shoppers would change theirs and leave their profiles behind.
Reading all events again into new topics would decide everything again, as if it happened now. So the newest
value of every profile goes to its shopper's partition in the new changelog, without the offsets that it holds,
which are those of the old topics.
"""

from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from msgspec import Struct

from schemas.codec import decode_profile, encode_profile
from schemas.errors import BrokerError, TopicError
from schemas.topics import CAMPAIGNS, CATALOG, CHANGELOG, SOURCES
from streams import topics as on_broker
from streams.clients import confluent_config, no_broker
from streams.partitioner import partition_of
from streams.settings import KafkaSettings, TopicSettings
from streams.topic_reader import TopicReader, reader_config

#: One transaction, so that a move is seen whole or not at all; brokers allow no longer one by default.
_MOVE_MS = 900_000
_WAIT_S = 30.0
#: More waiting records than this are not counted.
WAITING_MAX = 1000


class Moved(Struct, frozen=True):
    """What lies in the new topics: profiles, and records of campaigns and catalogue."""

    profiles: int
    records: int


class Repartition:
    """From the topics of one prefix to those of another; each step may be repeated until `move` has succeeded."""

    def __init__(self, kafka: KafkaSettings, old_prefix: str, new: TopicSettings) -> None:
        self._kafka = kafka
        self._new = new
        self._old = TopicReader(kafka, old_prefix)
        self._old.partitions(CHANGELOG)  # it must be there
        self._group = f"{old_prefix}beckon"

    def prepare(self) -> list[str]:
        """Make the new topics and return those that were not there; producers may use them from now on."""
        created, _ = on_broker.apply(self._kafka, self._new)
        sources = [name for topic in SOURCES if (name := self._new.prefix + topic.name) in created]
        if sources:
            self._begin_at_one(sources)
        return created

    def waiting(self) -> int:
        """Return how many events of the old topics no worker has done yet, at most `WAITING_MAX`."""
        places = [
            TopicPartition(self._old.prefix + topic.name, number)
            for topic in SOURCES
            for number in range(self._old.partitions(topic))
        ]
        consumer = Consumer({**reader_config(self._kafka), "group.id": self._group})
        try:
            committed = consumer.committed(places, self._kafka.connect_timeout_s)
            for place in committed:
                place.offset = max(place.offset, 0)
            # Marks of transactions take offsets too, so what waits is counted by reading it.
            consumer.assign(committed)
            return self._count(consumer, len(places))
        except KafkaException as error:
            raise no_broker(self._kafka, error.args[0].str()) from None
        finally:
            consumer.close()

    def workers(self) -> int:
        """Return how many workers hold old topics."""
        admin = AdminClient(confluent_config(self._kafka))
        asked = admin.describe_consumer_groups([self._group], request_timeout=self._kafka.connect_timeout_s)
        try:
            return len(asked[self._group].result(_WAIT_S).members)
        except KafkaException:  # no worker ever ran
            return 0

    def move(self) -> Moved:
        """Copy all, in one step; raise `TopicError` where the new changelog already holds profiles."""
        new = TopicReader(self._kafka, self._new.prefix)
        if next(new.messages(CHANGELOG), None) is not None:
            problem = "holds profiles already"
            raise TopicError(
                f"topic {self._new.prefix}{CHANGELOG.name}", problem, "give --to-prefix another value"
            )
        config = {
            **confluent_config(self._kafka),
            "transactional.id": f"{self._new.prefix}beckon-repartition",
        }
        producer = Producer({**config, "transaction.timeout.ms": _MOVE_MS, "linger.ms": 20})
        try:
            producer.init_transactions(self._kafka.connect_timeout_s)
            producer.begin_transaction()
            moved = Moved(self._send_profiles(producer), self._send_side_topics(producer))
            producer.commit_transaction(_MOVE_MS / 1000)
        except KafkaException as error:
            problem = f"did not take the profiles ({error.args[0].str()})"
            raise BrokerError("kafka.servers", problem, "try again: nothing of it is seen") from None
        return moved

    def _send_profiles(self, producer: Producer) -> int:
        name, count = self._new.prefix + CHANGELOG.name, 0
        for key, value in self._newest():
            profile = decode_profile(value)
            profile.positions = {}
            _send(producer, name, encode_profile(profile), key, partition_of(key, self._new.partitions))
            count += 1
        return count

    def _newest(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every profile; those of one old partition at a time are in memory."""
        for partition in range(self._old.partitions(CHANGELOG)):
            newest = {
                message.key(): message.value() for message in self._old.messages(CHANGELOG, [partition])
            }
            yield from ((key, value) for key, value in newest.items() if key is not None and value)

    def _send_side_topics(self, producer: Producer) -> int:
        count = 0
        for topic in (CATALOG, CAMPAIGNS):
            for message in self._old.messages(topic) if self._old.has(topic) else ():
                headers = message.headers()
                _send(producer, self._new.prefix + topic.name, message.value(), message.key(), 0, headers)
                count += 1
        return count

    def _count(self, consumer: Consumer, partitions: int) -> int:
        found, ended = 0, 0
        while ended < partitions and found < WAITING_MAX:
            message: Message | None = consumer.poll(_WAIT_S)
            if message is None:
                raise no_broker(self._kafka, "the old topics stay silent")
            if message.error() is None:
                found += 1
            else:  # the end of a partition
                ended += 1
        return found

    def _begin_at_one(self, names: list[str]) -> None:
        """Let the new sources begin at offset 1: `beckon verify` then knows that they do not hold all events."""
        producer = Producer(confluent_config(self._kafka))
        places = [TopicPartition(name, part, 1) for name in names for part in range(self._new.partitions)]
        for place in places:
            producer.produce(place.topic, b"", partition=place.partition)
        if producer.flush(_WAIT_S):
            raise BrokerError("kafka.servers", "did not take a record for each new topic", "try again")
        admin = AdminClient(confluent_config(self._kafka))  # named: what it was asked dies with it
        for done in admin.delete_records(places).values():
            done.result(_WAIT_S)


def _send(
    producer: Producer,
    topic: str,
    value: bytes | None,
    key: bytes | None,
    partition: int,
    headers: Any = None,
) -> None:
    while True:
        try:
            producer.produce(topic, value, key, partition, headers=headers)
        except BufferError:
            producer.poll(0.1)
        else:
            return

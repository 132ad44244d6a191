"""What the mirror reads: the changelog and the promotions, by a consumer that writes nothing to Kafka.

It is assigned all partitions and joins no group, so it needs no right but to read these two topics.
"""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from schemas.errors import TopicError
from schemas.topics import CHANGELOG, PROMOTIONS
from streams.clients import confluent_config, no_broker, partition_counts
from streams.mirror.writes import Kind, Record
from streams.settings import KafkaSettings

_WAIT_S = 0.2


class Read(NamedTuple):
    """One record, and where it lay."""

    place: str
    offset: int
    record: Record


class Source:
    """Reads from the offsets that `start` is given; places are named `KIND:PARTITION`."""

    def __init__(self, kafka: KafkaSettings, prefix: str) -> None:
        self._kafka = kafka
        self._kinds: dict[str, Kind] = {
            prefix + CHANGELOG.name: "profiles",
            prefix + PROMOTIONS.name: "promotions",
        }
        self._counts = partition_counts(kafka)
        for topic in self._kinds:
            if topic not in self._counts:
                raise TopicError(f"topic {topic}", "does not exist", "run `beckon topics apply`")
        config = confluent_config(kafka) | {
            "group.id": f"{prefix}beckon-mirror",  # named by the client's rules, never joined
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",  # what retention took is gone
            # A waiting fetch keeps the next one to the same broker waiting too: 500 ms of it by default.
            "fetch.wait.max.ms": 100,
            "queued.max.messages.kbytes": 16_384,
            "error_cb": self._note_error,
        }
        self._consumer = Consumer(config)
        self._places: dict[str, TopicPartition] = {}
        self._ends: dict[str, int] = {}
        #: What the client says while no broker answers; None while one does.
        self.problem: str | None = None

    @property
    def places(self) -> list[str]:
        """All places that are read."""
        return [
            f"{kind}:{number}" for topic, kind in self._kinds.items() for number in range(self._counts[topic])
        ]

    def topic_ids(self) -> dict[str, str]:
        """Return kind -> the topic's id, which changes when a topic is deleted and made anew."""
        admin = AdminClient(confluent_config(self._kafka))
        asked = admin.describe_topics(
            TopicCollection(list(self._kinds)), request_timeout=self._kafka.connect_timeout_s
        )
        try:
            return {self._kinds[topic]: str(found.result().topic_id) for topic, found in asked.items()}
        except KafkaException as error:
            raise no_broker(self._kafka, error.args[0].str()) from None

    def start(self, offsets: Mapping[str, int]) -> None:
        """Read on from these offsets; a place without one from its start."""
        self._ends.clear()
        self._places = {
            f"{kind}:{number}": TopicPartition(
                topic, number, offsets.get(f"{kind}:{number}", OFFSET_BEGINNING)
            )
            for topic, kind in self._kinds.items()
            for number in range(self._counts[topic])
        }
        self._consumer.assign(list(self._places.values()))

    def read(self, records_max: int) -> list[Read]:
        """Return what comes next, after at most `_WAIT_S` seconds."""
        found = []
        message: Any  # the client's types allow None where a record has none
        # `consume` waits until it has all of `records_max`: a single record would be as late as its patience.
        first = self._consumer.poll(_WAIT_S)
        rest = self._consumer.consume(records_max - 1, 0) if first is not None and records_max > 1 else []
        for message in [first, *rest] if first is not None else []:
            error = message.error()
            if error is None:
                self.problem = None
                place = self._place(message)
                self._ends.pop(place, None)
                found.append(Read(place, message.offset(), self._record(message)))
            elif error.code() == KafkaError._PARTITION_EOF:
                self.problem = None
                self._ends[self._place(message)] = message.offset()
            else:
                self.problem = error.str()
        return found

    def at_end(self) -> bool:
        """Return whether everything that is there has been read."""
        return len(self._ends) == len(self._places)

    def waiting(self, offsets: Mapping[str, int]) -> dict[str, int]:
        """Return place -> records that lie behind these offsets on the broker, as far as the client knows."""
        return {place: self._waiting(place, tp, offsets.get(place, 0)) for place, tp in self._places.items()}

    def topic_of(self, place: str) -> tuple[str, int]:
        """Return the topic and partition of a place."""
        tp = self._places[place]
        return tp.topic, tp.partition

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()

    def _waiting(self, place: str, tp: TopicPartition, offset: int) -> int:
        if place in self._ends:
            return 0
        _, high = self._consumer.get_watermark_offsets(tp, cached=True)
        return max(0, high - offset)

    def _place(self, message: Any) -> str:
        return f"{self._kinds[message.topic()]}:{message.partition()}"

    def _record(self, message: Any) -> Record:
        _, broker_ms = message.timestamp()
        return Record(self._kinds[message.topic()], message.key(), message.value(), broker_ms)

    def _note_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.problem = error.str()


def age_s(broker_ms: int) -> float:
    """Return how many seconds ago a record was written."""
    return max(0.0, time.time() - broker_ms / 1000)

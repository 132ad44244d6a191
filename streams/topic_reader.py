"""Topics read once from their start to where they end now, with nobody's offsets moved and no group joined."""

from collections.abc import Iterable, Iterator
from time import monotonic

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.errors import TopicError
from schemas.topics import Topic
from streams.clients import confluent_config, no_broker, partition_counts
from streams.settings import KafkaSettings

_BATCH = 1000
#: The client waits so long for a batch to be full, even when it holds some.
_WAIT_S = 0.05


class TopicReader:
    """Reads the topics of one prefix; what is not committed is not seen."""

    def __init__(self, kafka: KafkaSettings, prefix: str) -> None:
        self.kafka = kafka
        self.prefix = prefix
        self._counts = partition_counts(kafka)

    def has(self, topic: Topic) -> bool:
        """Return whether the topic is there."""
        return self.prefix + topic.name in self._counts

    def partitions(self, topic: Topic) -> int:
        """Return how many partitions a topic has; raise `TopicError` where it is missing."""
        name = self.prefix + topic.name
        if name not in self._counts:
            raise TopicError(
                f"topic {name}", "does not exist", "run `beckon topics apply`, or set topics.prefix"
            )
        return self._counts[name]

    def has_all(self, topic: Topic) -> bool:
        """Return whether nothing of a topic has been deleted yet, by age or by hand."""
        name = self.prefix + topic.name
        consumer = Consumer(reader_config(self.kafka))
        try:
            found = (
                consumer.get_watermark_offsets(TopicPartition(name, number), self.kafka.connect_timeout_s)
                for number in range(self.partitions(topic))
            )
            return all(start == 0 for start, _ in found)
        except KafkaException as error:
            raise no_broker(self.kafka, error.args[0].str()) from None
        finally:
            consumer.close()

    def messages(self, topic: Topic, partitions: Iterable[int] | None = None) -> Iterator[Message]:
        """Yield all that is committed in some partitions, or all, up to their ends now."""
        count = self.partitions(topic)
        left = {*(range(count) if partitions is None else partitions)}
        name = self.prefix + topic.name
        consumer = Consumer(reader_config(self.kafka))
        try:
            assign_from_start(consumer, self.kafka, name, left)
            silent_until = monotonic() + self.kafka.connect_timeout_s
            while left:
                messages = consumer.consume(_BATCH, _WAIT_S)
                if messages:
                    silent_until = monotonic() + self.kafka.connect_timeout_s
                elif monotonic() > silent_until:
                    raise no_broker(self.kafka, f"{name} stays silent")
                for message in messages:
                    problem = message.error()
                    if problem is None:
                        yield message
                    elif problem.code() == KafkaError._PARTITION_EOF:
                        left.discard(message.partition())
                    else:
                        raise no_broker(self.kafka, problem.str())
        finally:
            consumer.close()


def assign_from_start(consumer: Consumer, kafka: KafkaSettings, name: str, partitions: Iterable[int]) -> None:
    """Let a consumer read partitions from their start; raise `BrokerError` when no broker answers."""
    try:
        # A client that knows the leaders begins at once; to find them on its own takes it half a second.
        consumer.list_topics(name, kafka.connect_timeout_s)
    except KafkaException as error:
        raise no_broker(kafka, error.args[0].str()) from None
    consumer.assign([TopicPartition(name, partition, OFFSET_BEGINNING) for partition in partitions])


def reader_config(kafka: KafkaSettings) -> dict[str, object]:
    """Return the configuration of a consumer that reads committed records and leaves no trace."""
    return {
        **confluent_config(kafka),
        "group.id": "beckon-reader",  # asked for by the client; partitions are assigned by hand
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        # A waiting fetch holds back what comes next, and the news of an end: half a second of it by default.
        "fetch.wait.max.ms": 100,
    }

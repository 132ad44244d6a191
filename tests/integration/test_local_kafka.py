"""The broker under all integration tests is real, and so are the topics that they get."""

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from tests.support.kafka import Topics


def test_what_is_produced_comes_back_in_order(kafka: str, topics: Topics) -> None:
    (name,) = topics.create("clicks", partitions=1)
    producer = Producer({"bootstrap.servers": kafka, "enable.idempotence": True})
    for number in range(100):
        producer.produce(name, str(number).encode(), key=b"ann")
    assert producer.flush(20) == 0
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": name, "auto.offset.reset": "earliest"})
    consumer.subscribe([name])
    read: list[bytes] = []
    while len(read) < 100:
        messages = consumer.consume(100 - len(read), 20)
        assert messages, "nothing more came within 20 s"
        read += [message.value() for message in messages]
    consumer.close()
    assert read == [str(number).encode() for number in range(100)]


def test_a_transaction_commits_on_the_single_node(kafka: str, topics: Topics) -> None:
    (name,) = topics.create("decisions", partitions=2)
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": name})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(name, b"one")
    producer.commit_transaction(20)
    assert producer.flush(5) == 0


def test_topics_have_their_partitions_and_settings_and_are_unique(kafka: str, topics: Topics) -> None:
    first, second = topics.create("a", "b", partitions=3, config={"cleanup.policy": "compact"})
    assert (first, second) == (f"{topics.prefix}a", f"{topics.prefix}b")
    assert Topics(kafka).prefix != topics.prefix
    described = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=20).topics
    assert len(described[first].partitions) == len(described[second].partitions) == 3


def test_topics_are_removed_with_all_that_share_their_prefix(kafka: str) -> None:
    mine = Topics(kafka)
    mine.create("clicks")
    mine.create("worker-changelog", partitions=1)
    mine.remove()
    left = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=20).topics
    assert not [name for name in left if name.startswith(mine.prefix)]


def test_a_topic_nobody_made_is_not_made_by_asking(kafka: str, topics: Topics) -> None:
    found = AdminClient({"bootstrap.servers": kafka}).list_topics(f"{topics.prefix}none", timeout=20).topics
    assert found[f"{topics.prefix}none"].error is not None

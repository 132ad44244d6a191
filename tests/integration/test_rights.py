"""The users of k8s/components/strimzi on a real broker: each part works with its rights, and has no others."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import TopicAuthorizationFailedError
from ruamel.yaml import YAML

from schemas.errors import BeckonError
from schemas.topics import ALL
from streams import topics as on_broker
from streams.broker_settings import judge, look
from streams.clients import confluent_config, kafka_python_config
from streams.mirror.source import Source
from streams.settings import KafkaSettings, TopicSettings
from tests.support import certificates, guarded_kafka
from tests.support.guarded_kafka import GuardedKafka, password_of
from tests.support.manifests import ROOT
from tests.support.workers import WorkerProcess, until, write_settings

TOPICS = TopicSettings(partitions=2)
INPUTS = ("clicks", "purchases", "feedback", "identities")
VIEW = (
    b'{"type":"track","event":"Product Viewed","messageId":"m1","timestamp":"2026-11-01T10:00:00Z",'
    b'"userId":"ann","properties":{"product_id":"p1","category":"shoes"}}'
)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    """A guarded broker with all topics and the users of the manifests."""
    users = YAML(typ="safe").load_all(
        (ROOT / "k8s" / "components" / "strimzi" / "users.yaml").read_text(encoding="utf-8")
    )
    try:
        with guarded_kafka.running(certificates.make(tmp_path_factory.mktemp("tls"))) as broker:
            on_broker.apply(KafkaSettings(servers=broker.open), TOPICS)
            broker.let_in(list(users))
            yield broker
    except BeckonError as error:
        pytest.fail(str(error), pytrace=False)


def written(kafka: GuardedKafka, user: str, topic: str, value: bytes = b"{}") -> KafkaError | None:
    """Write one record as a user; return what the broker refuses, or None."""
    refused: list[KafkaError | None] = []
    producer = Producer(confluent_config(kafka.settings(user)) | {"message.timeout.ms": 15_000})
    producer.produce(topic, value, key=b"ann", on_delivery=lambda error, _: refused.append(error))
    producer.flush(20)
    [found] = refused
    return found


def may_write(kafka: GuardedKafka, user: str) -> set[str]:
    """Return the topics that a user can write; the rest is refused for want of rights."""
    found = set()
    for topic in ALL:
        refused = written(kafka, user, topic.name)
        assert refused is None or refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
        if refused is None:
            found.add(topic.name)
    return found


def may_read(kafka: GuardedKafka, user: str, topic: str) -> bool:
    """Return whether a user can fetch from a topic."""
    consumer = KafkaConsumer(**kafka_python_config(kafka.settings(user)), group_id=None)
    try:
        if topic not in consumer.topics():  # who may not describe a topic may not read it either
            return False
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        consumer.seek(place, 0)
        consumer.poll(timeout_ms=3000)
    except TopicAuthorizationFailedError:
        return False
    else:
        return True
    finally:
        consumer.close()


def settings_file(kafka: GuardedKafka, user: str, folder: Path) -> Path:
    sections = {
        "kafka": {
            "servers": kafka.guarded,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_username": user,
            "sasl_password": password_of(user),
            "ssl_ca_file": kafka.authority,
        },
        "topics": {"partitions": 2},
        "models": {"tags": ""},
        "metrics": {"port": 0},
        "worker": {"data_dir": str(folder / "data")},
        "campaigns": {"file": str(ROOT / "tests" / "support" / "campaigns.yaml")},
    }
    return write_settings(folder / "beckon.toml", sections)


def beckon(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from streams.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_worker_and_mirror_do_their_work_with_their_rights(kafka: GuardedKafka, tmp_path: Path) -> None:
    config = settings_file(kafka, "beckon-worker", tmp_path)
    with WorkerProcess(config, tmp_path / "worker") as worker:
        worker.wait_ready()
        assert written(kafka, "beckon-producer", "clicks", VIEW) is None
        assert written(kafka, "beckon-producer", "clicks", b"no json") is None
        mirror = Source(kafka.settings("beckon-mirror"), "")
        try:
            assert set(mirror.topic_ids()) == {"profiles", "promotions"}
            mirror.start({})
            read = []

            def has_read() -> bool:
                read.extend(mirror.read(10))
                assert worker.runs(), worker.log()
                return bool(read)

            def mirror_is_done() -> bool:
                mirror.read(10)
                return mirror.at_end()

            until(has_read, 30, "the mirror reads the profile that the worker wrote")
            until(mirror_is_done, 10, "the mirror is at the end")
            mirror.read(10)
            assert mirror.problem is None  # a right that is missing would be told here, again and again
        finally:
            mirror.close()
        assert worker.stop() == 0, worker.log()
    assert read[0].record.kind == "profiles"
    for user in ("beckon-worker", "beckon-mirror"):
        assert may_read(kafka, user, "beckon-profiles-changelog")


def test_a_producer_writes_the_four_inputs_and_nothing_else(kafka: GuardedKafka) -> None:
    assert may_write(kafka, "beckon-producer") == set(INPUTS)


def test_a_worker_cannot_write_what_shops_write(kafka: GuardedKafka) -> None:
    assert may_write(kafka, "beckon-worker") == {
        "beckon.internal",
        "promotions",
        "decisions",
        "dead-letters",
        "beckon-profiles-changelog",
    }


@pytest.mark.parametrize("user", ["beckon-mirror", "beckon-topics"])
def test_mirror_and_job_cannot_write_anything(kafka: GuardedKafka, user: str) -> None:
    assert may_write(kafka, user) == set()


@pytest.mark.parametrize("topic", ["promotions", "beckon-profiles-changelog", "clicks"])
def test_a_producer_cannot_read(kafka: GuardedKafka, topic: str) -> None:
    assert not may_read(kafka, "beckon-producer", topic)


def test_a_mirror_cannot_read_events(kafka: GuardedKafka) -> None:
    assert not may_read(kafka, "beckon-mirror", "clicks")


def test_the_job_checks_topics_and_can_make_none(kafka: GuardedKafka, tmp_path: Path) -> None:
    config = settings_file(kafka, "beckon-topics", tmp_path)
    checked = beckon("topics", "check", "--config", str(config))
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "cannot be looked at" not in checked.stdout
    refused = beckon("topics", "apply", "--config", str(config), "--prefix", "other-")
    assert refused.returncode == 1
    assert "cannot be created" in refused.stderr


def test_who_may_not_ask_brokers_for_their_settings_is_told_so_in_one_remark(kafka: GuardedKafka) -> None:
    cluster = look(kafka.settings("beckon-worker"), TopicSettings())
    verdict = judge(cluster, TopicSettings())
    assert verdict.problems == []
    [line] = [remark for remark in verdict.remarks if "cannot be looked at" in remark]
    assert line.startswith("settings of broker 1: cannot be looked at, ")
    assert line.endswith("; allow DescribeConfigs on the cluster")


def test_a_wrong_password_is_one_line_without_the_password(kafka: GuardedKafka, tmp_path: Path) -> None:
    config = settings_file(kafka, "beckon-worker", tmp_path)
    wrong = config.read_text(encoding="utf-8").replace(
        f'sasl_password = "{password_of("beckon-worker")}"',
        'sasl_password = "not-this-word"\nconnect_timeout_s = 3.0',
    )
    config.write_text(wrong, encoding="utf-8")
    refused = beckon("topics", "check", "--config", str(config))
    assert refused.returncode != 0
    assert len(refused.stderr.splitlines()) == 1
    assert "not-this-word" not in refused.stderr


def test_whoever_does_not_sign_in_gets_nothing(kafka: GuardedKafka) -> None:
    stranger = Producer({"bootstrap.servers": kafka.guarded, "message.timeout.ms": 3000, "log_level": 0})
    with pytest.raises(KafkaException):
        stranger.list_topics(timeout=3)

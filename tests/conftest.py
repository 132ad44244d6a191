"""What all tests share: a real Kafka for the session, and topics of their own for each test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from hypothesis import HealthCheck, settings

from schemas.errors import BrokerError
from streams import kafka_jars, local_kafka
from tests.support.kafka import Topics
from tests.support.stand import Stand, stand_on

# A timing never fails a test. `make property` searches at random; `make test` looks at the same examples each time.
settings.register_profile(
    "beckon",
    deadline=None,
    derandomize="BECKON_PROPERTY_HISTORIES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("beckon")


def pytest_report_header() -> str:
    """Say where Kafka comes from: tests that concern it never run without one."""
    given = os.environ.get("BECKON_TEST_KAFKA")
    own = f"Apache Kafka {kafka_jars.VERSION}, started by the tests from Maven's jars"
    return f"kafka: {f'BECKON_TEST_KAFKA={given}' if given else own}"


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a real Apache Kafka: BECKON_TEST_KAFKA, else one started for this session.

    Fails, and never skips, where neither is to be had.
    """
    given = os.environ.get("BECKON_TEST_KAFKA")
    if given:
        try:
            AdminClient({"bootstrap.servers": given}).list_topics(timeout=10)
        except KafkaException as error:
            pytest.fail(
                f"BECKON_TEST_KAFKA={given}: no broker answers ({error.args[0].str()})", pytrace=False
            )
        yield given
        return
    try:
        broker = local_kafka.start()
    except BrokerError as error:
        pytest.fail(str(error), pytrace=False)
    print(f"\nApache Kafka {kafka_jars.VERSION} runs at {broker.servers}")
    try:
        yield broker.servers
    finally:
        broker.stop()


@pytest.fixture
def topics(kafka: str) -> Iterator[Topics]:
    """`topics.create("clicks", partitions=4)` -> ["t1a2b3c4-clicks"]; all with `topics.prefix` go at the end."""
    mine = Topics(kafka)
    yield mine
    mine.remove()


@pytest.fixture
def stand(topics: Topics, tmp_path: Path) -> Stand:
    """All of Beckon's topics, with four partitions, and what it takes to run workers on them."""
    return stand_on(topics, tmp_path)

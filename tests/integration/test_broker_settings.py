"""Settings that break exactly once, planted on a real broker: `topics check` and `check` name them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from streams.broker_settings import judge, look
from streams.clients import kafka_python_config
from streams.settings import KafkaSettings, TopicSettings
from tests.support.stand import Stand
from tests.support.workers import until

_MAIN = "from streams.cli import main; main()"


def _beckon(*arguments: str | Path) -> tuple[int, str, str]:
    command = [sys.executable, "-c", _MAIN, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def _alter(servers: str, resource: ConfigResource) -> None:
    admin = KafkaAdminClient(**kafka_python_config(KafkaSettings(servers=servers)))
    admin.alter_configs([resource])
    admin.close()


def _plant(stand: Stand, topic: str, key: str, value: str) -> None:
    """Set it, and wait until the broker tells of it: it answers before it has taken note itself."""
    name, kafka = stand.prefix + topic, KafkaSettings(servers=stand.servers)
    _alter(stand.servers, ConfigResource(ConfigResourceType.TOPIC, name, {key: value}))

    def is_set() -> bool:
        return look(kafka, TopicSettings(prefix=stand.prefix)).topics[name].config[key] == value

    until(is_set, 20, f"{key} is {value}", pause_s=0.1)


def _problems(stand: Stand) -> list[str]:
    settings = TopicSettings(prefix=stand.prefix)
    verdict = judge(look(KafkaSettings(servers=stand.servers), settings), settings)
    return [str(problem) for problem in verdict.problems]


def test_a_broker_of_our_own_is_right_but_for_being_one(stand: Stand) -> None:
    code, told, errors = _beckon("topics", "check", "--config", stand.config())
    assert (code, errors) == (0, "")
    first, last = told.splitlines()
    assert first.startswith("remark   one broker: a lost disk loses everything; ")
    assert last == "all topics are as the settings say"


def test_a_topic_that_nobody_can_write_is_named_with_both_numbers(stand: Stand) -> None:
    _plant(stand, "promotions", "min.insync.replicas", "2")
    code, _, errors = _beckon("topics", "check", "--config", stand.config())
    assert code == 1
    assert errors == (
        f"beckon: topic {stand.prefix}promotions: min.insync.replicas is 2 with 1 copy: nothing can be written; "
        "lower it or add copies\n"
    )
    code, told, _ = _beckon("check", "--config", stand.config())
    assert code == 1
    [line] = [one for one in told.splitlines() if one.startswith("guarantee")]
    assert line.startswith(
        f"guarantee  failed  topic {stand.prefix}promotions: min.insync.replicas is 2 with "
    )


@pytest.mark.parametrize(
    ("topic", "key", "value", "problem"),
    [
        ("decisions", "unclean.leader.election.enable", "true", "is true, wanted false: "),
        ("beckon.internal", "max.message.bytes", "50000", "is 50000, a worker sends up to 1000000 at once; "),
    ],
)
def test_a_planted_setting_of_a_topic_is_found(
    stand: Stand, topic: str, key: str, value: str, problem: str
) -> None:
    assert _problems(stand) == []
    _plant(stand, topic, key, value)
    [found] = _problems(stand)
    assert found.startswith(f"topic {stand.prefix}{topic}: {key} {problem}")


@contextmanager
def _unclean_broker(servers: str) -> Iterator[None]:
    key = "unclean.leader.election.enable"
    _alter(servers, ConfigResource(ConfigResourceType.BROKER, "1", {key: "true"}))
    try:
        yield
    finally:  # other tests share the broker
        _alter(servers, ConfigResource(ConfigResourceType.BROKER, "1", {key: ("DELETE", None)}))


def test_a_broker_that_lets_stale_copies_lead_is_found(stand: Stand) -> None:
    expected = "broker 1: unclean.leader.election.enable is true, wanted false: "

    def is_told() -> bool:
        return any(problem.startswith(expected) for problem in _problems(stand))

    assert not is_told()
    with _unclean_broker(stand.servers):
        until(is_told, 20, "the broker tells of its new setting", pause_s=0.1)
    until(lambda: not is_told(), 20, "the broker has its old setting again", pause_s=0.1)


def test_events_that_outlive_the_offsets_are_a_remark(stand: Stand) -> None:
    settings = TopicSettings(prefix=stand.prefix, retention_days=3_650)
    remarks = judge(look(KafkaSettings(servers=stand.servers), settings), settings).remarks
    [line] = [remark for remark in remarks if "offsets.retention.minutes" in remark]
    assert "events are kept for 5256000: " in line
    assert "begin again with the oldest event" in line

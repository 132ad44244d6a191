"""`beckon topics` and the worker's own look at them, on the broker: each fault is one line that names it."""

import subprocess
import sys
from pathlib import Path

from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from schemas.topics import ALL
from tests.support.kafka import Topics
from tests.support.stand import PARTITIONS, Stand

_MAIN = "from streams.cli import main; main()"


def _beckon(*arguments: str | Path) -> tuple[int, list[str], list[str]]:
    """Run `beckon`; return its exit code and the lines of standard output and standard error."""
    command = [sys.executable, "-c", _MAIN, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def _stand(topics: Topics, folder: Path) -> Stand:
    return Stand(topics.servers, topics.prefix, folder)


def test_apply_makes_all_topics_once(topics: Topics, tmp_path: Path) -> None:
    config = _stand(topics, tmp_path).config()
    names = [topics.prefix + topic.name for topic in ALL]
    code, lines, errors = _beckon("topics", "apply", "--config", config)
    assert (code, errors) == (0, [])
    assert lines == [f"created  {name}" for name in names]
    code, lines, errors = _beckon("topics", "apply", "--config", config)
    assert (code, errors) == (0, [])
    assert lines == [f"right    {name}" for name in names]
    assert _beckon("topics", "check", "--config", config)[0] == 0


def test_topics_have_partitions_compaction_retention_and_broker_time(topics: Topics, tmp_path: Path) -> None:
    stand = _stand(topics, tmp_path)
    stand.apply_topics()
    admin = AdminClient({"bootstrap.servers": topics.servers})
    made = admin.list_topics(timeout=20).topics
    resources = [ConfigResource(ResourceType.TOPIC, stand.prefix + topic.name) for topic in ALL]
    configs = {
        resource.name.removeprefix(stand.prefix): {
            key: entry.value for key, entry in future.result(20).items()
        }
        for resource, future in admin.describe_configs(resources).items()
    }
    for topic in ALL:
        config = configs[topic.name]
        expected = PARTITIONS if topic.co or topic.name == "dead-letters" else 1
        assert len(made[stand.prefix + topic.name].partitions) == expected
        assert config["cleanup.policy"] == ("compact" if topic.compacted else "delete")
        assert config["message.timestamp.type"] == ("LogAppendTime" if topic.input else "CreateTime")
        assert config["segment.ms"] == "43200000"
    assert configs["clicks"]["retention.ms"] == "2592000000"
    assert configs["beckon-profiles-changelog"]["max.compaction.lag.ms"] == "86400000"


def test_a_topic_with_other_partitions_is_named_with_both_counts(topics: Topics, tmp_path: Path) -> None:
    topics.create(
        "clicks", partitions=3, config={"message.timestamp.type": "LogAppendTime", "segment.ms": 43_200_000}
    )
    config = _stand(topics, tmp_path).config()
    for command in ("apply", "check"):
        code, _, errors = _beckon("topics", command, "--config", config)
        assert code == 1
        assert (
            f"beckon: topic {topics.prefix}clicks: has 3 partitions, topics.partitions is 4; "
            in "\n".join(errors)
        )
    code, _, errors = _beckon("topics", "apply", "--config", config)
    assert len(errors) == 1
    made = AdminClient({"bootstrap.servers": topics.servers}).list_topics(timeout=20).topics
    assert [name for name in made if name.startswith(topics.prefix)] == [f"{topics.prefix}clicks"]


def test_a_topic_with_another_setting_is_named_with_both_values(topics: Topics, tmp_path: Path) -> None:
    stand = _stand(topics, tmp_path)
    topics.create("purchases", config={"cleanup.policy": "compact", "segment.ms": 43_200_000})
    code, _, errors = _beckon("topics", "apply", "--config", stand.config())
    assert code == 1
    assert len(errors) == 1
    line = f"beckon: topic {topics.prefix}purchases: message.timestamp.type is CreateTime, wanted LogAppendTime; "
    assert errors[0].startswith(line)
    _, _, errors = _beckon("topics", "check", "--config", stand.config())
    assert any("purchases: cleanup.policy is compact, wanted delete; " in error for error in errors)


def test_a_worker_without_its_topics_stops_with_one_line(topics: Topics, tmp_path: Path) -> None:
    code, _, errors = _beckon("worker", "--config", _stand(topics, tmp_path).config())
    assert code == 1
    assert errors == [f"beckon: topic {topics.prefix}clicks: does not exist; run `beckon topics apply`"]


def test_a_worker_that_finds_other_partitions_stops_with_one_line(topics: Topics, tmp_path: Path) -> None:
    stand = _stand(topics, tmp_path)
    stand.apply_topics()
    code, _, errors = _beckon("worker", "--config", stand.config(topics__partitions=6))
    assert code == 1
    problem = f"beckon: topic {topics.prefix}clicks: has 4 partitions, topics.partitions is 6; "
    assert errors == [
        problem + "set topics.partitions to it, or move to new topics with `beckon repartition`"
    ]


def test_without_a_broker_every_command_says_so_in_one_line(tmp_path: Path) -> None:
    stand = Stand("127.0.0.1:1", "x-", tmp_path)
    config = stand.config(kafka__connect_timeout_s=1.0)
    for command in (("topics", "apply"), ("topics", "check"), ("worker",)):
        code, _, errors = _beckon(*command, "--config", config)
        assert code == 1
        assert len(errors) == 1
        assert errors[0].startswith("beckon: kafka.servers: no broker answers at 127.0.0.1:1 within 1 s (")
        assert errors[0].endswith("; start Kafka or set BECKON_KAFKA_SERVERS")

"""Topics on the broker: made and checked with kafka-python's admin client, looked at by the worker's start."""

from collections.abc import Iterable, Mapping
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError
from msgspec import Struct

from schemas.errors import TopicError
from schemas.topics import ALL, CHANGELOG, DEAD_LETTERS, DECISIONS, PROMOTIONS, SOURCES, Topic
from streams.clients import kafka_python_config, no_broker, partition_counts
from streams.settings import KafkaSettings, TopicSettings

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
#: What the worker reads and writes; it does not start without them.
NEEDED = (*SOURCES, PROMOTIONS, DECISIONS, DEAD_LETTERS, CHANGELOG)


class TopicPlan(Struct, frozen=True):
    """One topic as it should be on the broker."""

    name: str
    partitions: int
    config: dict[str, str]


def name_of(topic: Topic, prefix: str) -> str:
    """Return a topic's name on the broker."""
    return prefix + topic.name


def plans(settings: TopicSettings) -> list[TopicPlan]:
    """Return all topics as the settings want them."""
    return [_plan(topic, settings) for topic in ALL]


def apply(kafka: KafkaSettings, settings: TopicSettings) -> tuple[list[str], list[str]]:
    """Create what is missing, check what is there; return the names created and those found right.

    Raise `TopicError` for a topic that differs, `BrokerError` when no broker answers.
    """
    wanted = plans(settings)
    with Admin(kafka) as admin:
        found = _partitions(admin)
        problems = _differences(admin, [plan for plan in wanted if plan.name in found], found)
        if problems:
            raise problems[0]
        missing = [plan for plan in wanted if plan.name not in found]
        _create(admin, missing, settings.replication)
    return [plan.name for plan in missing], [plan.name for plan in wanted if plan.name in found]


def check(kafka: KafkaSettings, settings: TopicSettings) -> list[TopicError]:
    """Return what differs from the settings, missing topics first."""
    wanted = plans(settings)
    with Admin(kafka) as admin:
        found = _partitions(admin)
        missing = [_missing(plan.name) for plan in wanted if plan.name not in found]
        return missing + _differences(admin, [plan for plan in wanted if plan.name in found], found)


def check_for_worker(kafka: KafkaSettings, settings: TopicSettings) -> None:
    """Raise `TopicError` when a topic that the worker needs is missing or has another partition count.

    Asks through librdkafka, which the embedded broker of the demo understands too.
    """
    found = partition_counts(kafka)
    for topic in NEEDED:
        name = name_of(topic, settings.prefix)
        if name not in found:
            raise _missing(name)
        if found[name] != settings.partitions:
            raise _wrong_count(name, found[name], settings.partitions)


def _plan(topic: Topic, settings: TopicSettings) -> TopicPlan:
    config: dict[str, str] = {}
    if topic.input:
        config["message.timestamp.type"] = "LogAppendTime"
    # Personal data leaves the disk in bounded time: quiet topics would otherwise keep it for ever, since
    # an active segment is neither compacted nor deleted.
    config["segment.ms"] = str(12 * _HOUR_MS)
    if topic.compacted:
        config |= {"cleanup.policy": "compact", "max.compaction.lag.ms": str(_DAY_MS)}
    else:
        config |= {"cleanup.policy": "delete", "retention.ms": str(settings.retention_days * _DAY_MS)}
    partitions = settings.partitions if topic.co or topic == DEAD_LETTERS else 1
    return TopicPlan(name_of(topic, settings.prefix), partitions, config)


class Admin:
    """An admin client for a block; `BrokerError` when no broker answers."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka

    def __enter__(self) -> Any:
        try:
            self._client = KafkaAdminClient(**kafka_python_config(self._kafka))
        except (KafkaError, OSError) as error:
            raise no_broker(self._kafka, type(error).__name__) from None
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _partitions(admin: Any) -> dict[str, int]:
    return {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}


def _create(admin: Any, missing: Iterable[TopicPlan], replication: int) -> None:
    new = {
        plan.name: {
            "num_partitions": plan.partitions,
            "replication_factor": replication,
            "configs": plan.config,
        }
        for plan in missing
    }
    if not new:
        return
    try:
        admin.create_topics(new, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return  # by another `topics apply` at the same moment
    except KafkaError as error:
        problem = f"cannot be created: {error}"[:300]
        raise TopicError("topics", problem, "see `topics.replication` and your rights") from None


def _differences(admin: Any, wanted: list[TopicPlan], found: Mapping[str, int]) -> list[TopicError]:
    problems = [
        _wrong_count(plan.name, found[plan.name], plan.partitions)
        for plan in wanted
        if found[plan.name] != plan.partitions
    ]
    found_configs = configs(admin, [plan.name for plan in wanted])
    for plan in wanted:
        for key, value in plan.config.items():
            actual = found_configs[plan.name].get(key)
            if actual != value:
                remedy = f"change it with kafka-configs.sh --alter --add-config {key}={value}"
                problems.append(
                    TopicError(f"topic {plan.name}", f"{key} is {actual}, wanted {value}", remedy)
                )
    return problems


def configs(admin: Any, names: list[str]) -> dict[str, dict[str, str]]:
    """Return the settings in force of some topics; none of a topic whose settings we may not see."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = admin.describe_configs(resources, config_filter="all")["topic"]
    return {name: {key: entry["value"] for key, entry in config.items()} for name, config in found.items()}


def _missing(name: str) -> TopicError:
    return TopicError(f"topic {name}", "does not exist", "run `beckon topics apply`")


def _wrong_count(name: str, found: int, wanted: int) -> TopicError:
    return TopicError(
        f"topic {name}",
        f"has {found} partitions, topics.partitions is {wanted}",
        "set topics.partitions to it, or move to new topics with `beckon repartition`",
    )

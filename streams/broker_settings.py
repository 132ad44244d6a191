"""What exactly once asks of the brokers' own settings, compared with what they are.

A transaction is as good as the disks that acknowledged it: with one copy, or with a leader that was not up to date,
a committed batch is gone, and no client can tell. `look` asks the brokers; `judge` is pure. What loses records or
stops all writing is a problem; what only hurts in a longer outage, or cannot be better on one machine, is a remark.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto
from itertools import groupby
from typing import Any, NamedTuple

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError
from msgspec import Struct

from schemas.errors import BeckonError, BrokerError, TopicError
from schemas.topics import ALL, CHANGELOG, DEAD_LETTERS, DECISIONS, INTERNAL, PROMOTIONS
from streams.fences import TRANSACTION_S
from streams.outputs import BATCH_BYTES
from streams.settings import KafkaSettings, TopicSettings
from streams.topics import Admin, configs, name_of

#: Kafka's own topics that hold what is committed; who may not see them gets no line about them.
_KAFKAS_OWN = ("__consumer_offsets", "__transaction_state")
_WRITTEN = (INTERNAL, PROMOTIONS, DECISIONS, DEAD_LETTERS, CHANGELOG)
_DAY_MINUTES = 24 * 60
_BROKER_SETTINGS = (
    "unclean.leader.election.enable",
    "transaction.max.timeout.ms",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
    "offsets.topic.replication.factor",
    "offsets.retention.minutes",
)


class TopicFound(Struct, frozen=True):
    """A topic on the brokers: copies of its least copied partition, and its effective settings."""

    copies: int
    config: Mapping[str, str]


class Cluster(Struct, frozen=True):
    """What the brokers say. A broker without settings is one that we may not ask for them."""

    brokers: Mapping[int, Mapping[str, str]]
    topics: Mapping[str, TopicFound]


class Verdict(Struct, frozen=True):
    """`problems` break the promise; `remarks` are its limits on these brokers."""

    problems: list[BeckonError]
    remarks: list[str]


class _Weight(Enum):
    PROBLEM = auto()
    REMARK = auto()


class _Finding(NamedTuple):
    kind: str
    name: str
    weight: _Weight
    problem: str
    remedy: str


def look(kafka: KafkaSettings, settings: TopicSettings) -> Cluster:
    """Ask the brokers; raise `BrokerError` when none answers."""
    wanted = {*(name_of(topic, settings.prefix) for topic in ALL), *_KAFKAS_OWN}
    with Admin(kafka) as admin:
        described = [topic for topic in admin.describe_topics() if topic["name"] in wanted]
        settings_of = configs(admin, [topic["name"] for topic in described])
        topics = {
            topic["name"]: TopicFound(
                min(len(partition["replica_nodes"]) for partition in topic["partitions"]),
                settings_of[topic["name"]],
            )
            for topic in described
            if topic["partitions"]
        }
        numbers = [broker["broker_id"] for broker in admin.describe_cluster()["brokers"]]
        return Cluster({number: _settings_of_broker(admin, number) for number in numbers}, topics)


def judge(cluster: Cluster, settings: TopicSettings) -> Verdict:
    """Return what is wrong and what is worth saying, one line for all places with the same fault."""
    many = len(cluster.brokers) > 1
    written = {name_of(topic, settings.prefix) for topic in _WRITTEN}
    found: list[_Finding] = []
    for name, topic in cluster.topics.items():
        found += _of_copies(name, topic, len(cluster.brokers))
        found += _of_topic(name, topic.config, name in written)
    for number, config in cluster.brokers.items():
        found += _of_broker(str(number), config, settings.retention_days)
        if many:
            found += _of_brokers_together(str(number), config)
    lines = list(_together(found))
    return Verdict(
        [error for weight, error in lines if weight is _Weight.PROBLEM],
        [*_limits(cluster), *(str(error) for weight, error in lines if weight is _Weight.REMARK)],
    )


def _settings_of_broker(admin: Any, number: int) -> dict[str, str]:
    """Return the settings that matter; nothing where we may not ask or the broker has just gone."""
    resource = ConfigResource(ConfigResourceType.BROKER, str(number), dict.fromkeys(_BROKER_SETTINGS))
    try:
        found = admin.describe_configs([resource], config_filter="all")["broker"][str(number)]
    except KafkaError:
        return {}
    return {key: entry["value"] for key, entry in found.items() if entry["value"] is not None}


def _limits(cluster: Cluster) -> Iterator[str]:
    if len(cluster.brokers) == 1:
        yield "one broker: a lost disk loses everything; three brokers and topics.replication = 3 do not"
    unseen = sorted(number for number, config in cluster.brokers.items() if not config)
    if unseen:
        numbers = ", ".join(map(str, unseen))
        yield (
            f"settings of broker {numbers}: cannot be looked at, so {', '.join(_BROKER_SETTINGS)} "
            "were not compared; allow DescribeConfigs on the cluster"
        )


def _of_copies(name: str, topic: TopicFound, brokers: int) -> Iterator[_Finding]:
    copies, needed = topic.copies, _number(topic.config, "min.insync.replicas")
    if brokers > 1 and copies < 2:
        problem = (
            f"has {_copies(copies)} on {brokers} brokers, wanted 2 at least: a lost disk loses its records"
        )
        remedy = "add copies with kafka-reassign-partitions.sh, and set topics.replication"
        yield _Finding("topic", name, _Weight.PROBLEM, problem, remedy)
    if needed is None:
        return
    problem = f"min.insync.replicas is {needed} with {_copies(copies)}"
    if needed > copies:
        yield _Finding(
            "topic", name, _Weight.PROBLEM, f"{problem}: nothing can be written", "lower it or add copies"
        )
    elif brokers > 1 and copies > 1 and needed < 2:
        yield _Finding(
            "topic",
            name,
            _Weight.PROBLEM,
            f"{problem}, wanted 2: one broker alone may acknowledge a record, and lose it",
            "change it with kafka-configs.sh --alter --add-config min.insync.replicas=2",
        )
    elif brokers > 1 and copies > 1 and needed == copies:
        yield _Finding(
            "topic",
            name,
            _Weight.REMARK,
            f"{problem}: one broker that is away stops all writing",
            "add a copy",
        )


def _of_topic(name: str, config: Mapping[str, str], written: bool) -> Iterator[_Finding]:
    if config.get("unclean.leader.election.enable") == "true":
        yield _unclean("topic", name)
    bytes_max = _number(config, "max.message.bytes")
    if written and bytes_max is not None and bytes_max < BATCH_BYTES:
        problem = f"max.message.bytes is {bytes_max}, a worker sends up to {BATCH_BYTES} at once"
        remedy = f"change it with kafka-configs.sh --alter --add-config max.message.bytes={BATCH_BYTES}"
        yield _Finding("topic", name, _Weight.PROBLEM, problem, remedy)
    kept = _number(config, "retention.bytes")
    if config.get("cleanup.policy") == "delete" and kept is not None and kept >= 0:
        problem = (
            f"retention.bytes is {kept}, wanted -1: a busy day deletes records before topics.retention_days"
        )
        remedy = "change it with kafka-configs.sh --alter --add-config retention.bytes=-1"
        yield _Finding("topic", name, _Weight.REMARK, problem, remedy)


def _of_broker(number: str, config: Mapping[str, str], retention_days: int) -> Iterator[_Finding]:
    if config.get("unclean.leader.election.enable") == "true":
        yield _unclean("broker", number)
    timeout, ours = _number(config, "transaction.max.timeout.ms"), round(TRANSACTION_S * 1000)
    if timeout is not None and timeout < ours:
        problem = f"transaction.max.timeout.ms is {timeout}, a worker's transactions ask for {ours}"
        remedy = f"set it to {ours} or more: no worker starts before"
        yield _Finding("broker", number, _Weight.PROBLEM, problem, remedy)
    copies = _number(config, "transaction.state.log.replication.factor")
    needed = _number(config, "transaction.state.log.min.isr")
    if copies is not None and needed is not None and needed > copies:
        problem = (
            f"transaction.state.log.min.isr is {needed}, transaction.state.log.replication.factor is {copies}: "
            "no transaction can begin"
        )
        yield _Finding("broker", number, _Weight.PROBLEM, problem, "lower the one or raise the other")
    offsets, wanted = _number(config, "offsets.retention.minutes"), retention_days * _DAY_MINUTES
    if offsets is not None and offsets < wanted:
        problem = (
            f"offsets.retention.minutes is {offsets}, events are kept for {wanted}: when all workers are away "
            "for longer, their offsets are gone and they begin again with the oldest event"
        )
        yield _Finding("broker", number, _Weight.REMARK, problem, f"set it to {wanted} or more")


def _of_brokers_together(number: str, config: Mapping[str, str]) -> Iterator[_Finding]:
    """Compare what only matters where there is a second broker to hold a copy."""
    for name in (
        "transaction.state.log.replication.factor",
        "transaction.state.log.min.isr",
        "offsets.topic.replication.factor",
    ):
        value = _number(config, name)
        if value is not None and value < 2:
            problem = f"{name} is {value}, wanted 2 at least: a lost disk loses what was committed"
            remedy = "set it, and mend Kafka's own topic if it is there already"
            yield _Finding("broker", number, _Weight.PROBLEM, problem, remedy)


def _unclean(kind: str, name: str) -> _Finding:
    return _Finding(
        kind,
        name,
        _Weight.PROBLEM,
        "unclean.leader.election.enable is true, wanted false: a broker that missed records may lead",
        "change it with kafka-configs.sh --alter --add-config unclean.leader.election.enable=false",
    )


def _together(found: Iterable[_Finding]) -> Iterator[tuple[_Weight, BeckonError]]:
    """Join findings that differ in nothing but the place."""

    def fault(one: _Finding) -> tuple[str, int, str, str]:
        return one.kind, one.weight.value, one.problem, one.remedy

    in_order = sorted(found, key=lambda one: (fault(one), one.name))
    for _, alike in groupby(in_order, fault):
        places = list(alike)
        first = places[0]
        place = f"{first.kind} {', '.join(one.name for one in places)}"
        error = TopicError if first.kind == "topic" else BrokerError
        yield first.weight, error(place, first.problem, first.remedy)


def _number(config: Mapping[str, str], key: str) -> int | None:
    value = config.get(key)
    return None if value is None else int(value)


def _copies(count: int) -> str:
    return "1 copy" if count == 1 else f"{count} copies"

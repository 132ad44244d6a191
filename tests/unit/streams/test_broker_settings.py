"""What of the brokers' settings breaks the promise, and what is only said; the broker itself is asked in
tests/integration/test_broker_settings.py."""

from collections.abc import Mapping

import pytest

from streams.broker_settings import Cluster, TopicFound, judge
from streams.settings import TopicSettings

SETTINGS = TopicSettings(prefix="eu-", replication=3, retention_days=30)
BROKER = {
    "unclean.leader.election.enable": "false",
    "transaction.max.timeout.ms": "900000",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "offsets.topic.replication.factor": "3",
    "offsets.retention.minutes": "43200",
}
TOPIC = {
    "cleanup.policy": "delete",
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
    "max.message.bytes": "1048588",
    "retention.bytes": "-1",
}


def said(cluster: Cluster) -> tuple[list[str], list[str]]:
    verdict = judge(cluster, SETTINGS)
    return [str(problem) for problem in verdict.problems], verdict.remarks


def three(broker: Mapping[str, str] = {}, topic: Mapping[str, str] = {}, copies: int = 3) -> Cluster:
    """Return three brokers that are right but for some settings."""
    brokers = {number: BROKER | dict(broker) for number in (1, 2, 3)}
    return Cluster(brokers, {"eu-promotions": TopicFound(copies, TOPIC | dict(topic))})


def test_three_brokers_with_everything_right_are_not_spoken_of() -> None:
    assert said(three()) == ([], [])


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        (
            "unclean.leader.election.enable",
            "true",
            "broker 1, 2, 3: unclean.leader.election.enable is true, wanted false: ",
        ),
        (
            "transaction.max.timeout.ms",
            "29999",
            "broker 1, 2, 3: transaction.max.timeout.ms is 29999, a worker's transactions ask for 30000; ",
        ),
        (
            "transaction.state.log.replication.factor",
            "1",
            "broker 1, 2, 3: transaction.state.log.min.isr is 2, transaction.state.log.replication.factor is 1: ",
        ),
        (
            "transaction.state.log.min.isr",
            "1",
            "broker 1, 2, 3: transaction.state.log.min.isr is 1, wanted 2 at least: ",
        ),
        (
            "offsets.topic.replication.factor",
            "1",
            "broker 1, 2, 3: offsets.topic.replication.factor is 1, wanted 2 at least: ",
        ),
    ],
)
def test_a_wrong_setting_of_the_brokers_is_one_line_with_both_values(key: str, value: str, line: str) -> None:
    problems, remarks = said(three(broker={key: value}))
    assert problems[0].startswith(line)
    assert remarks == []


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("min.insync.replicas", "4", "min.insync.replicas is 4 with 3 copies: nothing can be written; "),
        ("min.insync.replicas", "1", "min.insync.replicas is 1 with 3 copies, wanted 2: one broker alone "),
        ("unclean.leader.election.enable", "true", "unclean.leader.election.enable is true, wanted false: "),
        (
            "max.message.bytes",
            "999999",
            "max.message.bytes is 999999, a worker sends up to 1000000 at once; ",
        ),
    ],
)
def test_a_wrong_setting_of_a_topic_is_one_line_with_both_values(key: str, value: str, line: str) -> None:
    [problem], remarks = said(three(topic={key: value}))
    assert problem.startswith(f"topic eu-promotions: {line}")
    assert remarks == []


def test_limits_that_are_just_met_are_right() -> None:
    assert said(three({"transaction.max.timeout.ms": "30000"}, {"max.message.bytes": "1000000"})) == ([], [])


def test_a_single_copy_on_three_brokers_is_a_problem() -> None:
    [problem], _ = said(three(topic={"min.insync.replicas": "1"}, copies=1))
    assert problem.startswith("topic eu-promotions: has 1 copy on 3 brokers, wanted 2 at least: ")


def test_as_many_copies_as_must_acknowledge_is_a_remark() -> None:
    problems, [remark] = said(three(copies=2))
    assert problems == []
    assert remark.startswith(
        "topic eu-promotions: min.insync.replicas is 2 with 2 copies: one broker that is away stops all writing"
    )


def test_offsets_that_go_before_the_events_are_a_remark_that_says_what_follows() -> None:
    problems, [remark] = said(three(broker={"offsets.retention.minutes": "10080"}))
    assert problems == []
    assert remark == (
        "broker 1, 2, 3: offsets.retention.minutes is 10080, events are kept for 43200: when all workers are away "
        "for longer, their offsets are gone and they begin again with the oldest event; set it to 43200 or more"
    )


def test_a_bound_in_bytes_is_a_remark_where_records_are_kept_by_time() -> None:
    problems, [remark] = said(three(topic={"retention.bytes": "1000"}))
    assert problems == []
    assert remark.startswith("topic eu-promotions: retention.bytes is 1000, wanted -1: ")
    assert said(three(topic={"retention.bytes": "1000", "cleanup.policy": "compact"})) == ([], [])


def test_the_size_of_a_topic_that_no_worker_writes_is_its_own_affair() -> None:
    small = TopicFound(3, TOPIC | {"max.message.bytes": "300000"})
    assert said(Cluster({1: BROKER, 2: BROKER, 3: BROKER}, {"eu-clicks": small})) == ([], [])


def test_one_broker_is_a_remark_and_needs_no_second_copy() -> None:
    alone = BROKER | {
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "offsets.topic.replication.factor": "1",
    }
    topic = TopicFound(1, TOPIC | {"min.insync.replicas": "1"})
    problems, [remark] = said(Cluster({1: alone}, {"eu-promotions": topic}))
    assert problems == []
    assert remark.startswith("one broker: a lost disk loses everything")


def test_one_fault_of_many_topics_is_one_line() -> None:
    wrong = TopicFound(3, TOPIC | {"unclean.leader.election.enable": "true"})
    cluster = Cluster({1: BROKER, 2: BROKER, 3: BROKER}, {"eu-decisions": wrong, "eu-clicks": wrong})
    [problem], _ = said(cluster)
    assert problem.startswith("topic eu-clicks, eu-decisions: unclean.leader.election.enable is true, ")


def test_only_the_broker_that_differs_is_named() -> None:
    cluster = Cluster({1: BROKER, 2: BROKER | {"transaction.max.timeout.ms": "1000"}, 3: BROKER}, {})
    [problem], _ = said(cluster)
    assert problem.startswith("broker 2: transaction.max.timeout.ms is 1000, ")


def test_brokers_that_tell_nothing_are_one_remark() -> None:
    cluster = Cluster({1: {}, 2: {}, 3: {}}, {"eu-promotions": TopicFound(3, TOPIC)})
    problems, [remark] = said(cluster)
    assert problems == []
    assert remark.startswith("settings of broker 1, 2, 3: cannot be looked at, ")
    assert "offsets.retention.minutes" in remark

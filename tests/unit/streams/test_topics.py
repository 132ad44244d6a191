"""What each topic should be; tests/integration/test_topics.py makes them on a broker."""

from schemas.topics import ALL
from streams.settings import TopicSettings
from streams.topics import plans


def test_every_topic_has_its_name_partitions_and_lifetime() -> None:
    by_name = {plan.name: plan for plan in plans(TopicSettings(prefix="eu-", partitions=6, retention_days=7))}
    assert list(by_name) == ["eu-" + topic.name for topic in ALL]
    clicks, changelog = by_name["eu-clicks"], by_name["eu-beckon-profiles-changelog"]
    assert (clicks.partitions, by_name["eu-catalog"].partitions, by_name["eu-dead-letters"].partitions) == (
        6,
        1,
        6,
    )
    assert clicks.config == {
        "message.timestamp.type": "LogAppendTime",
        "segment.ms": "43200000",
        "cleanup.policy": "delete",
        "retention.ms": "604800000",
    }
    assert changelog.config == {
        "segment.ms": "43200000",
        "cleanup.policy": "compact",
        "max.compaction.lag.ms": "86400000",
    }


def test_all_topics_of_a_shopper_share_their_partition_count() -> None:
    counts = {topic.name: plan.partitions for topic, plan in zip(ALL, plans(TopicSettings()), strict=True)}
    assert {counts[topic.name] for topic in ALL if topic.co} == {12}

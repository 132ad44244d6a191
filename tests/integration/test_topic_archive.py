"""Profiles and decisions asked of a real broker: the newest committed value, each decision once."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from processors.profile_page import profile_line
from schemas.codec import encode_profile
from schemas.decisions import Decision
from schemas.errors import TopicError
from streams.archive import Archive
from streams.partitioner import partition_of
from streams.records import decision_json, profile_json
from streams.settings import KafkaSettings
from streams.topic_archive import TopicArchive
from tests.support.kafka import Topics
from tests.support.story import MONDAY, POLICY, campaigns_of, consent, tell, track

BECKON = str(Path(sys.executable).with_name("beckon"))
STORY = (
    consent(MONDAY, "yes", marketing=True),
    *(track("Product Viewed", MONDAY + n, f"m{n}", product_id="boots", category="shoes") for n in range(3)),
)
TOLD = tell(campaigns_of({"id": "spring", "caps": [{"at_most": 1, "per": "7d"}]}), STORY)
BEFORE = tell(campaigns_of({"id": "spring"}), STORY[:1]).profile
PARTITIONS = 4
ANN = partition_of(b"ann", PARTITIONS)


@pytest.fixture
def archive(topics: Topics) -> Archive:
    """An archive of ann's story: her profile changed, a decision said twice, an open end that was given up."""
    changelog, decisions = topics.create("beckon-profiles-changelog", "decisions", partitions=PARTITIONS)
    config = {"bootstrap.servers": topics.servers, "transactional.id": topics.prefix}
    producer = Producer(config)
    producer.init_transactions()
    producer.begin_transaction()
    for profile in (BEFORE, TOLD.profile):
        producer.produce(changelog, encode_profile(profile), b"ann", ANN)
    producer.produce(changelog, b"", b"bob", partition_of(b"bob", PARTITIONS))
    for decision in (TOLD.decisions[1], TOLD.decisions[0], TOLD.decisions[1]):
        producer.produce(decisions, decision_json(decision), b"ann", ANN)
    producer.commit_transaction()
    producer.begin_transaction()
    producer.produce(changelog, encode_profile(BEFORE), b"ann", ANN)
    producer.produce(decisions, decision_json(TOLD.decisions[2]), b"ann", ANN)
    producer.flush()
    producer.abort_transaction()
    return TopicArchive(KafkaSettings(servers=topics.servers), topics.prefix, POLICY)


def test_the_newest_committed_profile_and_every_committed_decision_are_found(archive: Archive) -> None:
    wanted = profile_json(profile_line(TOLD.profile, TOLD.profile.last_seen, POLICY))
    assert archive.profile("ann") == wanted
    assert archive.decisions("ann", lambda _: True) == _as_read(TOLD.decisions[:2])
    assert archive.profile("bob") is None  # erased
    assert archive.profile("zoe") is None
    assert archive.decisions("zoe", lambda _: True) == []


def test_the_commands_read_the_topics(archive: Archive, topics: Topics, tmp_path: Path) -> None:
    (tmp_path / "beckon.toml").write_text(
        f'[kafka]\nservers = "{topics.servers}"\n[topics]\nprefix = "{topics.prefix}"\n'
    )
    offered = TOLD.decisions[0].decision_id
    printed = [
        subprocess.run([BECKON, *call], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for call in (
            ["profile", "ann", "--kafka"],
            ["why", str(offered), "--kafka", "--json"],
            ["profile", "--sizes", "--kafka"],
            ["profile", "--sizes", "--kafka", "--json"],
        )
    ]
    assert printed[0].startswith("Shopper ann\n")
    assert "p of spring offered" in printed[0]
    assert json.loads(printed[1])["decision_id"] == offered
    size = len(encode_profile(TOLD.profile))  # the newest one of ann; bob is erased
    assert printed[2].startswith("1 stored profile, bytes\n")
    assert printed[2].splitlines()[-1].split() == ["all", f"{size}.0", str(size), str(size), str(size)]
    sizes = json.loads(printed[3])
    assert sizes["fields"][-1] == {"field": "all", "mean": size, "p50": size, "p99": size, "total": size}


def test_topics_that_are_not_there_are_one_line(topics: Topics) -> None:
    archive = TopicArchive(KafkaSettings(servers=topics.servers), topics.prefix, POLICY)
    with pytest.raises(
        TopicError, match="beckon-profiles-changelog: does not exist; run `beckon topics apply`"
    ):
        archive.profile("ann")


def _as_read(decisions: list[Decision]) -> list[Decision]:
    return [msgspec.json.decode(decision_json(decision), type=Decision) for decision in decisions]

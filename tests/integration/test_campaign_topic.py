"""Campaigns applied, paused, followed and shown on a real broker."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from schemas.campaign_file import digest_of, load_campaigns
from schemas.campaigns import CampaignFile
from schemas.errors import TopicError
from streams.campaign_topic import EMPTY, Follower, Writer, read
from streams.settings import KafkaSettings
from tests.support.kafka import Topics

BECKON = str(Path(sys.executable).with_name("beckon"))
ONE = "{id: ID, triggers: [Product Viewed], offers: [{promotion_id: p, name: P}], priority: 1}"


def text_of(*ids: str) -> str:
    return "campaigns:\n" + "".join(f"  - {ONE.replace('ID', each)}\n" for each in ids)


def file_of(*ids: str) -> CampaignFile:
    return load_campaigns(text_of(*ids), "c")


@pytest.fixture
def broker(topics: Topics) -> KafkaSettings:
    topics.create("campaigns", partitions=1, config={"cleanup.policy": "compact"})
    return KafkaSettings(servers=topics.servers)


@pytest.fixture
def follower(broker: KafkaSettings, topics: Topics) -> Iterator[Follower]:
    follower = Follower(broker, topics.prefix)
    yield follower
    follower.close()


def next_file(follower: Follower, seconds: float = 5.0) -> CampaignFile:
    """Return the next whole file; workers must have it within 5 seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        file = follower.poll()
        if file is not None:
            return file
    raise AssertionError(f"no other file within {seconds} s")


def test_who_follows_gets_every_whole_file_and_who_comes_late_the_last_one(
    broker: KafkaSettings, topics: Topics, follower: Follower
) -> None:
    assert follower.read_to_end() is None
    writer = Writer(broker, topics.prefix)
    assert writer.before is EMPTY
    assert writer.write(file_of("a", "b")) == ["a", "b", "shop"]
    assert next_file(follower) == file_of("a", "b")
    assert writer.write(file_of("b", "c")) == ["c", "a", "shop"]  # a is a tombstone
    assert next_file(follower) == file_of("b", "c")
    assert writer.write(file_of("b", "c")) == []
    late = Follower(broker, topics.prefix)
    assert late.read_to_end() == read(broker, topics.prefix) == file_of("b", "c")
    late.close()


def test_of_two_who_apply_at_once_only_the_later_one_is_seen(broker: KafkaSettings, topics: Topics) -> None:
    first = Writer(broker, topics.prefix)
    second = Writer(broker, topics.prefix)
    second.write(file_of("b"))
    with pytest.raises(TopicError, match="was changed by somebody else at the same moment"):
        first.write(file_of("a"))
    assert read(broker, topics.prefix) == file_of("b")


def test_a_record_of_somebody_else_is_told_and_the_next_apply_mends_it(
    broker: KafkaSettings, topics: Topics, follower: Follower
) -> None:
    Writer(broker, topics.prefix).write(file_of("a"))
    producer = Producer({"bootstrap.servers": topics.servers})
    producer.produce(f"{topics.prefix}campaigns", b"{", b"a")
    producer.flush()
    assert follower.read_to_end() == file_of("a")
    assert set(follower.problems) == {"a"}
    assert Writer(broker, topics.prefix).write(file_of("a")) == ["a"]
    deadline = time.monotonic() + 5
    while follower.problems and time.monotonic() < deadline:
        follower.poll()
    assert follower.problems == {}


def test_the_commands_apply_pause_resume_and_show(
    topics: Topics, broker: KafkaSettings, tmp_path: Path
) -> None:
    (tmp_path / "beckon.toml").write_text(
        f'[kafka]\nservers = "{topics.servers}"\n[topics]\nprefix = "{topics.prefix}"\n'
    )
    (tmp_path / "c.yaml").write_text(text_of("a", "b"))

    def campaigns(*arguments: str) -> tuple[int, list[str], str]:
        done = subprocess.run(
            [BECKON, "campaigns", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout.splitlines(), done.stderr

    assert campaigns("apply", "c.yaml", "--dry-run")[1][:2] == ["new      a", "new      b"]
    assert read(broker, topics.prefix) is None
    code, lines, warnings = campaigns("apply", "c.yaml")
    assert (code, lines[2]) == (0, f"applied, 3 records written: 2 campaigns, {digest_of(file_of('a', 'b'))}")
    assert warnings.startswith("warning: campaigns[1] (b): always loses to campaigns[0] (a)")
    assert campaigns("pause", "a")[1][0].startswith("a is paused: ")
    assert campaigns("pause", "a")[1] == ["a is paused already"]
    (tmp_path / "c.yaml").write_text(text_of("a"))
    assert campaigns("apply", "c.yaml")[1][:2] == [
        "removed  b",
        "paused   a: stays so, `beckon campaigns resume` ends it",
    ]
    _, shown, _ = campaigns("show")
    paused = load_campaigns("\n".join(shown), "shown")
    assert (paused.campaigns[0].paused, paused) == (True, read(broker, topics.prefix))
    assert campaigns("resume", "a")[0] == 0
    assert read(broker, topics.prefix) == file_of("a")
    assert campaigns("show", "b") == (1, [], "beckon: campaign b: is not in the topic; there is a\n")

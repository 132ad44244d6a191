"""More partitions on a real Kafka: every profile moves, goes on counting, and nothing is decided twice."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from processors.policy import ProfilePolicy
from schemas.ids import ShopperId
from schemas.profiles import Profile
from streams.topic_archive import TopicArchive
from tests.support.kafka import Topics
from tests.support.mirrored import now_ms
from tests.support.shopping import Sent, shopping
from tests.support.stand import CAMPAIGNS, Stand, stand_on
from tests.support.workers import until

BECKON = str(Path(sys.executable).with_name("beckon"))
PARTITIONS = 6


def profiles(stand: Stand) -> dict[ShopperId, Profile]:
    """Return all stored profiles, without the offsets that they hold."""
    archive = TopicArchive(stand.settings.kafka, stand.prefix, ProfilePolicy())
    found = {profile.shopper: profile for profile in archive.stored()}
    for profile in found.values():
        profile.positions = {}
    return found


@pytest.fixture
def old(topics: Topics, tmp_path: Path) -> Stand:
    """Topics of four partitions; those of the new prefix begin alike and go with them."""
    folder = tmp_path / "old"
    folder.mkdir()
    return stand_on(topics, folder)


def beckon(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([BECKON, *arguments], capture_output=True, text=True, check=False, timeout=60)


def called(stand: Stand, prefix: str) -> "subprocess.CompletedProcess[str]":
    """Call the command from `stand` to a prefix."""
    to = ("--to-prefix", prefix, "--partitions", str(PARTITIONS))
    return beckon("repartition", *to, "--config", str(stand.config()))


def drain(stand: Stand, events: int) -> Counter[str]:
    """Let a worker do so many events; return what became of them."""
    with stand.workers() as (worker,):
        worker.wait_ready()
        until(lambda: worker.outcomes().total() >= events, 60, f"{events} events are done")
        outcomes = worker.outcomes()
        assert worker.stop() == 0
    return outcomes


def viewed(user: str, number: int) -> Sent:
    value = (
        f'{{"type":"track","event":"Product Viewed","messageId":"late-{user}-{number}","timestamp":{now_ms()},'
        f'"userId":"{user}","properties":{{"product_id":"p1","category":"yoga"}}}}'
    )
    return Sent("clicks", user, value.encode())


def test_nothing_moves_while_workers_hold_the_topics_or_events_wait(old: Stand) -> None:
    prefix = f"{old.prefix}v2-"
    with old.workers() as (worker,):
        worker.wait_ready()
        first = called(old, prefix)
        assert first.returncode == 1
        assert first.stdout.startswith("made     11 topics")
        assert "workers: 1 still hold the old topics; stop them" in first.stderr
        assert worker.stop() == 0
    old.broker.produce([viewed("ann", 0), viewed("bob", 0)])
    waits = called(old, prefix)
    assert (waits.returncode, waits.stdout) == (1, "")
    assert "the old topics: hold 2 events that no worker has done" in waits.stderr
    same = called(old, old.prefix)
    assert (same.returncode, "is the prefix of the old topics" in same.stderr) == (2, True)


def test_profiles_move_to_more_partitions_and_go_on(old: Stand, tmp_path: Path) -> None:
    events = shopping(7, 40, 1500, now_ms() - 1000)
    new = replace(old, prefix=f"{old.prefix}v2-", folder=tmp_path, flags={"topics.partitions": PARTITIONS})
    old.broker.produce(events)
    drain(old, 1500)
    before = profiles(old)
    assert len(before) == 40

    done = called(old, new.prefix)

    assert done.returncode == 0, done.stderr
    assert "moved    40 profiles, 0 records" in done.stdout
    archive = TopicArchive(new.settings.kafka, new.prefix, ProfilePolicy())
    assert {len(profile.positions) for profile in archive.stored()} == {
        0
    }  # those of the old topics say nothing here
    assert profiles(new) == before
    # What an old producer sends again is known; what is new counts on.
    again = [event for event in events if event.topic == "clicks"][-50:]
    new.broker.produce([*again, *(viewed(str(user), 1) for user in before)])
    assert drain(new, 90)["duplicate"] == 50
    after = profiles(new)
    assert {user: profile.views for user, profile in after.items()} == {
        user: profile.views + 1 for user, profile in before.items()
    }
    verified = beckon("verify", "--kafka", "--campaigns", str(CAMPAIGNS), "--config", str(new.config()))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    refused = called(old, new.prefix)
    assert refused.returncode == 1
    assert "holds profiles already; give --to-prefix another value" in refused.stderr

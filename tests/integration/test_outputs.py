"""Outputs, profiles and offsets become durable together: when one cannot be written, none of them is there."""

import time
from pathlib import Path

import msgspec
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.support.replayed import decisions_in, differing, profiles_in, replay_of
from tests.support.shopping import shopping, view
from tests.support.stand import Stand

NOW_MS = round(time.time() * 1000)


def _allow_bytes(stand: Stand, topic: str, size: int) -> None:
    """Set the largest record that the broker takes for a topic."""
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, stand.prefix + topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": stand.servers})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(20)


@pytest.mark.parametrize("topic", ["decisions", "promotions", "beckon-profiles-changelog"])
def test_what_cannot_be_written_ends_the_worker_and_nothing_half_done_is_ever_seen(
    topic: str, stand: Stand, tmp_path: Path
) -> None:
    events = shopping(seed=31, shoppers=20, events=1_500, end_ms=NOW_MS)
    events = [event for event in events if event.key.startswith("one-")]
    _allow_bytes(stand, topic, 150)
    stand.broker.produce(events)
    with stand.workers(1) as (worker,):
        assert worker.wait() == 1
        last = worker.log().splitlines()[-1]
        assert last.startswith("beckon: lane ")
        assert "could not write: MessageSizeTooLarge" in last
        assert stand.broker.committed() == {}
        for written in ("beckon-profiles-changelog", "decisions", "promotions"):
            assert stand.broker.records(written) == []
        _allow_bytes(stand, topic, 1_048_588)
        worker.start()
        stand.wait_drained([worker])
        assert worker.outcomes() == {"applied": len(events)}
    replayed = replay_of(events, stand.settings, tmp_path / "replay")
    profiles = profiles_in(stand.broker, stand.settings, replayed.summary["as_of"])
    assert differing(profiles, replayed.profiles) == []
    assert decisions_in(stand.broker) == replayed.decisions
    assert len(stand.broker.records("decisions")) == len(replayed.decisions)


def test_a_decision_too_large_for_kafka_makes_a_dead_letter_and_a_bad_release_stops(stand: Stand) -> None:
    campaigns = {
        "shop": {"currency": "USD"},
        "campaigns": [
            {
                "id": f"c{number:03d}",
                "name": "wordy",
                "triggers": ["Product Viewed"],
                "when": {"all": [{"feature": "affinity", "tag": "t" * 120, "below": 1}] * 8},
                "offers": [{"promotion_id": "p", "name": "n"}],
            }
            for number in range(600)
        ],
    }
    file = stand.folder / "campaigns.json"
    file.write_bytes(msgspec.json.encode(campaigns))  # JSON is YAML
    stand.flags = {"campaigns.file": str(file)}
    values = [(f"s{number}".encode(), view(f"s{number}", f"m{number}", NOW_MS)) for number in range(120)]
    with stand.workers(1) as (worker,):
        ids = stand.broker.send("clicks", values[:80])
        stand.wait_drained([worker])
        assert worker.outcomes() == {"dead_letter": 80}
        letters = stand.broker.records("dead-letters")
        assert {stand.broker.source_of(letter) for letter in letters} == set(ids)
        assert {letter.headers["reason"] for letter in letters} == {b"processing_failed"}
        assert "OversizeError" in worker.log()
        stand.broker.send("clicks", values[80:])  # more than 1 % of 10,000
        assert worker.wait() == 1
        assert "events failed in processing, the last one by OversizeError" in worker.log().splitlines()[-1]
    assert sum(stand.broker.committed().values()) == 80
    assert stand.broker.records("beckon-profiles-changelog") == []

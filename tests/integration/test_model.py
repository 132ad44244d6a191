"""The worker with the tag model: what a replay with it gives; and what happens when the model gives up."""

import time
from pathlib import Path

import msgspec

from schemas.codec import decode_profile
from streams.simulator import Shop, stream
from tests.support.replayed import differing, profiles_in, replay_of
from tests.support.shopping import CATEGORIES, Sent, shopping
from tests.support.stand import Stand

MODELS = Path(__file__).parents[2] / "models"
WITH_MODEL = {"models.tags": "tags", "models.dir": str(MODELS), "models.give_up_s": 0.5}


def test_tags_of_the_worker_are_those_of_a_replay_whatever_was_scored_together(
    stand: Stand, tmp_path: Path
) -> None:
    start_ms = round(time.time() * 1000) - 600_000
    shop = Shop(seed=7, shoppers=150, start_ms=start_ms, broken_share=0.0)
    simulated = stream(shop, rate=10, seconds=400, start_ms=start_ms)
    events = [Sent(event.topic, event.key, event.value) for event in simulated]
    stand.flags = WITH_MODEL
    with stand.workers(1) as (worker,):
        worker.wait_ready()
        stand.broker.produce(events, seconds=2)
        stand.wait_drained([worker])
        time.sleep(1.5)  # the model's counters are brought up once a second
        metrics = worker.metrics()
        assert worker.stop() == 0
    assert metrics["beckon_model_calls_total"] > 0
    assert metrics["beckon_model_fallbacks_total"] == 0
    replayed = replay_of(events, stand.settings, tmp_path / "replay")
    assert replayed.summary["tags"] == "model"
    assert metrics["beckon_model_texts_total"] == replayed.summary["texts_scored"]
    profiles = profiles_in(stand.broker, stand.settings, replayed.summary["as_of"])
    assert differing(profiles, replayed.profiles) == []
    assert sum(len(profile["affinity"]) for profile in profiles.values()) > 150


def test_when_the_model_gives_up_categories_stand_in_and_everything_says_so(stand: Stand) -> None:
    stand.flags = WITH_MODEL
    events = shopping(seed=41, shoppers=30, events=1_000, end_ms=round(time.time() * 1000))
    with stand.odd_worker("model") as worker:
        stand.broker.produce(events)
        stand.wait_drained([worker])
        time.sleep(1.5)
        metrics = worker.metrics()
        assert worker.stop() == 0
    assert metrics['beckon_events_total{outcome="applied",topic="' + stand.prefix + 'clicks"}'] > 500
    assert metrics["beckon_model_fallbacks_total"] > 0
    newest = {record.key: record.value for record in stand.broker.records("beckon-profiles-changelog")}
    profiles = [decode_profile(value or b"") for value in newest.values()]
    assert {tag for profile in profiles for tag in profile.affinity} == set(CATEGORIES)
    assert all(profile.approximate for profile in profiles if profile.affinity)
    decisions = [msgspec.json.decode(record.value or b"") for record in stand.broker.records("decisions")]
    assert any(decision["approximate"] for decision in decisions)

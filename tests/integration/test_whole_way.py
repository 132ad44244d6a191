"""The whole way on a real broker: events in, profiles, decisions, promotions and dead letters out."""

import time
from collections import Counter
from pathlib import Path

import msgspec

from schemas.timestamps import iso_utc
from streams.simulator import Shop, stream
from tests.support.replayed import decisions_in, differing, profiles_in, replay_of
from tests.support.shopping import Sent, shopping
from tests.support.stand import Stand

OURS = 6_000
SIMULATED = 6_000


def test_a_run_on_the_broker_leaves_what_a_replay_of_the_same_events_gives(
    stand: Stand, tmp_path: Path
) -> None:
    now_ms = round(time.time() * 1000)
    shop = Shop(seed=5, shoppers=200, start_ms=now_ms - 600_000)
    simulated = list(stream(shop, rate=10, seconds=SIMULATED / 10, start_ms=now_ms - 600_000))
    broken = Counter(event.broken.value for event in simulated if event.broken is not None)
    ours = shopping(seed=11, shoppers=300, events=OURS, end_ms=now_ms)
    events = [*ours, *(Sent(event.topic, event.key, event.value) for event in simulated)]

    with stand.workers(2) as workers:
        for worker in workers:
            worker.wait_ready()
        stand.broker.produce(events)
        stand.wait_drained(workers)
        counts = workers[0].outcomes() + workers[1].outcomes()
        assert [worker.stop() for worker in workers] == [0, 0]

    assert counts == {"applied": OURS + SIMULATED - broken.total(), "dead_letter": broken.total()}
    letters = stand.broker.records("dead-letters")
    assert Counter(letter.headers["reason"].decode() for letter in letters) == broken

    replayed = replay_of(events, stand.settings, tmp_path / "replay")
    profiles = profiles_in(stand.broker, stand.settings, replayed.summary["as_of"])
    assert len(profiles) > 400
    assert differing(profiles, replayed.profiles) == []

    wanted = {key: decision for key, decision in replayed.decisions.items() if key[0].startswith("one-")}
    assert len(wanted) > 100
    assert decisions_in(stand.broker, "one-") == wanted


def test_a_promotion_is_a_cloud_event_of_its_decision(stand: Stand) -> None:
    now_ms = round(time.time() * 1000)
    events = shopping(seed=12, shoppers=60, events=4_000, end_ms=now_ms)
    with stand.workers(1) as workers:
        stand.broker.produce(events)
        workers[0].wait_ready()
        stand.wait_drained(workers)
    offered = {
        decision["decision_id"]: decision
        for decision in decisions_in(stand.broker).values()
        if decision["outcome"] == "offered"
    }
    records = stand.broker.records("promotions")
    revoked = [record for record in records if record.headers["ce_type"] == b"promotion.revoked"]
    assert {msgspec.json.decode(record.value or b"")["decision_id"] for record in revoked} <= offered.keys()
    promotions = [record for record in records if record not in revoked]
    assert len(promotions) == len(offered) > 20
    for record in promotions:
        promotion = msgspec.json.decode(record.value or b"")
        decision = offered.pop(promotion["decision_id"])
        assert record.key == decision["user_id"].encode()
        assert {name: value.decode() for name, value in record.headers.items()} == {
            "ce_specversion": "1.0",
            "ce_id": decision["decision_id"],
            "ce_source": f"/beckon/campaigns/{decision['campaign_id']}",
            "ce_type": "promotion.offered",
            "ce_subject": decision["user_id"],
            "ce_time": iso_utc(decision["now"]),
            "ce_dataschema": "urn:beckon:schema:promotion:1",
            "content-type": "application/json",
        }

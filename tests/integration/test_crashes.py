"""Workers that are killed at any moment: nothing is lost, nothing is there twice, no event counts twice."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from tests.support.broker import Record
from tests.support.replayed import decisions_in, differing, profiles_in, replay_of
from tests.support.shopping import Sent, shopping
from tests.support.stand import Stand
from tests.support.workers import WorkerProcess, until

SEED = 20_261_125
EVENTS = 50_000
KILLS = 10
#: Of the kills, these come while profiles are being restored.
IN_RESTORE = (4, 8)
SECONDS_OF_LOAD = 30.0
WRITTEN = ("decisions", "promotions", "beckon-profiles-changelog")
#: With one message id kept against doubles and no positions looked at, an event that came again would count again:
#: what keeps it out is that offsets and profiles are one step, or nothing does.
UNGUARDED = {"profile.seen_max": 1, "worker.guard_positions": False}


@pytest.mark.timeout(240)
def test_ten_kills_change_no_profile_and_lose_or_double_no_decision(stand: Stand, tmp_path: Path) -> None:
    print(f"seed {SEED}")
    rng = Random(SEED)
    stand.flags = {**UNGUARDED, "worker.batch_events": 300}
    events = shopping(seed=SEED, shoppers=2_000, events=EVENTS, end_ms=round(time.time() * 1000))
    in_restore = 0
    started = time.monotonic()
    with stand.workers(2) as workers:
        with _load(stand, events):
            for number in range(KILLS):
                victim = rng.choice(workers)
                if number in IN_RESTORE:
                    in_restore += _kill_in_restore(victim)
                else:
                    _wait_for_progress(workers)
                    time.sleep(rng.random() * 1.5)
                    victim.kill()
                victim.start()
                print(f"kill {number + 1} at {time.monotonic() - started:.1f} s")
        assert in_restore == len(IN_RESTORE)
        stand.wait_drained(workers, 120)
        assert [worker.stop() for worker in workers] == [0, 0]

    replayed = replay_of(events, stand.settings, tmp_path / "replay")
    profiles = profiles_in(stand.broker, stand.settings, replayed.summary["as_of"])
    assert differing(profiles, replayed.profiles) == []
    wanted = {key: decision for key, decision in replayed.decisions.items() if key[0].startswith("one-")}
    assert len(wanted) > 1_000
    assert decisions_in(stand.broker, "one-") == wanted
    ids = [_trigger_of(record) for record in stand.broker.records("decisions")]
    assert len(ids) == len(set(ids))
    _check_promotions(stand, replayed.promotions)
    undone = sum(stand.broker.undone(topic) for topic in WRITTEN)
    print(f"{undone} records were undone")


@pytest.mark.parametrize("guard", [True, False])
def test_without_the_atomic_step_only_positions_keep_events_from_counting_twice(
    guard: bool, stand: Stand, tmp_path: Path
) -> None:
    stand.flags = {**UNGUARDED, "worker.guard_positions": guard, "worker.atomic_step": False}
    events = shopping(seed=3, shoppers=50, events=4_000, end_ms=round(time.time() * 1000))
    stand.broker.produce(events)
    with stand.odd_worker("offsets") as worker:  # it writes profiles and dies before it commits
        until(lambda: worker.outcomes()["applied"] == 4_000, 40, "all events are applied")
        worker.kill()
    assert stand.broker.committed() == {}
    with stand.workers(1) as (worker,):
        stand.wait_drained([worker])
        if guard:
            assert worker.outcomes() == {"replayed": 4_000}
        else:  # topics interleave anew, so the one message id that is kept may meet its own event first
            assert worker.outcomes()["applied"] > 3_900
        assert worker.stop() == 0
    replayed = replay_of(events, stand.settings, tmp_path / "replay")
    wrong = differing(profiles_in(stand.broker, stand.settings, replayed.summary["as_of"]), replayed.profiles)
    assert len(wrong) == (0 if guard else 50)


def _check_promotions(stand: Stand, wanted: list[dict[str, Any]]) -> None:
    """Every promotion of a one-topic shopper is there, once; of no shopper is one there twice."""
    ids = [record.headers["ce_id"].decode() for record in stand.broker.records("promotions")]
    assert len(ids) == len(set(ids))
    found = {
        record.headers["ce_id"].decode()
        for record in stand.broker.records("promotions")
        if (record.key or b"").startswith(b"one-")
    }
    assert found == {_event_id(one) for one in wanted if one["user_id"].startswith("one-")}


def _trigger_of(record: Record) -> tuple[str, str]:
    """Return what a record of `decisions` decides about."""
    decision = msgspec.json.decode(record.value or b"")
    return decision["user_id"], decision["trigger"]["message_id"]


def _event_id(promotion: dict[str, Any]) -> str:
    """Return the CloudEvents id that a record of `promotions` must have."""
    ending = "-revoked" if promotion["type"] == "promotion.revoked" else ""
    return f"{promotion['decision_id']}{ending}"


@contextmanager
def _load(stand: Stand, events: list[Sent]) -> Iterator[None]:
    """Send events evenly over `SECONDS_OF_LOAD` beside the block; all of them are sent when it ends."""
    thread = threading.Thread(target=stand.broker.produce, args=(events, SECONDS_OF_LOAD))
    thread.start()
    yield
    thread.join()


def _wait_for_progress(workers: list[WorkerProcess]) -> None:
    """Wait until some worker has applied an event since this call."""
    before = [worker.outcomes().total() for worker in workers]
    until(
        lambda: any(worker.outcomes().total() > seen for worker, seen in zip(workers, before, strict=True)),
        40,
        f"a worker goes on: {[worker.log() for worker in workers]}",
    )


def _kill_in_restore(victim: WorkerProcess) -> int:
    """Kill a worker, start it again and kill it while it restores; return 1 if it did not get through."""
    victim.kill()
    victim.start()
    until(lambda: (victim.restoring() or 0) > 0, 40, f"it restores: {victim.log()}", pause_s=0.002)
    victim.kill()
    records = victim.restoring()
    print(f"killed while it restored {records} records")
    return int(records is not None and records > 0)

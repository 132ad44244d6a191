"""Workers that come and go: partitions change hands without a lost or repeated event."""

import signal
import time
from pathlib import Path
from threading import Thread

import pytest

from tests.support.replayed import decisions_in, differing, profiles_in, replay_of
from tests.support.shopping import Sent, shopping, view
from tests.support.stand import Stand
from tests.support.workers import until

NOW_MS = round(time.time() * 1000)


def test_partitions_change_hands_under_load_and_every_event_counts_once(stand: Stand, tmp_path: Path) -> None:
    events = shopping(seed=21, shoppers=500, events=16_000, end_ms=NOW_MS)
    load = Thread(target=stand.broker.produce, args=(events, 10.0))
    with stand.workers(2) as (first, second):
        first.wait_ready()
        second.wait_ready()
        load.start()
        until(lambda: second.outcomes()["applied"] > 500, 40, "the second one works")
        started = time.monotonic()
        assert second.stop() == 0
        assert time.monotonic() - started < 10
        until(lambda: first.metrics()["beckon_partitions"] == 4, 40, "the first one has all partitions")
        second.start()
        second.wait_ready()
        until(lambda: second.outcomes()["applied"] > 200, 40, "the second one works again")
        load.join()
        stand.wait_drained([first, second])
        # Nothing came twice: what was begun was committed before the partitions were given away.
        assert first.outcomes()["replayed"] == second.outcomes()["replayed"] == 0
        assert first.metrics()["beckon_rebalances_total"] >= 2
        assert [first.stop(), second.stop()] == [0, 0]
    replayed = replay_of(events, stand.settings, tmp_path / "replay")
    profiles = profiles_in(stand.broker, stand.settings, replayed.summary["as_of"])
    assert differing(profiles, replayed.profiles) == []
    wanted = {key: decision for key, decision in replayed.decisions.items() if key[0].startswith("one-")}
    assert decisions_in(stand.broker, "one-") == wanted


def test_a_stop_under_load_commits_all_that_was_begun(stand: Stand) -> None:
    stand.broker.produce(shopping(seed=22, shoppers=500, events=30_000, end_ms=NOW_MS))
    with stand.workers(1) as (worker,):
        until(lambda: worker.outcomes()["applied"] > 2_000, 40, "it works")
        started = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - started < 10
        committed = sum(stand.broker.committed().values())
        worker.start()
        stand.wait_drained([worker])
        rest = {"applied": 30_000 - committed}
        until(lambda: worker.outcomes() == rest, 5, "what is committed is counted too, a moment later")
    assert 2_000 < committed < 30_000


def test_strays_go_home_and_nobody_gets_two_profiles(stand: Stand, tmp_path: Path) -> None:
    events = [Sent("clicks", f"s{n % 40}", view(f"s{n % 40}", f"m{n}", NOW_MS + n)) for n in range(400)]
    # librdkafka's own default is another partitioner than Kafka's.
    stand.broker.produce(events, partitioner="consistent_random")
    with stand.workers(1) as (worker,):
        stand.wait_drained([worker])
        counts, strays = worker.outcomes(), worker.metrics()["beckon_strays_total"]
        assert worker.stop() == 0
        assert "partitioner=murmur2_random" in worker.log()  # above 1 % of 10,000 it is an error line
    assert counts == {"stray": strays, "applied": 400}
    assert 200 < strays < 400
    assert len(stand.broker.records("beckon.internal")) == strays
    replayed = replay_of(events, stand.settings, tmp_path / "replay")
    profiles = profiles_in(stand.broker, stand.settings, replayed.summary["as_of"])
    assert differing(profiles, replayed.profiles) == []
    homes = {record.key: record.partition for record in stand.broker.records("beckon-profiles-changelog")}
    assert len(homes) == 40
    assert {
        (record.key, record.partition) for record in stand.broker.records("beckon-profiles-changelog")
    } == set(homes.items())


@pytest.mark.parametrize("seed", [23, 24])
def test_a_worker_that_was_frozen_amid_a_step_is_fenced_and_writes_nothing(
    seed: int, stand: Stand, tmp_path: Path
) -> None:
    events = shopping(seed=seed, shoppers=200, events=12_000, end_ms=NOW_MS)
    # Nothing but the fence keeps doubles out: one message id is kept, and positions are not looked at.
    stand.flags = {"worker.batch_events": 20, "profile.seen_max": 1, "worker.guard_positions": False}
    with stand.workers(2) as (first, second):
        first.wait_ready()
        second.wait_ready()
        stand.broker.produce(events)
        until(lambda: second.outcomes()["applied"] > 500, 40, "the second one works", pause_s=0.01)
        second.signal(signal.SIGSTOP)
        stand.wait_drained([first])
        second.signal(signal.SIGCONT)
        assert second.wait() == 1
        assert "was fenced" in second.log().splitlines()[-1]
        stand.wait_drained([first])
    replayed = replay_of(events, stand.settings, tmp_path / "replay")
    profiles = profiles_in(stand.broker, stand.settings, replayed.summary["as_of"])
    assert differing(profiles, replayed.profiles) == []
    wanted = {key: decision for key, decision in replayed.decisions.items() if key[0].startswith("one-")}
    assert decisions_in(stand.broker, "one-") == wanted

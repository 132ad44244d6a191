"""The quick faults on one broker: each proves its injection, and its run without the guard goes red."""

import signal
from pathlib import Path

import pytest

from tests.faults import loads
from tests.faults import on_one_broker as faults
from tests.faults.brokers import one_broker
from tests.faults.results import Results
from tests.faults.stand import FENCE_ALONE, UNGUARDED, run
from tests.support.kafka import Topics
from tests.support.stand import Stand, stand_on

pytestmark = [pytest.mark.faults, pytest.mark.faults_quick, pytest.mark.timeout(300)]
both = pytest.mark.parametrize("guard", [True, False], ids=["guarded", "unguarded"])
#: How the tables call it.
ON, STEP_OFF = "on", "off: atomic step, positions"


def test_0_without_a_fault_everything_holds(stand: Stand, results: Results) -> None:
    stand.flags = FENCE_ALONE
    verdict = run(stand, loads.plain(1), faults.nothing)
    results.add(0, "none: the control run", ON, verdict)
    assert verdict.clean, verdict
    assert verdict.restarts == 0


@both
def test_1_killed_workers(guard: bool, stand: Stand, results: Results) -> None:
    stand.flags = FENCE_ALONE if guard else UNGUARDED
    verdict = run(stand, loads.plain(2), faults.kill, odd="late-offsets")
    results.add(1, f"kill -9 of a worker, {faults.KILLS} times", ON if guard else STEP_OFF, verdict)
    assert verdict.clean if guard else verdict.doubled > 0, verdict


@both
def test_2_a_worker_is_stopped_under_load(guard: bool, stand: Stand, results: Results) -> None:
    stand.flags = {**FENCE_ALONE, "kafka.session_timeout_s": 10}
    verdict = run(stand, loads.plain(3), faults.stop, odd="" if guard else "finish")
    results.add(2, "SIGTERM under load", ON if guard else "off: finish and leave the group", verdict)
    assert verdict.clean if guard else verdict.violations == ["its place in the group is still held"], verdict


@both
def test_3_a_worker_wakes_up_after_its_partitions_were_taken(
    guard: bool, stand: Stand, results: Results
) -> None:
    stand.flags = FENCE_ALONE if guard else UNGUARDED
    verdict = run(stand, loads.plain(4), faults.pause, odd="late-offsets")
    results.add(3, "SIGSTOP until the group went on, then SIGCONT", ON if guard else STEP_OFF, verdict)
    assert verdict.clean if guard else verdict.lost + verdict.doubled + verdict.out_of_order > 0, verdict


@both
def test_5_the_broker_is_killed_and_comes_back(guard: bool, tmp_path: Path, results: Results) -> None:
    with one_broker() as node:
        stand = stand_on(Topics(node.servers), tmp_path)
        stand.flags = FENCE_ALONE
        verdict = run(stand, loads.plain(5, careless=not guard), faults.bounce(node, signal.SIGKILL))
    results.add(
        5,
        "kill -9 of the only broker, back after 3 s",
        ON if guard else "off: the shop looks at acks and tries again",
        verdict,
    )
    assert verdict.clean if guard else verdict.lost > 0, verdict


@both
def test_16_pills(guard: bool, stand: Stand, results: Results) -> None:
    stand.flags = FENCE_ALONE
    verdict = run(stand, loads.poisoned(6), faults.letters, odd="" if guard else "letters")
    results.add(16, "5 % pills among the events", ON if guard else "off: dead letters", verdict)
    assert verdict.clean if guard else verdict.lost > 0, verdict
    assert verdict.restarts == 0


@both
def test_19_copies_late_ones_and_a_wild_order(guard: bool, stand: Stand, results: Results) -> None:
    stand.flags = {} if guard else {"profile.seen_max": 1}
    verdict = run(stand, loads.disturbed(7), faults.copies)
    results.add(
        19,
        "10 % twice, shuffled within 5 min, 1 % two days late, 1 % from 2099",
        ON if guard else "off: message ids seen",
        verdict,
    )
    assert verdict.clean if guard else verdict.doubled > 0, verdict


@both
def test_23_a_profile_in_the_changelog_is_damaged(guard: bool, stand: Stand, results: Results) -> None:
    stand.flags = FENCE_ALONE
    load = loads.plain(8, damage=faults.DAMAGE)
    verdict = run(stand, load, faults.damage(told=guard), odd="" if guard else "codec")
    results.add(
        23,
        "a profile in the changelog overwritten",
        ON if guard else "off: refuse what is no profile",
        verdict,
    )
    assert verdict.clean if guard else verdict.lost > 0, verdict

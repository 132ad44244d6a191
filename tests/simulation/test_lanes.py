"""Lanes under a simulated Kafka and clock: whatever happens in whatever order, the topics end as a replay says.

BECKON_SIMULATION_RUNS (10000) says how many seeds are run, BECKON_SIMULATION_SEED runs one again.
"""

import os

import pytest

from tests.simulation.planted import FAULTS
from tests.simulation.run import Report, Stores, simulate

_SEED = os.environ.get("BECKON_SIMULATION_SEED")
_RUNS = int(os.environ.get("BECKON_SIMULATION_RUNS", "10000"))
_SHARES = 10
#: Tasks of processes that have ended are never run to their end.
pytestmark = pytest.mark.filterwarnings(
    "ignore:coroutine .* was never awaited:RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def _told(report: Report) -> str:
    lines = [*report.problems[:10], "what was done:", *report.faults, "workers that ended:", *report.ended]
    return "\n".join(
        [f"seed {report.seed} went wrong; BECKON_SIMULATION_SEED={report.seed} runs it again:", *lines]
    )


@pytest.mark.parametrize("share", range(_SHARES))
def test_nothing_is_lost_or_doubled_and_no_position_falls_in_any_interleaving(
    share: int, stores: Stores
) -> None:
    seeds = range(share, _RUNS, _SHARES) if _SEED is None else [int(_SEED)] if share == 0 else []
    for seed in seeds:
        report = simulate(seed, stores)
        assert not report.problems, _told(report)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_within_the_interleavings_of_every_run(fault: str, stores: Stores) -> None:
    found = next((seed for seed in range(10_000) if simulate(seed, stores, FAULTS[fault]).problems), None)
    assert found is not None, f"nobody noticed a worker that {fault}"
    assert not simulate(found, stores).problems  # the same run without the fault is sound


def test_a_seed_is_the_whole_of_a_run(stores: Stores) -> None:
    once, again = ([simulate(seed, stores) for seed in range(20)] for _ in range(2))
    assert once == again


def test_the_runs_hold_what_they_are_for(stores: Stores) -> None:
    reports = [simulate(seed, stores) for seed in range(200)]
    done = {fault.split(" ")[2] for report in reports for fault in report.faults}
    ended = " ".join(why for report in reports for why in report.ended)
    assert done == {"crash", "join", "pause", "stop", "switch_campaigns"}
    assert all(word in ended for word in ("was fenced", "could not write", "the model fails"))

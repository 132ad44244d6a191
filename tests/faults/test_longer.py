"""The longer faults; those on the network go through a proxy that all clients have to pass."""

from pathlib import Path

import pytest

from tests.faults import loads, longer
from tests.faults.brokers import proxied_broker
from tests.faults.results import Results
from tests.faults.stand import FENCE_ALONE, run
from tests.support.kafka import Topics
from tests.support.stand import Stand, stand_on

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
NETWORK = {
    6: ("broker away for 8 s, also for a worker that starts", longer.away),
    9: ("half of each second nothing passes, for 10 s", longer.stalls),
    10: ("all connections reset each second, for 10 s", longer.resets),
}


@pytest.mark.parametrize("number", NETWORK)
def test_the_network_between_all_clients_and_the_broker(
    number: int, tmp_path: Path, results: Results
) -> None:
    name, fault = NETWORK[number]
    with proxied_broker() as (servers, proxy):
        stand = stand_on(Topics(servers), tmp_path)
        stand.flags = FENCE_ALONE
        verdict = run(stand, loads.plain(number), fault(proxy))
    results.add(number, name, "on", verdict)
    assert verdict.clean, verdict


def test_4_the_event_loop_of_a_worker_stands_still(stand: Stand, results: Results) -> None:
    # No run without a guard: heartbeats have a thread of their own, so the group never misses the worker.
    stand.flags = FENCE_ALONE
    verdict = run(stand, loads.plain(4), longer.stall, odd="stall")
    results.add(4, "the event loop stands still for 5 s", "on", verdict)
    assert verdict.clean, verdict
    assert verdict.restarts == 0


def test_15_a_worker_comes_and_goes(stand: Stand, results: Results) -> None:
    stand.flags = FENCE_ALONE
    verdict = run(stand, loads.plain(15, per_second=80), longer.storm)
    results.add(15, "a third worker comes and goes four times", "on", verdict)
    assert verdict.clean, verdict


def test_18_fields_and_versions_that_nobody_knows(stand: Stand, results: Results) -> None:
    stand.flags = FENCE_ALONE
    verdict = run(stand, loads.mixed(18), longer.much)
    results.add(18, "a third with unknown fields, 2 % of an unknown version", "on", verdict)
    assert verdict.clean, verdict


def test_24_half_of_all_events_are_one_shoppers(stand: Stand, results: Results) -> None:
    stand.flags = FENCE_ALONE
    verdict = run(stand, loads.hot(24), longer.much)
    results.add(24, "every second event is one shopper's", "on", verdict)
    assert verdict.clean, verdict


def test_26_workers_are_stopped_and_started_in_turn(stand: Stand, results: Results) -> None:
    stand.flags = FENCE_ALONE
    verdict = run(stand, loads.plain(26, per_second=80), longer.rolling)
    results.add(26, "rolling restart, twice, same version", "on", verdict)
    assert verdict.clean, verdict
    assert verdict.restarts == 0

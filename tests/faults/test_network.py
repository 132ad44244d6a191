"""Faults of the network and of a broker that is away: one broker, each worker through a link of its own."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from schemas.errors import BrokerError
from tests.faults.linked import PATIENCE_S, crew_on, drive, run_on, wait_for_progress
from tests.faults.results import Results
from tests.faults.stand import FENCE_ALONE, UNGUARDED, Load, Run
from tests.support.cluster import Member, brokers
from tests.support.kafka import Topics
from tests.support.link import Link, Network
from tests.support.processes import cpu_s, memory_mb, open_files
from tests.support.shopping import shopping
from tests.support.stand import Stand, stand_on
from tests.support.workers import until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
WORKERS = 2
ATOMIC_OFF = "off: the atomic step and positions"
#: After the group has gone on without the worker that is cut off, it goes on for so long.
MORE_S = 3.0
BAD_NETWORK_S = 20.0
RESETS = 15
AWAY_S = 20.0
#: What has to stay: figures of reliability.md 2.
GROWTH_MB_MAX = 200
FILES_MORE_MAX = 5


@dataclass
class Place:
    """A broker, the network in front of it, and a stand on both."""

    node: Member
    network: Network
    stand: Stand

    @property
    def servers(self) -> list[str]:
        """What each worker takes for the broker's address."""
        return [self.network.servers(client) for client in range(WORKERS)]

    @property
    def links(self) -> list[Link]:
        """The link of each worker."""
        return [links[0] for links in self.network.links]


@pytest.fixture(scope="module")
def broker() -> Iterator[tuple[Member, Network]]:
    """One broker that names the port of its link to each worker."""
    with Network(WORKERS) as network, brokers(1, network) as cluster:
        yield cluster.nodes[1], network


@pytest.fixture
def place(broker: tuple[Member, Network], tmp_path: Path) -> Iterator[Place]:
    """The broker with topics for one test, and a network without a fault."""
    node, network = broker
    topics = Topics(f"127.0.0.1:{node.port}")
    yield Place(node, network, stand_on(topics, tmp_path))
    network.heal()
    topics.remove()


def load(seed: int, events: int = 3_000, per_second: float = 150.0) -> Load:
    end_ms = round(time.time() * 1000)
    return Load(shopping(seed=seed, shoppers=100, events=events, end_ms=end_ms), per_second)


def cut_off(place: Place, held: str, going: Run) -> None:
    """Fault 8: one worker cannot reach the broker, or not be reached, until the group has gone on; all comes late."""
    link, before = place.links[0], len(going.stand.broker.members())
    ways = {"out": [link.up], "in": [link.down], "both": [*link.ways]}[held]
    going.prove(all(way.passed for way in ways), f"{[way.passed for way in ways]} bytes went this way")
    for way in ways:
        way.held = True
    going.crew.hold(going.crew.workers[0])
    going.wait(lambda: len(going.stand.broker.members()) < before, "the group is without it", PATIENCE_S)
    wait_for_progress(going)
    time.sleep(MORE_S)
    late = [way.late for way in ways]
    going.prove(any(late), f"{late} bytes were held back ({held}) while the group went on")
    going.healed = time.monotonic()
    place.network.heal()
    going.crew.release(going.crew.workers[0])


def make_bad(place: Place, going: Run) -> None:
    """Fault 9: 100 ms and 50 more or less, one chunk in twenty lost and sent again, 128 kB a second; both ways."""
    ways = [way for link in place.links for way in link.ways]
    before = sum(way.passed for way in ways)
    for way in ways:
        way.delay_s, way.jitter_s, way.loss, way.rate = 0.1, 0.05, 0.05, 131_072.0
    rebalances = _rebalances(going)
    time.sleep(BAD_NETWORK_S)
    passed, resent = sum(way.passed for way in ways) - before, sum(way.resent for way in ways)
    going.prove(passed > 0 and resent > 0, f"{passed} bytes passed late, {resent} chunks were sent again")
    more = _rebalances(going) - rebalances
    going.want(more <= 2 * WORKERS, f"{more} rebalances in {BAD_NETWORK_S:g} s")
    print(f"{more} rebalances")
    going.healed = time.monotonic()
    place.network.heal()


def reset(place: Place, going: Run) -> None:
    """Fault 10: every connection of the workers is reset each second."""
    for link in place.links:
        link.down.delay_s = 0.05  # so that most times an answer is on its way
    files = [open_files(worker) for worker in going.crew.workers]
    ended = 0
    for _ in range(RESETS):
        ended += sum(place.network.reset(client) for client in range(WORKERS))
        time.sleep(1)
        going.crew.tend()
    going.prove(ended >= RESETS, f"{ended} connections were reset in {RESETS} s")
    going.healed = time.monotonic()
    place.network.heal()
    wait_for_progress(going)
    until(lambda: all(worker.ready() for worker in going.crew.workers), PATIENCE_S, "the workers are ready")
    if not going.crew.ends:
        left = [open_files(worker) for worker in going.crew.workers]
        print(f"open files before and after: {files}, {left}")
        kept = all(b <= a + FILES_MORE_MAX for a, b in zip(files, left, strict=True))
        going.want(kept, f"open files before and after: {files}, {left}")


def take_broker_away(place: Place, number: signal.Signals, going: Run) -> None:
    """Fault 6: the only broker is gone for a while."""
    workers = going.crew.workers
    before, started = [memory_mb(worker) for worker in workers], len(going.crew.ends)
    place.node.end(number)
    worked = [cpu_s(worker) for worker in workers]
    ends = _tend_for(going, AWAY_S)
    going.prove(not place.node.answers(), f"no broker for {AWAY_S:g} s")
    if len(going.crew.ends) == started:  # the processes that were measured before
        grown = [memory_mb(one) - mb for one, mb in zip(workers, before, strict=True)]
        busy = [(cpu_s(one) - s) / AWAY_S for one, s in zip(workers, worked, strict=True)]
        print(f"memory grew by {grown} MB, share of a core: {busy}")
        going.want(max(grown) < GROWTH_MB_MAX, f"memory grew by {grown} MB")
    print(f"{ends} workers ended while it was away")
    place.node.start()
    going.healed = time.monotonic()


def test_control_through_links_everything_holds(place: Place, results: Results) -> None:
    verdict = run_on(place.stand, place.servers, load(80), lambda going: time.sleep(5))
    results.add(0, "control, no fault, workers behind links", "on", verdict)
    assert verdict.clean
    assert verdict.restarts == 0


@pytest.mark.parametrize("held", ["both", "in", "out"])
def test_8_a_worker_that_is_cut_off(held: str, place: Place, results: Results) -> None:
    place.stand.flags = FENCE_ALONE
    verdict = run_on(place.stand, place.servers, load(81), partial(cut_off, place, held))
    results.add(8, f"a worker cut off from the broker ({held}), heals", "on", verdict)
    assert verdict.clean


def test_8_without_the_guard_what_comes_late_is_seen(place: Place, results: Results) -> None:
    # Only its own way is held: what the broker was already asked for still arrives, is worked on, and is written late.
    place.stand.flags = UNGUARDED
    verdict = run_on(place.stand, place.servers, load(81), partial(cut_off, place, "out"))
    results.add(8, "a worker cut off from the broker (out), heals", ATOMIC_OFF, verdict)
    assert verdict.doubled + verdict.out_of_order > 0


def test_9_a_slow_narrow_lossy_network(place: Place, results: Results) -> None:
    verdict = run_on(place.stand, place.servers, load(90), partial(make_bad, place))
    results.add(9, "100 ± 50 ms, 5 % sent again, 128 kB/s", "on", verdict)
    assert verdict.clean


@pytest.mark.parametrize("guard", [True, False])
def test_10_connections_are_reset_each_second(guard: bool, place: Place, results: Results) -> None:
    place.stand.flags = FENCE_ALONE if guard else UNGUARDED
    loose = "" if guard else "idempotence"
    verdict = run_on(place.stand, place.servers, load(100), partial(reset, place), loose)
    told = "on" if guard else f"{ATOMIC_OFF}, idempotence"
    results.add(10, f"all connections reset, {RESETS} times", told, verdict)
    if guard:
        assert verdict.clean
    else:
        assert verdict.doubled > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_6_the_only_broker_is_away(number: signal.Signals, place: Place, results: Results) -> None:
    place.stand.flags = FENCE_ALONE
    away = partial(take_broker_away, place, number)
    verdict = run_on(place.stand, place.servers, load(60), away)
    results.add(6, f"the only broker away for {AWAY_S:g} s ({number.name})", "on", verdict)
    assert verdict.clean


def test_6_workers_that_start_while_no_broker_is_there(place: Place, results: Results) -> None:
    place.node.end(signal.SIGTERM)
    try:
        with crew_on(place.stand, place.servers) as crew:
            until(lambda: not any(worker.runs() for worker in crew.workers), PATIENCE_S, "they end", 0.2)
            codes = [worker.wait() for worker in crew.workers]
            lines = [worker.log().strip().splitlines()[-1] for worker in crew.workers]
            assert codes == [BrokerError.exit_code] * WORKERS, lines
            assert all(line.startswith("beckon: kafka.servers: no broker answers") for line in lines), lines
            assert all("Traceback" not in worker.log() for worker in crew.workers)
            crew.tend()
            place.node.start()

            def all_ready() -> bool:
                crew.tend()
                return all(worker.ready() for worker in crew.workers)

            until(all_ready, PATIENCE_S, "they come up with the broker", 0.2)
            verdict = drive(place.stand, crew, load(61), lambda going: going.prove(True, lines[0]))
    finally:
        if not place.node.answers():
            place.node.start()
    results.add(6, "no broker when the workers start", "on", verdict)
    assert verdict.clean


def _rebalances(going: Run) -> int:
    return sum(worker.metrics()["beckon_rebalances_total"] for worker in going.crew.workers)


def _tend_for(going: Run, seconds: float) -> int:
    """Look after the workers for a while; return how many ended meanwhile."""
    before, until_s = len(going.crew.ends), time.monotonic() + seconds
    while time.monotonic() < until_s:
        going.crew.tend()
        time.sleep(0.2)
    return len(going.crew.ends) - before

"""Faults of brokers that only several of them can survive: three copies, two of which must be up to date."""

import errno
import itertools
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Producer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from tests.faults.linked import PATIENCE_S, run_on, wait_for_progress
from tests.faults.results import Results
from tests.faults.stand import FENCE_ALONE, UNGUARDED, Load, Run
from tests.support.cluster import Cluster, brokers
from tests.support.kafka import Topics
from tests.support.shopping import shopping
from tests.support.stand import Stand
from tests.support.workers import until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
WORKERS = 2
CHANGELOG = "beckon-profiles-changelog"
#: The broker whose disk may be full, and how much its disk holds.
FULL, DISK_MB = 3, 256
REFUSED_S = 12.0
DOWN_S = 3.0
PAST = "offsets were committed past a changelog that refused everything"


@dataclass
class Place:
    """Three brokers, and a stand on them whose topics have three copies."""

    cluster: Cluster
    stand: Stand

    @property
    def servers(self) -> list[str]:
        """What each worker takes for the brokers' addresses."""
        return [self.cluster.servers] * WORKERS

    def named(self, topic: str) -> str:
        """Return the topic's name on the brokers."""
        return self.stand.prefix + topic


@pytest.fixture(scope="module")
def disk() -> Iterator[Path | None]:
    """A small file system; None where we may not mount one."""
    folder = Path(tempfile.mkdtemp(prefix="beckon-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "beckon", str(folder)]
    mounted = shutil.which("mount") and not subprocess.run(mount, check=False, capture_output=True).returncode
    yield folder if mounted else None
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture(scope="module")
def cluster(disk: Path | None) -> Iterator[Cluster]:
    """Three brokers; the data of one lie on the small disk."""
    with brokers(3, disks={FULL: disk} if disk else None) as cluster:
        yield cluster


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> Iterator[Place]:
    """All brokers up, with topics for one test."""
    for node in cluster.nodes.values():
        if not node.answers():
            node.start()
    topics = Topics(cluster.servers)
    stand = Stand(cluster.servers, topics.prefix, tmp_path, {"topics.replication": 3})
    stand.apply_topics()
    place = Place(cluster, stand)
    cluster.wait_in_sync([place.named("clicks"), place.named(CHANGELOG)])
    yield place
    topics.remove()


def load(seed: int, events: int = 3_000, per_second: float = 150.0) -> Load:
    end_ms = round(time.time() * 1000)
    return Load(shopping(seed=seed, shoppers=100, events=events, end_ms=end_ms), per_second)


def bounce(place: Place, who: str, going: Run) -> None:
    """Fault 5: the leader of a partition or the controller ends cleanly and by kill -9, and comes back."""
    asked = (
        partial(place.cluster.leader, place.named("clicks")) if who == "leader" else place.cluster.controller
    )
    for number in (signal.SIGTERM, signal.SIGKILL):
        _bounce_one(place, number, asked, going)


def _bounce_one(place: Place, number: signal.Signals, asked: Callable[[], int], going: Run) -> None:
    cluster = place.cluster
    until(lambda: asked() > 0, PATIENCE_S, "somebody leads")
    victim = asked()
    cluster.nodes[victim].end(number)
    going.wait(lambda: asked() not in (0, victim), "another one leads", PATIENCE_S)
    going.prove(not cluster.nodes[victim].answers(), f"{number.name} to {victim}, and another one leads")
    going.healed = time.monotonic()
    wait_for_progress(going)
    time.sleep(DOWN_S)
    going.crew.tend()
    cluster.nodes[victim].start()
    cluster.wait_in_sync([place.named("clicks"), place.named(CHANGELOG)], PATIENCE_S)


def refuse_changelog(place: Place, then_kill: bool, going: Run) -> None:
    """Fault 7: the changelog wants three copies and one broker is away; all else goes on."""
    cluster, topic = place.cluster, place.named(CHANGELOG)
    _set_min_in_sync(cluster, topic, 3)
    victim = FULL
    cluster.nodes[victim].end(signal.SIGKILL)  # a clean end takes longer than a transaction may
    cluster.wait_in_sync_on(set(cluster.nodes) - {victim}, [topic], PATIENCE_S)
    going.prove(_is_refused(cluster, topic), "the changelog refuses what is written (NOT_ENOUGH_REPLICAS)")
    time.sleep(1)  # what was acknowledged before is committed by now
    group, ends = going.stand.broker.group, going.stand.broker.ends(["clicks"])
    before = cluster.committed(group)
    time.sleep(REFUSED_S)
    after = cluster.committed(group)
    more = sum(going.stand.broker.ends(["clicks"]).values()) - sum(ends.values())
    going.prove(more > 0 and before != {}, f"{more} more events came in {REFUSED_S:g} s")
    past = [f"{at}: {before.get(at, 0)} to {to}" for at, to in after.items() if to > before.get(at, 0)]
    going.want(not past, f"{PAST}: {past[:3]}")
    if then_kill:
        for worker in going.crew.workers:
            worker.kill()
    cluster.nodes[victim].start()
    going.healed = time.monotonic()
    cluster.wait_in_sync([topic, place.named("clicks")], PATIENCE_S)


def fill_disk(place: Place, disk: Path, going: Run) -> None:
    """Fault 12: the disk of one broker is full; later there is room again and it comes back."""
    cluster, node = place.cluster, place.cluster.nodes[FULL]
    ballast = disk / "ballast"
    assert node.process is not None
    process = node.process

    def is_down() -> bool:
        _fill(ballast)  # a file that the broker deletes makes room
        return process.poll() is not None or "No space left" in node.log()

    going.prove(_fill(ballast) > 0, f"a disk of {DISK_MB} MB is full: a write fails with ENOSPC")
    going.wait(is_down, "the broker stumbles over its disk", PATIENCE_S)
    going.prove(
        True, "the broker " + ("ended" if process.poll() is not None else "says that nothing is left")
    )
    going.healed = time.monotonic()
    cluster.wait_in_sync_on(set(cluster.nodes) - {FULL}, [place.named("clicks")], PATIENCE_S)
    wait_for_progress(going)
    ballast.unlink()
    if process.poll() is None:
        node.end(signal.SIGKILL)
    node.start()
    cluster.wait_in_sync([place.named("clicks"), place.named(CHANGELOG)], PATIENCE_S)


def test_control_on_three_brokers_everything_holds(place: Place, results: Results) -> None:
    verdict = run_on(place.stand, place.servers, load(50), lambda going: time.sleep(5))
    results.add(0, "control, no fault, three brokers", "on", verdict)
    assert verdict.clean
    assert verdict.restarts == 0


@pytest.mark.parametrize("who", ["leader", "controller"])
def test_5_a_broker_bounces(who: str, place: Place, results: Results) -> None:
    place.stand.flags |= FENCE_ALONE
    verdict = run_on(place.stand, place.servers, load(51, 6_000), partial(bounce, place, who))
    results.add(5, f"{who} ends by SIGTERM, then by SIGKILL, and comes back", "on", verdict)
    assert verdict.clean


@pytest.mark.parametrize("guard", [True, False])
def test_7_nothing_is_committed_past_a_changelog_that_is_refused(
    guard: bool, place: Place, results: Results
) -> None:
    place.stand.flags |= FENCE_ALONE if guard else UNGUARDED
    loose = "" if guard else "changelog"
    fault = partial(refuse_changelog, place, not guard)
    verdict = run_on(place.stand, place.servers, load(70, 6_000), fault, loose)
    told = "on" if guard else "off: a worker that does not wait for its changelog"
    results.add(7, f"not enough copies of the changelog for {REFUSED_S:g} s", told, verdict)
    if guard:
        assert verdict.clean
    else:
        assert any(line.startswith(PAST) for line in verdict.violations)
        assert verdict.lost > 0


def test_12_the_disk_of_a_broker_is_full(place: Place, disk: Path | None, results: Results) -> None:
    if disk is None:
        pytest.skip("mounting a small tmpfs is not allowed here")
    place.stand.flags |= FENCE_ALONE
    verdict = run_on(place.stand, place.servers, load(120, 6_000), partial(fill_disk, place, disk))
    results.add(12, "the disk of one of three brokers is full, then it comes back", "on", verdict)
    assert verdict.clean


def _set_min_in_sync(cluster: Cluster, topic: str, copies: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=cluster.servers.split(","))
    wanted = ConfigResource(ConfigResourceType.TOPIC, topic, {"min.insync.replicas": str(copies)})
    admin.alter_configs([wanted])
    admin.close()


def _is_refused(cluster: Cluster, topic: str) -> bool:
    """Return whether a write is refused before it is there: it can be tried without leaving a trace."""
    told: list[KafkaError | None] = []
    options = {"bootstrap.servers": cluster.servers, "acks": "all", "retries": 0, "log_level": 0}
    producer = Producer(options)
    producer.produce(topic, b"", b"probe", partition=0, on_delivery=lambda error, _: told.append(error))
    producer.flush(20)
    return [error and error.code() for error in told] == [KafkaError.NOT_ENOUGH_REPLICAS]


def _fill(ballast: Path) -> int:
    """Write until the disk is full; return how much was written."""
    piece = bytes(65_536)
    with ballast.open("ab", buffering=0) as file:
        for count in itertools.count():
            try:
                file.write(piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                return count * len(piece)
    raise AssertionError("unreachable")

"""Brokers on this machine, each of which may be stopped, killed and started again: three show what one cannot.

Each is broker and controller. Of three, each holds a copy of everything, and two have to be up to date for a write.
Each client of a network has a listener of its own at each broker, which names the port of the client's link; all
else uses the plain one.
"""

import base64
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from streams.kafka_jars import PROPERTIES, install, jvm
from streams.local_kafka import _free_ports
from tests.faults.brokers import START_S, Node
from tests.support.link import Network
from tests.support.workers import until

_ASK_S = 10.0
#: What differs where there are three.
_COPIES = """default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
controller.quorum.election.timeout.ms=2000
controller.quorum.fetch.timeout.ms=4000
"""


class Member(Node):
    """One of several brokers."""

    def launch(self) -> None:
        """Start it, and return before it answers."""
        command = [*jvm(install(), ("-Xms256m", "-Xmx256m")), "kafka.Kafka", str(self.config)]
        if shutil.which("setpriv"):  # a killed test run leaves no broker behind
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )


class Cluster:
    """The brokers by number, from 1 on."""

    def __init__(self, nodes: dict[int, Member]) -> None:
        self.nodes = nodes
        self._admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})

    @property
    def servers(self) -> str:
        """Their addresses, past all links."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes.values())

    def leader(self, topic: str, number: int = 0) -> int:
        """Return who leads a partition; 0 when nobody does or nobody knows."""
        found = self._partitions(topic)
        return max(0, int(found[number].leader)) if number in found else 0

    def in_sync(self, topic: str) -> list[set[int]]:
        """Return which copies of each partition are up to date; [] when nobody knows."""
        found = self._partitions(topic)
        return [set(found[number].isrs) for number in sorted(found)]

    def _partitions(self, topic: str) -> dict[int, Any]:
        try:
            topics = self._admin.list_topics(topic, timeout=_ASK_S).topics
        except KafkaException:
            return {}
        return dict(topics[topic].partitions)

    def controller(self) -> int:
        """Return which broker is the active controller; 0 when nobody knows."""
        try:
            with closing(KafkaAdminClient(bootstrap_servers=self.servers.split(","))) as admin:
                quorum = admin.describe_metadata_quorum()
        except (KafkaError, TimeoutError):
            return 0
        return max(0, int(quorum["topics"][0]["partitions"][0]["leader_id"]))

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """Return what a group has committed by now, whatever is on its way in transactions that are open."""
        with closing(KafkaAdminClient(bootstrap_servers=self.servers.split(","))) as admin:
            found = admin.list_group_offsets(group)[group]
        return {(tp.topic, tp.partition): one.offset for tp, one in found.items() if one.offset >= 0}

    def wait_in_sync(self, topics: Sequence[str], seconds: float = 90.0) -> None:
        """Wait until all copies of these topics are up to date."""
        self.wait_in_sync_on(set(self.nodes), topics, seconds)

    def wait_in_sync_on(self, copies: set[int], topics: Sequence[str], seconds: float) -> None:
        """Wait until these brokers, and no other, hold the copies that are up to date."""

        def only_these() -> bool:
            found = [one for topic in topics for one in self.in_sync(topic) or [set()]]
            return all(one == copies for one in found)

        until(only_these, seconds, f"copies in sync on {copies}", 0.5)


@contextmanager
def brokers(
    count: int = 3, network: Network | None = None, disks: dict[int, Path] | None = None
) -> Iterator[Cluster]:
    """Run brokers inside the block; `disks` says where some of them keep their data (a file system that is full)."""
    clients = len(network.links) if network else 0
    ports = [_free_ports(2 + clients) for _ in range(count)]
    voters = ",".join(f"{number}@127.0.0.1:{ports[number - 1][1]}" for number in range(1, count + 1))
    nodes: dict[int, Member] = {}
    for number, (port, controller, *others) in enumerate(ports, 1):
        home = Path(tempfile.mkdtemp(prefix=f"beckon-cluster-{number}-"))
        data = (disks or {}).get(number, home) / "data"
        _format(data, number)
        lines = [
            PROPERTIES.format(port=port, controller=controller, data=data),
            f"node.id={number}",
            f"controller.quorum.voters={voters}",
            _COPIES if count > 1 else "",
        ]
        if network:
            lines += _client_lines(network, number - 1, (port, controller), others)
        config = home / "server.properties"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        nodes[number] = Member(port, home, config)
    try:
        for node in nodes.values():
            node.launch()  # all at once: one alone has no majority and does not answer
        for node in nodes.values():
            until(node.answers, START_S, f"broker {node.config} answers")
        yield Cluster(nodes)
    finally:
        for node in nodes.values():
            node.remove()


def _client_lines(network: Network, broker: int, own: tuple[int, int], ports: Sequence[int]) -> list[str]:
    """Return the properties that give each client of a network a listener, and lead its link there."""
    links = [of_client[broker] for of_client in network.links]
    plain, controller = (
        f"{name}://127.0.0.1:{port}" for name, port in zip(("PLAINTEXT", "CONTROLLER"), own, strict=True)
    )
    listens, tells, protocols = [plain, controller], [plain], ["CONTROLLER:PLAINTEXT", "PLAINTEXT:PLAINTEXT"]
    for client, (link, port) in enumerate(zip(links, ports, strict=True)):
        link.target = port
        listens.append(f"CLIENT{client}://127.0.0.1:{port}")
        tells.append(f"CLIENT{client}://127.0.0.1:{link.port}")
        protocols.append(f"CLIENT{client}:PLAINTEXT")
    return [
        f"listeners={','.join(listens)}",
        f"advertised.listeners={','.join(tells)}",
        f"listener.security.protocol.map={','.join(protocols)}",
    ]


def _format(data: Path, number: int) -> None:
    """Make a data directory as Kafka's own tool would, which takes a JVM for each."""
    shutil.copytree(install() / "formatted", data)
    identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    lines = []
    for line in (data / "meta.properties").read_text().splitlines():
        name = line.partition("=")[0]
        lines.append(
            {"node.id": f"node.id={number}", "directory.id": f"directory.id={identity}"}.get(name, line)
        )
    (data / "meta.properties").write_text("\n".join(lines) + "\n", encoding="utf-8")

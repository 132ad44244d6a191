"""Brokers that a fault may stop, kill and start again: they keep their address and their data directory."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from streams.kafka_jars import PROPERTIES, install, jvm
from streams.local_kafka import _free_ports
from tests.support.proxy import Proxy

START_S = 90.0
STOP_S = 60.0
#: A broker of 256 MB is enough here; three of them and the workers share one machine.
_FLAGS = ("-Xms256m", "-Xmx256m")


@dataclass
class Node:
    """One broker that is its own controller."""

    port: int
    home: Path
    config: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def servers(self) -> str:
        """Its address."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it on its old data, and return once its port answers."""
        command = [*jvm(install(), _FLAGS), "kafka.Kafka", str(self.config)]
        if shutil.which("setpriv"):  # a killed test run leaves no broker behind
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_S
        while not self.answers():
            assert self.process.poll() is None, f"the broker ended: {self.log()}"
            assert time.monotonic() < deadline, f"no answer within {START_S:g} s: {self.log()}"
            time.sleep(0.05)

    def answers(self) -> bool:
        """Return whether its port is open."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def end(self, number: signal.Signals) -> None:
        """End it with a signal and wait until it is gone."""
        assert self.process is not None
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_S)

    def log(self) -> str:
        """Return the end of what it has said."""
        return (self.home / "log").read_text(errors="replace")[-1000:]

    def remove(self) -> None:
        """End it and remove its data."""
        if self.process is not None and self.process.poll() is None:
            self.end(signal.SIGKILL)
        shutil.rmtree(self.home, ignore_errors=True)


@contextmanager
def one_broker(port: int | None = None, advertised: int | None = None) -> Iterator[Node]:
    """Run one broker inside the block. It names the port `advertised` to clients: a proxy's; else its own."""
    home = Path(tempfile.mkdtemp(prefix="beckon-faults-"))
    free, controller = _free_ports(2)
    port = port or free
    shutil.copytree(install() / "formatted", home / "data")
    named = f"advertised.listeners=PLAINTEXT://127.0.0.1:{advertised or port}"
    properties = PROPERTIES.format(port=port, controller=controller, data=home / "data")
    config = home / "server.properties"
    config.write_text(f"{properties}\n{named}\n", encoding="utf-8")
    node = Node(port, home, config)
    try:
        node.start()
        yield node
    finally:
        node.remove()


@contextmanager
def proxied_broker() -> Iterator[tuple[str, Proxy]]:
    """Run one broker whom all clients only reach through a proxy; the broker itself, as its own client, too."""
    (port,) = _free_ports(1)
    with Proxy(("127.0.0.1", port)) as proxy, one_broker(port, proxy.port):
        yield f"127.0.0.1:{proxy.port}", proxy

"""A real Apache Kafka on this machine, for tests and benchmarks: one node, no root, no container.

`python -m streams.local_kafka install | start | stop | status`. `install` fetches Kafka's jars through
Maven once into `$XDG_CACHE_HOME/beckon` (54 MB, about 10 s); `start` keeps one broker running between
calls and prints its address. Tests start one of their own (`start()`), with an empty data directory and
free ports, that ends with them. Only the standard library is used, so this runs before anything else.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import BeckonError, BrokerError
from streams.kafka_jars import PROPERTIES, cache_dir, first_error, install, jvm

START_S = 60.0
STOP_S = 15.0


@dataclass(frozen=True)
class Broker:
    """A running broker: its address for clients, its process and its own directory."""

    servers: str
    pid: int
    home: Path

    def stop(self) -> None:
        """End the broker by its process id and remove its data; a second call does nothing."""
        _end(self.pid)
        shutil.rmtree(self.home, ignore_errors=True)


def start(*, keep: bool = False, cpus: Sequence[int] = (), flags: Sequence[str] = ()) -> Broker:
    """Start an empty broker on free ports and return it once it answers.

    Without `keep` it ends with the thread that called. `cpus` pins it to these cores, `flags` are more
    flags for Java (the default saves start-up time; a benchmark leaves the compiler on with
    `-XX:TieredStopAtLevel=4`). Raise `BrokerError` when it does not come up within `START_S`.
    """
    installed = install()
    for attempt in (1, 2, 3):
        home = Path(tempfile.mkdtemp(prefix="beckon-kafka-"))
        broker = _launch(installed, home, keep=keep, cpus=cpus, flags=flags)
        problem = _wait(broker)
        if problem is None:
            return broker
        broker.stop()
        # A free port may be taken by another process between our look and Kafka's bind.
        if "already in use" not in problem or attempt == 3:
            raise BrokerError("kafka", f"did not start: {problem}", "see that about 1 GB of memory is free")
    raise AssertionError("unreachable")


def _launch(installed: Path, home: Path, *, keep: bool, cpus: Sequence[int], flags: Sequence[str]) -> Broker:
    port, controller = _free_ports(2)
    shutil.copytree(installed / "formatted", home / "data")
    config = home / "server.properties"
    config.write_text(
        PROPERTIES.format(port=port, controller=controller, data=home / "data"), encoding="utf-8"
    )
    command = [*jvm(installed, flags), "kafka.Kafka", str(config)]
    if cpus and shutil.which("taskset"):
        command = ["taskset", "-c", ",".join(map(str, cpus)), *command]
    if not keep and shutil.which("setpriv"):  # a killed test run leaves no broker behind
        command = ["setpriv", "--pdeathsig", "KILL", *command]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    return Broker(f"127.0.0.1:{port}", process.pid, home)


def _wait(broker: Broker) -> str | None:
    """Wait until the broker's port opens; return what is wrong if it does not."""
    host, _, port = broker.servers.partition(":")
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if not _alive(broker.pid):
            return first_error((broker.home / "log").read_text(errors="replace"))
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return None
        time.sleep(0.05)
    return f"no answer on {broker.servers} within {START_S:.0f} s"


def _end(pid: int) -> None:
    for number, patience_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, STOP_S)):
        if not _alive(pid):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience_s
        while _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # not our child: a broker of an earlier call
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _state_file() -> Path:
    return cache_dir() / "broker.json"


def _kept() -> Broker | None:
    """Return the broker of an earlier `start`, if it still runs."""
    try:
        state = json.loads(_state_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    broker = Broker(state["servers"], state["pid"], Path(state["home"]))
    command = Path(f"/proc/{broker.pid}/cmdline")
    # The process id may belong to somebody else by now; the path of our configuration does not.
    if not command.exists() or str(broker.home).encode() not in command.read_bytes():
        return None
    return broker


def _start_kept() -> str:
    broker = _kept()
    if broker is None:
        broker = start(keep=True)
        state = {"servers": broker.servers, "pid": broker.pid, "home": str(broker.home)}
        _state_file().write_text(json.dumps(state), encoding="utf-8")
    return broker.servers


def _stop_kept() -> str:
    broker = _kept()
    if broker is None:
        return "no broker of ours runs"
    broker.stop()
    _state_file().unlink(missing_ok=True)
    return f"stopped {broker.servers}"


def _status_kept() -> str:
    broker = _kept()
    return "no broker of ours runs" if broker is None else broker.servers


def main(arguments: Sequence[str]) -> int:
    """Run one of `install`, `start`, `stop`, `status`; return the exit code."""
    actions: dict[str, Callable[[], str]] = {
        "install": lambda: str(install()),
        "start": _start_kept,
        "stop": _stop_kept,
        "status": _status_kept,
    }
    if len(arguments) != 1 or arguments[0] not in actions:
        print((__doc__ or "").split("\n\n")[1], file=sys.stderr)
        return 2
    try:
        print(actions[arguments[0]]())
    except BeckonError as error:
        print(f"beckon: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

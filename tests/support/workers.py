"""`beckon worker` as tests run it: a process of its own, asked through its port, ended by its id."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

READY_S = 40.0
STOP_S = 30.0
#: The project's own broker allows a short one; a broker given by BECKON_TEST_KAFKA may not.
SESSION_S = 6.0 if "BECKON_TEST_KAFKA" in os.environ else 2.0
_MAIN = "from streams.cli import main; main()"


def until(holds: Callable[[], bool], seconds: float, what: str, pause_s: float = 0.05) -> None:
    """Wait until a condition holds; fail with `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(pause_s)


def write_settings(path: Path, sections: Mapping[str, Mapping[str, object]]) -> Path:
    """Write a settings file."""
    lines = []
    for section, items in sections.items():
        lines += [f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in items.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class WorkerProcess:
    """One worker; use it in a `with`. `arguments` replace `-c MAIN worker` where a test runs another program, `environment` the test's own."""

    def __init__(
        self,
        config: Path,
        folder: Path,
        *,
        arguments: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = [sys.executable, *(arguments or ("-c", _MAIN, "worker")), "--config", str(config)]
        if shutil.which("setpriv"):  # a killed test run leaves no worker behind
            self._command = ["setpriv", "--pdeathsig", "KILL", *self._command]
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._environment = environment
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.log_file = folder / "log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def start(self) -> None:
        """Start it, after a kill too; every start has a log of its own."""
        self._starts += 1
        self.log_file = self._folder / f"log-{self._starts}"
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
            )

    def kill(self) -> None:
        """End it as a crash does: kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_S)

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Return the exit code once it has ended."""
        assert self._process is not None
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end within {STOP_S:g} s: {self.log()}") from None

    def runs(self) -> bool:
        """Return whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """Return what it has written since its last start."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def restoring(self) -> int | None:
        """Return how many records it is restoring just now; None when it is not."""
        lines = [
            line for line in self.log().splitlines() if "worker_restoring" in line or "worker_ready" in line
        ]
        if not lines or "worker_ready" in lines[-1]:
            return None
        return int(lines[-1].rpartition("records=")[2])

    def ready(self) -> bool:
        """Return whether it says that its profiles are restored."""
        return self._get("/ready") is not None

    def wait_ready(self) -> None:
        """Wait until it is ready; fail with its log if it ends before."""

        def is_ready() -> bool:
            assert self.runs(), f"the worker ended: {self.log()}"
            return self.ready()

        until(is_ready, READY_S, f"the worker is ready; {self.log()}")

    def metrics(self) -> Counter[str]:
        """Return all samples by `name{labels}`; nothing when it does not answer."""
        return parse(self.metrics_page())

    def metrics_page(self) -> str:
        """Return its page of metrics; "" when it does not answer."""
        return self._get("/metrics") or ""

    def outcomes(self) -> Counter[str]:
        """Return the events read so far by outcome, over all topics."""
        found: Counter[str] = Counter()
        for name, value in self.metrics().items():
            if name.startswith("beckon_events_total{"):
                found[name.partition('outcome="')[2].partition('"')[0]] += value
        return found

    def address(self) -> str | None:
        """Return the address of its port, from its log; None before it has one."""
        _, found, rest = self.log().partition('_started metrics="')
        return rest.partition('"')[0] if found else None

    def _get(self, path: str) -> str | None:
        address = self.address()
        if address is None or not self.runs():
            return None
        try:
            with urlopen(address + path, timeout=5) as answer:
                return str(answer.read(), "utf-8")
        except (HTTPError, URLError, OSError):
            return None


def parse(page: str) -> Counter[str]:
    """Return the samples of a page in Prometheus' text format."""
    samples: Counter[str] = Counter()
    for line in page.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            samples[name] = round(float(value))
    return samples


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str | Path) else str(value)

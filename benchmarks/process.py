"""A process under measurement: on a core of its own, its CPU time read from /proc, always ended."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.timeline import CpuSample
from schemas.errors import BeckonError

#: The bench is where the code is, wherever it is called from.
ROOT = Path(__file__).resolve().parents[1]
BECKON = (sys.executable, "-c", "from streams.cli import main; main()")
SAMPLE_S = 0.02
_STOP_S = 20.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class BenchError(BeckonError):
    """A run cannot be made, or gave wrong results."""

    exit_code = 1


class MeasuredProcess:
    """Use it in a `with`: the process runs inside the block and is gone after it."""

    def __init__(
        self, name: str, command: Sequence[str], core: int, log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.samples: list[CpuSample] = []
        self._command = command
        self._core = core
        self._log = log
        self._environment = environment

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=_environment(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        os.sched_setaffinity(self._process.pid, {self._core})  # before it has threads, which inherit it
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        """The process id, inside the block."""
        return self._process.pid

    def kill(self) -> None:
        """End the process at once, as `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def sample(self) -> int | None:
        """Note the CPU time; return the exit code once the process has ended."""
        # Asked before the code is: a process that ended keeps its times until its code is taken.
        self.samples.append(CpuSample(time.time(), _cpu_seconds(self._process.pid)))
        return self._process.poll()

    def wait(self, patience_s: float) -> None:
        """Sample until the process ends by itself; raise `BenchError` if it fails or takes too long."""
        deadline = time.monotonic() + patience_s
        while (code := self.sample()) is None:
            time.sleep(SAMPLE_S)
            if time.monotonic() > deadline:
                raise self.failed(f"did not end within {patience_s:.0f} s")
        if code != 0:
            raise self.failed(f"ended with exit code {code}")

    def told(self) -> str:
        """Return what the process has written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def failed(self, problem: str) -> BenchError:
        """Return the one line of what went wrong, with the last one that the process wrote."""
        lines = self.told().strip().splitlines()
        last = f" ({lines[-1][:200]})" if lines else ""
        return BenchError(self.name, f"{problem}{last}", "run it by hand, or leave it out")


def cores() -> tuple[int, int]:
    """Return the core for broker and bench, and the one for what is measured; the same if there is one."""
    try:
        allowed = sorted(os.sched_getaffinity(0))
    except AttributeError:
        raise BenchError("bench", "pins processes and reads /proc", "run it on Linux") from None
    return allowed[0], allowed[-1]


def resident_mb(pid: int) -> float:
    """Return the memory that a process holds now, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this process on one core inside the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    # The caller's settings are not part of the measurement, but for where models run.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("BECKON_") or name == "BECKON_PROVIDER"
    }
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **more}


def _cpu_seconds(pid: int) -> float:
    # The command, in parentheses, may hold anything; user and system time are 12th and 13th after it.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

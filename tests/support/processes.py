"""What the kernel says of a process that runs: memory, work, open files."""

import os
from pathlib import Path

from tests.support.workers import WorkerProcess

_TICKS = os.sysconf("SC_CLK_TCK")


def _folder(worker: WorkerProcess) -> Path:
    assert worker._process is not None
    return Path("/proc") / str(worker._process.pid)


def memory_mb(worker: WorkerProcess) -> float:
    """Return its resident memory in MB."""
    for line in (_folder(worker) / "status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_s(worker: WorkerProcess) -> float:
    """Return the seconds that it has computed."""
    fields = (_folder(worker) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def open_files(worker: WorkerProcess) -> int:
    """Return how many files and sockets it has open."""
    return len(list((_folder(worker) / "fd").iterdir()))

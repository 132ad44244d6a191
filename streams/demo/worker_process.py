"""A `beckon worker` as a child process: started, asked how it is, and always ended."""

import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

from schemas.errors import BeckonError

_STOP_S = 10.0
_ASK_S = 2.0
#: What only the worker can count of itself, by its metrics' names (`streams.metrics`).
_COUNTS = {
    "beckon_model_calls_total": "model_calls",
    "beckon_model_texts_total": "texts_scored",
    "beckon_model_fallbacks_total": "fallbacks",
}


class DemoError(BeckonError):
    """The demo could not do what it promises."""

    exit_code = 1


class WorkerProcess:
    """Use it in a `with`: the process runs inside the block and is gone after it."""

    def __init__(self, config: Path, log: Path, environment: Mapping[str, str], metrics_url: str) -> None:
        self._command = [sys.executable, "-m", "streams.demo.child", "worker", "--config", str(config)]
        self._log = log
        self._url = metrics_url
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.PIPE,  # see `streams.demo.child`
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the demo, which ends the worker when all is counted
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None, "only inside the block"
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    @property
    def pid(self) -> int:
        """The process id of the worker."""
        assert self._process is not None, "only inside the block"
        return self._process.pid

    def check(self) -> None:
        """Raise `DemoError` if the worker has ended."""
        assert self._process is not None, "only inside the block"
        code = self._process.poll()
        if code is not None:
            last = self._last_line()
            problem = f"ended by itself with {_ending(code)}" + (f" ({last})" if last else "")
            raise DemoError("worker", problem, f"its log is {self._log}")

    def is_ready(self) -> bool:
        """Return whether the worker says that it takes events."""
        return self._get("/ready") is not None

    def counts(self) -> dict[str, int] | None:
        """Return what the worker counts of its model; None when it does not answer."""
        page = self._get("/metrics")
        return None if page is None else read_counts(page)

    def _get(self, path: str) -> str | None:
        try:
            with urlopen(self._url + path, timeout=_ASK_S) as answer:  # noqa: S310  our own http address
                return str(answer.read(), "utf-8")
        except (OSError, HTTPException):  # not there yet, or busy: the caller asks again
            return None

    def _last_line(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else ""


def read_counts(page: str) -> dict[str, int]:
    """Return the sums of the metrics in `_COUNTS` from a page in Prometheus' text format.

    >>> read_counts("beckon_model_calls_total 3.0")
    {'model_calls': 3, 'texts_scored': 0, 'fallbacks': 0}
    """
    counts = dict.fromkeys(_COUNTS.values(), 0)
    for line in page.splitlines():
        name, _, value = line.rpartition(" ")
        key = _COUNTS.get(name.partition("{")[0])
        if key is not None:
            counts[key] += round(float(value))
    return counts


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"

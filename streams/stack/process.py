"""One process of the stack: started, waited for, watched, and ended by its process id."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from streams.stack.programs import ProgramError

#: A worker grants itself 20 s after SIGTERM.
STOP_S = 25.0
_ASK_S = 2.0
_PAUSE_S = 0.1
_LINE_MAX = 200


class Process:
    """Use it in a `with`: the process runs inside the block and is gone after it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        ends_with: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._environment = environment
        self._ends_with = ends_with
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.PIPE,  # closed when we die, see `streams.demo.child`
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the stack, which ends its parts in order
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running()
        if process.poll() is None:
            process.send_signal(self._ends_with)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running().pid

    def check(self) -> None:
        """Raise `ProgramError` if the process has ended by itself."""
        code = self._running().poll()
        if code is not None:
            ending = f"exit code {code}" if code >= 0 else f"signal {-code}"
            said = self._last_line()
            problem = f"ended by itself with {ending}" + (f" ({said})" if said else "")
            raise ProgramError(self.name, problem, f"its log is {self._log}")

    def wait_until(self, is_up: Callable[[], bool], seconds: float, told: Callable[[], bool]) -> bool:
        """Return whether it came up before somebody told us to stop; raise `ProgramError` after `seconds`."""
        deadline = time.monotonic() + seconds
        while not is_up():
            self.check()
            if told():
                return False
            if time.monotonic() > deadline:
                raise ProgramError(self.name, f"is not up after {seconds:g} s", f"its log is {self._log}")
            time.sleep(_PAUSE_S)
        return True

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "only inside the block"
        return self._process

    def _last_line(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:_LINE_MAX] if lines else ""


def answers(url: str) -> bool:
    """Return whether an address of ours answers with 200."""
    try:
        with urlopen(url, timeout=_ASK_S) as answer:  # noqa: S310  our own http address
            return bool(answer.status == 200)
    except (URLError, OSError):  # not there yet: the caller asks again
        return False

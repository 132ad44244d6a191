"""Several processes that do the same kind of work: tasks out, results back in the order of the tasks.

The processes are forked, not spawned: they take over the border, the compiled campaigns and the catalogue as they
stand, and are there in milliseconds. What makes forking dangerous is left out: they start before any model or
data frame has threads at work, they touch no terminal, and they end without running anyone else's clean-up.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from types import TracebackType
from typing import Generic, Self, TypeVar

import msgspec
from msgspec import Struct

from schemas.errors import BeckonError

T = TypeVar("T")
R = TypeVar("R")
_FAILED, _DONE = b"!", b"+"
_STOP_S = 5.0


class CrewError(BeckonError):
    """A process of a run did not come to its end."""

    exit_code = 1


class _Fault(Struct):
    """What a process could not do; `errno` 0: a fault of ours."""

    errno: int
    text: str


class Crew(Generic[T, R]):
    """Use it in a `with`. `work` runs in every process; with one job it runs here, without another process.
    Tasks and results travel as MessagePack, which `task_of` and `result_of` read. Each process has at most one task under way, so that neither side ever waits for the other to read.
    """

    def __init__(
        self,
        jobs: int,
        work: Callable[[T], R],
        task_of: Callable[[bytes], T],
        result_of: Callable[[bytes], R],
    ) -> None:
        self.jobs = jobs
        self._work = work
        self._task_of = task_of
        self._result_of = result_of
        self._encode = msgspec.msgpack.Encoder().encode
        self._processes: dict[Connection, ForkProcess] = {}
        self._idle: list[Connection] = []
        self._busy: dict[Connection, int] = {}
        self._ready: dict[int, R] = {}
        self._given = self._taken = 0

    def __enter__(self) -> Self:
        if self.jobs == 1:
            return self
        fork = get_context("fork")
        for _ in range(self.jobs):
            ours, theirs = fork.Pipe()
            process = fork.Process(target=self._serve, args=(theirs, ours), daemon=True)
            process.start()
            theirs.close()
            self._processes[ours] = process
            self._idle.append(ours)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection, process in self._processes.items():
            connection.close()
            if kind is not None:
                process.terminate()
        for process in self._processes.values():
            process.join(_STOP_S)
            if process.is_alive():
                process.kill()
                process.join()

    def give(self, task: T) -> Iterator[R]:
        """Hand a task to whoever is free; yield the results that are next in order and already there."""
        if self.jobs == 1:
            yield self._work(task)
            return
        if not self._idle:
            self._receive()
        connection = self._idle.pop(0)
        self._send(connection, task)
        self._busy[connection] = self._given
        self._given += 1
        yield from self._in_order()

    def rest(self) -> Iterator[R]:
        """Wait for all tasks under way and yield what is left, in order."""
        while self._busy:
            self._receive()
            yield from self._in_order()
        yield from self._in_order()

    def give_all(self, task: T) -> list[R]:
        """Let every process do one task; the crew has nothing else to do meanwhile."""
        assert not self._busy, "take the rest first"
        if self.jobs == 1:
            return [self._work(task)]
        for connection in self._processes:
            self._send(connection, task)
        return [self._result(connection) for connection in self._processes]

    def _in_order(self) -> Iterator[R]:
        while self._taken in self._ready:
            yield self._ready.pop(self._taken)
            self._taken += 1

    def _receive(self) -> None:
        for connection in wait(list(self._busy)):
            assert isinstance(connection, Connection)
            self._ready[self._busy.pop(connection)] = self._result(connection)
            self._idle.append(connection)

    def _send(self, connection: Connection, task: T) -> None:
        try:
            connection.send_bytes(self._encode(task))
        except OSError:
            raise self._died(connection) from None

    def _result(self, connection: Connection) -> R:
        try:
            answer = connection.recv_bytes()
        except (EOFError, OSError):
            raise self._died(connection) from None
        if answer[:1] == _DONE:
            return self._result_of(answer[1:])
        fault = msgspec.msgpack.decode(answer[1:], type=_Fault)
        if fault.errno:
            raise OSError(fault.errno, os.strerror(fault.errno))
        raise CrewError("--jobs", f"a process failed ({fault.text})", "report it; --jobs 1 shows where")

    def _died(self, connection: Connection) -> CrewError:
        process = self._processes[connection]
        process.join(_STOP_S)
        code = process.exitcode or 0
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        return CrewError(
            "--jobs", f"a process of this run {how}", "run it again, with fewer --jobs if memory is short"
        )

    def _serve(self, connection: Connection, other_end: Connection) -> None:
        """Work until there is nothing more to read; the process ends here."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the run, which then ends us
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        other_end.close()
        with suppress(EOFError, OSError):
            while True:
                connection.send_bytes(self._answer(connection.recv_bytes()))
        os._exit(0)  # a flush of inherited streams could wait for a lock that nobody holds here

    def _answer(self, message: bytes) -> bytes:
        try:
            return _DONE + self._encode(self._work(self._task_of(message)))
        except OSError as error:
            return _FAILED + self._encode(_Fault(error.errno or 0, str(error)))
        except Exception as error:  # noqa: BLE001 - told to the run, which ends with it
            return _FAILED + self._encode(_Fault(0, f"{type(error).__name__}: {error}"[:200]))

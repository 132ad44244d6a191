"""An event loop on which time is a number and chance says who comes next: a run is a function of its seed.

Nothing sleeps: when nobody is ready, time jumps to the next timer. Every callback belongs to a process, by the
context in which its task was made; one that has ended runs nothing any more, a paused one goes on later.
"""

import asyncio
import heapq
from collections.abc import Coroutine
from contextvars import Context, ContextVar
from random import Random
from typing import Any

#: Brokers and wires belong to no process.
OUTSIDE = Context()


class Process:
    """What can crash or be paused. `steps_left`: it crashes after so many callbacks; below 0, it does not."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.has_ended = False
        self.is_paused = False
        self.steps_left = -1
        self.held: list[asyncio.Handle] = []
        self._context = Context()
        self._context.run(_PROCESS.set, self)

    def start(self, run: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Begin a task of this process."""
        return asyncio.get_running_loop().create_task(run, context=self._context)


_PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class Stuck(Exception):
    """Nobody has anything to do, and nobody is done."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs ready callbacks in an order of chance. `steps` counts them."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self._chance = chance
        self._now_s = 0.0
        self._ready: list[asyncio.Handle] = []
        self.steps = 0
        self.set_exception_handler(lambda _, __: None)  # tasks of processes that have ended

    def time(self) -> float:
        return self._now_s

    def go_on(self, process: Process) -> None:
        """End a pause."""
        process.is_paused = False
        self._ready += process.held
        process.held = []

    def _run_once(self) -> None:
        ready = self._ready
        if not ready:
            self._next_timers()
        place = int(self._chance.random() * len(ready))
        ready[place], ready[-1] = ready[-1], ready[place]
        handle = ready.pop()
        if handle._cancelled:
            return
        process = handle._context.get(_PROCESS)
        if process is not None:
            if process.has_ended:
                return
            if process.is_paused:
                process.held.append(handle)
                return
            if process.steps_left >= 0:
                process.steps_left -= 1
                if process.steps_left < 0:
                    process.has_ended = True
                    return
        self.steps += 1
        handle._run()

    def _next_timers(self) -> None:
        timers = self._scheduled
        while timers and not self._ready:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            if not timer._cancelled:
                self._now_s = max(self._now_s, timer._when)
                self._ready.append(timer)
        if not self._ready:
            raise Stuck
        while timers and timers[0]._when <= self._now_s:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            if not timer._cancelled:
                self._ready.append(timer)

"""A lane without Kafka: chunks that note when they are done, and a log in memory that notes what it is told."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from streams.chunk import Chunk, Source
from streams.counting import Shares
from streams.lanes import Ground, Lane
from streams.metrics import Metrics
from streams.outputs import Output
from streams.settings import WorkerSettings
from tests.support.chunks import OneShard, chunk


class Stopped(Exception):
    """Stands for the end of the process."""


def stop(error: BaseException) -> NoReturn:
    """End the process, as far as a test is concerned."""
    raise Stopped(str(error)) from error


class Delivered:
    """A chunk as the consumer hands it out."""

    def __init__(self, value: Chunk) -> None:
        self.value = value
        self.acked = False

    def ack(self) -> None:
        """Note it as done."""
        self.acked = True


def delivered(values: Sequence[bytes], first: int = 0, behind: int = 0) -> Delivered:
    """Return a chunk of `clicks`, partition 0."""
    made = chunk("clicks", 0, values, first)
    made.behind = behind
    return Delivered(made)


@dataclass
class MemoryLog:
    """`calls` are what it was told, in order. A commit waits while `free` is not set; `refuses` names a call."""

    free: asyncio.Event | None = None
    refuses: str = ""
    calls: list[str] = field(default_factory=list)
    changelog: list[Output] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    committed: list[Mapping[Source, int]] = field(default_factory=list)
    commit_times_s: list[float] = field(default_factory=list)
    _open: Mapping[Source, int] = field(default_factory=dict)

    async def begin(self) -> None:
        """Open a step."""
        self._note("begin")
        self.commit_times_s.append(asyncio.get_running_loop().time())

    async def send(self, outputs: Sequence[Output], changelog: Sequence[Output]) -> None:
        """Take records."""
        self._note("send")
        self.outputs += outputs
        self.changelog += changelog

    async def offsets(self, offsets: Mapping[Source, int]) -> None:
        """Take offsets."""
        self._note("offsets")
        self._open = offsets

    async def commit(self) -> None:
        """Commit, once it may."""
        if self.free is not None:
            await self.free.wait()
        self._note("commit")
        self.committed.append(self._open)

    def _note(self, call: str) -> None:
        if call == self.refuses:
            raise ConnectionError(call)
        self.calls.append(call)


async def turn_until(holds: Callable[[], bool], what: str) -> None:
    """Let the loop turn until a condition holds; fail with `what` when it does not come true."""
    deadline_s = asyncio.get_running_loop().time() + 20.0
    for _ in iter(holds, True):
        assert asyncio.get_running_loop().time() < deadline_s, what
        await asyncio.sleep(0.001)


def ground(one: OneShard, **settings: Any) -> Ground:
    """Return what a lane stands on."""
    return Ground(
        rules=lambda: one.rules,
        settings=WorkerSettings(**settings),
        metrics=Metrics(),
        store=lambda: one.shard._store,
        stop=stop,
        has_read_all=lambda _: True,
        finish_s=1.0,
    )


def lane_on(folder: Path, log: MemoryLog, lanes: int = 1, **settings: Any) -> Lane:
    """Return a running lane that writes to `log`; `lanes` is how many it shares its worker with."""
    one = OneShard(folder)
    base = ground(one, **settings)
    return Lane(base, one.shard, log, Shares(base.settings), lanes)

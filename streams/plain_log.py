"""The lanes' log without transactions, for benchmarks and for tests that want to see what transactions are for.

At least once: after a crash outputs may come twice, and the positions in the profiles keep events from counting
twice. It fences nobody.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from streams.chunk import Source
from streams.outputs import Output, send


class PlainLog:
    """`producer` is aiokafka's, idempotent; `commit_offsets` commits as a member of the group."""

    def __init__(
        self,
        producer: Any,
        prefix: str,
        commit_offsets: Callable[[Mapping[Source, int]], Awaitable[object]],
    ) -> None:
        self._producer = producer
        self._prefix = prefix
        self._commit_offsets = commit_offsets

    async def begin(self) -> None:
        """Nothing is opened."""

    async def send(self, outputs: Sequence[Output], changelog: Sequence[Output]) -> None:
        """Write outputs, then profiles: a profile says which events it holds, so they are not decided again."""
        await send(self._producer, self._prefix, outputs)
        await send(self._producer, self._prefix, changelog)

    async def offsets(self, offsets: Mapping[Source, int]) -> None:
        """Commit source offsets, last of all."""
        await self._commit_offsets(offsets)

    async def commit(self) -> None:
        """Nothing is left to do."""

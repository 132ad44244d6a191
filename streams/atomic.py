"""One group of batches, one atomic step: outputs, profiles and source offsets become durable together or not at all.

Nothing here knows which client does it (`streams.fences` has ours), so the lanes can be run on a simulated log.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from streams.chunk import Source
from streams.outputs import Output


class Step(Struct, frozen=True):
    """What a group does to the world. `offsets`: per source partition, the first offset that is not in it.

    Without any it holds what a lane says of its own accord.
    """

    outputs: Sequence[Output]
    changelog: Sequence[Output]
    offsets: Mapping[Source, int]


class Log(Protocol):
    """Where one lane writes. Every method returns once the broker has acknowledged, and raises if it has not."""

    async def begin(self) -> None:
        """Open a step."""

    async def send(self, outputs: Sequence[Output], changelog: Sequence[Output]) -> None:
        """Write records."""

    async def offsets(self, offsets: Mapping[Source, int]) -> None:
        """Note how far the sources are read."""

    async def commit(self) -> None:
        """Make all of it durable and visible."""


async def write(log: Log, step: Step) -> None:
    """Write a step; after an exception nobody knows whether it is durable.

    Records first, every one acknowledged: the client would commit without a batch that the broker has refused,
    and a broker that is adding offsets to a transaction turns its records away.
    """
    await log.begin()
    await log.send(step.outputs, step.changelog)
    if step.offsets:
        await log.offsets(step.offsets)
    await log.commit()

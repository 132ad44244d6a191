"""A worker from which one part is taken away: `python -m tests.support.odd_worker PART --config FILE`.

If the work of a part were done beside it, it would still be done here.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from models_onnx.runtime import TagModel
from schemas.errors import ModelError
from streams import log
from streams.fences import Transaction
from streams.parts import Parts, build
from streams.plain_log import PlainLog
from streams.settings import Settings, load
from streams.store import ProfileStore
from streams.worker import Worker


class _WithoutAgent(Worker):
    """Faust's agent is cancelled as soon as the worker is ready."""

    async def _restored(self) -> None:
        await super()._restored()
        await self.agent.cancel()


def _take_nothing(store: ProfileStore, number: int, records: Any) -> None:
    """The changelog is read, and what is read is thrown away."""


async def _no_offsets(log: Any, offsets: Any) -> None:
    """Profiles are written without the offsets of the sources."""


def _no_scores(model: TagModel, rows: Any) -> Any:
    raise ModelError("tags", "does not answer", "none: a test took it away")


def main(part: str, config: Path) -> None:
    """Run the worker until a signal comes."""
    settings = load(file=config)
    log.set_up(settings.log)
    kind = Worker
    if part == "agent":
        kind = _WithoutAgent
    elif part == "recovery":
        ProfileStore.take = _take_nothing  # type: ignore[method-assign]
    elif part == "offsets":
        Transaction.offsets = PlainLog.offsets = _no_offsets  # type: ignore[method-assign]
    elif part != "model":
        raise SystemExit(f"no such part: {part}")
    parts = build(settings, tags="model" if settings.models.tags else "category")
    if part == "model":  # it was fine when it was loaded
        TagModel.scores = _no_scores  # type: ignore[method-assign]
    asyncio.run(_run(kind, settings, parts))


async def _run(kind: type[Worker], settings: Settings, parts: Parts) -> None:
    await kind(settings, parts).run()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[3]))

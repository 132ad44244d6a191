"""A worker from which one part is taken away: `python -m tests.support.odd_worker PART --config FILE`.

If the work of a part of Faust were done beside it, it would still be done here.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from models_onnx.runtime import TagModel
from schemas.errors import ModelError
from streams import log
from streams.parts import Parts, build
from streams.settings import Settings, load
from streams.store import ProfileStore
from streams.transport import LaneThread
from streams.worker import Worker


class _WithoutAgent(Worker):
    """Faust's agent is cancelled as soon as the worker is ready."""

    async def _restored(self) -> None:
        await super()._restored()
        await self.agent.cancel()


class _DeafStore(ProfileStore):
    """Recovery reads the changelog, and what it reads is thrown away."""

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        for event in batch:
            self.positions[event.message.partition] = event.message.offset


class _NoCommit(LaneThread):
    """Offsets that Faust wants to commit are not."""

    async def _commit(self, offsets: Any) -> bool:
        return False


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
        ProfileStore.apply_changelog_batch = _DeafStore.apply_changelog_batch  # type: ignore[method-assign]
    elif part == "commit":
        LaneThread._commit = _NoCommit._commit  # type: ignore[method-assign]
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

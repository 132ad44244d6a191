"""Chunks as the consumer hands them out, and a shard to apply them to, without a broker."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka.structs import ConsumerRecord
from faust.types import TP

from streams.app import add_table, build_app, store_of
from streams.batch import Result, TagsOfBatch, apply
from streams.chunk import Chunk
from streams.parts import build
from streams.reading import Read, Rules, read
from streams.settings import load
from streams.shard import Shard
from streams.store import ProfileStore

BROKER_MS = 1_800_000_000_000


def record(
    topic: str, partition: int, offset: int, value: bytes | None, **fields: Any
) -> ConsumerRecord[Any, Any]:
    """Return a record as aiokafka gives it."""
    key, headers = fields.pop("key", None), fields.pop("headers", ())
    timestamp = fields.pop("timestamp", BROKER_MS)
    assert not fields
    return ConsumerRecord(topic, partition, offset, timestamp, 1, key, value, None, 0, 0, tuple(headers))


def chunk(topic: str, partition: int, values: Sequence[bytes | None], first: int = 0) -> Chunk:
    """Return a chunk of consecutive records."""
    records = [record(topic, partition, first + place, value) for place, value in enumerate(values)]
    return Chunk(TP(topic, partition), records)


def profile_store(folder: Path) -> ProfileStore:
    """Return the store of a worker's table."""
    settings = load({"models.tags": "", "worker.data_dir": str(folder)})
    return store_of(add_table(build_app(settings), settings))


class OneShard:
    """One partition number of a worker, and the rules by which batches are applied to it."""

    def __init__(self, folder: Path, number: int = 0, partitions: int = 1, **flags: object) -> None:
        changed = {name.replace("__", "."): value for name, value in flags.items()}
        settings = load({"models.tags": "", **changed})
        self.rules = Rules(
            parts=build(settings, tags="category"),
            partitions=partitions,
            guard_positions=settings.worker.guard_positions,
            prefix=settings.topics.prefix,
        )
        self.shard = Shard(number, profile_store(folder), profiles_max=1000)

    def read(self, *chunks: Chunk) -> Read:
        """Read chunks at the border."""
        return read(chunks, self.rules)

    def apply(self, *chunks: Chunk, wall_ms: int = BROKER_MS) -> tuple[Read, Result]:
        """Read and apply chunks as one batch, with categories as tags."""
        found = self.read(*chunks)
        return found, apply(found, TagsOfBatch(None), self.shard, self.rules, wall_ms)

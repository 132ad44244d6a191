"""The lanes of a worker without a broker: topics are queues, and chance says which lane takes how much next."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from faust.types import TP

from schemas.events import EventName
from schemas.ids import ShopperId
from schemas.profiles import Profile
from schemas.topics import INTERNAL, SOURCES, topic_of
from streams.batch import TagsOfBatch, apply
from streams.chunk import Chunk
from streams.outputs import Output
from streams.partitioner import partition_of
from streams.parts import Parts
from streams.reading import Rules, read
from streams.shard import Shard
from tests.support.chunks import profile_store, record

BATCH_MAX = 4


class Simulated:
    """Shops put events in; `run` lets the lanes work until every queue is empty. `sent` is all that left them."""

    def __init__(self, folder: Path, parts: Parts, partitions: int = 4) -> None:
        self._rules = Rules(parts, partitions, guard_positions=True, prefix="")
        self._store = profile_store(folder)
        self.clear()

    def clear(self) -> None:
        """Begin anew, with empty topics and no profile."""
        self._store.reset_state()
        self._shards = [Shard(number, self._store, 1000) for number in range(self._rules.partitions)]
        self._queues: dict[tuple[str, int], deque[Any]] = defaultdict(deque)
        self._ends: dict[tuple[str, int], int] = defaultdict(int)
        self.sent: list[Output] = []

    def put(self, events: Iterable[Mapping[str, Any]], broker_ms: int) -> None:
        """Put events on the topics of their names, under the key that a shop gives them."""
        for event in events:
            name = event.get("event") or event["type"].capitalize()
            known = {each.value: each for each in EventName}
            topic = topic_of(known.get(name, EventName.PRODUCT_VIEWED)).name
            key = (event.get("userId") or event["anonymousId"]).encode()
            self._append(topic, self._home(key), key, msgspec.json.encode(event), (), broker_ms)

    def run(self, chance: Random, broker_ms: int) -> None:
        """Let the lanes work; now and then a lane starts anew from what was written."""
        while waiting := sorted({number for (_, number), queue in self._queues.items() if queue}):
            number = chance.choice(waiting)
            if chance.random() < 0.1:
                self._shards[number] = Shard(number, self._store, 1000)
            self._batch(number, chance, broker_ms)

    def each_lane_once(self, broker_ms: int) -> None:
        """Let every lane take all that is there now, and nothing of what the others send meanwhile."""
        there = {place: len(queue) for place, queue in self._queues.items()}
        for number in range(self._rules.partitions):
            self._apply(
                number, {topic: count for (topic, at), count in there.items() if at == number}, broker_ms
            )

    def profiles(self) -> dict[ShopperId, Profile]:
        """Return all profiles, those that were moved too."""
        shards = [Shard(number, self._store, 1000) for number in range(self._rules.partitions)]
        keys = [(shard, key) for shard in shards for key in self._store.partition(shard.number)]
        found = {ShopperId(key.decode()): shard.find(ShopperId(key.decode())) for shard, key in keys}
        return {shopper: profile for shopper, profile in found.items() if profile is not None}

    def _batch(self, number: int, chance: Random, broker_ms: int) -> None:
        order = chance.sample(SOURCES, len(SOURCES))
        self._apply(number, {topic.name: chance.randint(0, BATCH_MAX) for topic in order}, broker_ms)

    def _apply(self, number: int, counts: Mapping[str, int], broker_ms: int) -> None:
        """Take so many records of each topic, in this order, as one batch."""
        chunks = []
        for topic, count in counts.items():
            queue = self._queues[topic, number]
            taken = [queue.popleft() for _ in range(min(len(queue), count))]
            if taken:
                chunks.append(Chunk(TP(topic, number), taken))
        shard = self._shards[number]
        result = apply(read(chunks, self._rules), TagsOfBatch(None), shard, self._rules, broker_ms)
        shard.sending(result.touched)
        shard.written(())
        self.sent += result.outputs
        for output in result.outputs:
            if output.topic == INTERNAL.name:
                self._append(*output, broker_ms)

    def _append(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Any, at: int
    ) -> None:
        offset = self._ends[topic, partition]
        self._ends[topic, partition] = offset + 1
        self._queues[topic, partition].append(
            record(topic, partition, offset, value, key=key, headers=headers, timestamp=at)
        )

    def _home(self, key: bytes) -> int:
        return partition_of(key, self._rules.partitions)

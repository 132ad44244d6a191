"""Profiles back from the changelog, in bulk: what was committed of it, up to where it is stable now.

A consumer of its own reads it, with no group and outside the callbacks of a rebalance, where heartbeats rest. An
end is known by the position of the consumer, never by the last record: behind that lie markers and what was undone.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams import log
from streams.clients import aiokafka_config
from streams.settings import KafkaSettings
from streams.store import ProfileStore

_RECORDS_MAX = 20_000
_PARTITION_BYTES = 2 * 1024 * 1024
_FETCH_BYTES = 16 * 1024 * 1024
_WAIT_MS = 200


async def restore(
    kafka: KafkaSettings,
    topic: str,
    numbers: Iterable[int],
    store: ProfileStore,
    show_left: Callable[[int], None],
) -> None:
    """Read partitions of the changelog into the store, anew; `show_left` hears how many offsets are left."""
    partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
    if not partitions:
        return
    consumer = AIOKafkaConsumer(
        **aiokafka_config(kafka),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_PARTITION_BYTES,
        fetch_max_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=_WAIT_MS,
    )
    await consumer.start()
    try:
        await read_back(consumer, partitions, store, show_left)
    finally:
        show_left(0)
        await consumer.stop()


async def read_back(
    consumer: Any,
    partitions: Sequence[TopicPartition],
    store: ProfileStore,
    show_left: Callable[[int], None],
) -> None:
    """Read partitions of the changelog through a started client, up to where they are stable now."""
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)  # of what is stable: the isolation level asks for that
    starts = await consumer.beginning_offsets(partitions)
    for tp in partitions:
        consumer.seek(tp, starts[tp])
        store.drop(tp.partition)
    left = {tp: end - starts[tp] for tp, end in ends.items() if end > starts[tp]}
    log.info("worker_restoring", partitions=len(partitions), records=sum(left.values()))
    while left:
        show_left(sum(left.values()))
        # Only what is left is asked for: partitions that are done do not use up the room of the others.
        fetched: Any = await consumer.getmany(*left, timeout_ms=_WAIT_MS, max_records=_RECORDS_MAX)
        for tp, records in fetched.items():
            store.take(tp.partition, records)
        left = {tp: ends[tp] - await consumer.position(tp) for tp in left}
        left = {tp: offsets for tp, offsets in left.items() if offsets > 0}
    store.complete.update(tp.partition for tp in partitions)

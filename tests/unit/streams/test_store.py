"""The store behind Faust's table: what the changelog said last, for the partitions that are ours."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.store import NOTHING
from streams.chunk import Chunk
from tests.support.chunks import profile_store, record

CHANGELOG = "beckon-profiles-changelog"


def _event(partition: int, first: int, *pairs: tuple[bytes, bytes | None]) -> Any:
    records = [
        record(CHANGELOG, partition, first + n, value, key=key) for n, (key, value) in enumerate(pairs)
    ]
    return SimpleNamespace(message=SimpleNamespace(value=Chunk(TP(CHANGELOG, partition), records)))


def test_the_last_value_of_a_key_wins_and_a_tombstone_removes_it(tmp_path: Path) -> None:
    store = profile_store(tmp_path)
    event = _event(1, 10, (b"ann", b"1"), (b"bob", b"1"), (b"ann", b"2"), (b"bob", None))
    store.apply_changelog_batch([event], bytes, bytes)
    assert store.partition(1) == {b"ann": b"2"}
    assert store.persisted_offset(TP(CHANGELOG, 1)) == 13
    assert len(store) == 1


def test_partitions_are_apart_and_unknown_ones_are_read_from_their_start(tmp_path: Path) -> None:
    store = profile_store(tmp_path)
    store.put(0, [(b"ann", b"1")])
    store.put(1, [(b"ann", b"2")])
    assert store.partition(0) == {b"ann": b"1"}
    assert store.persisted_offset(TP(CHANGELOG, 0)) == NOTHING == -1


def test_what_a_lane_wrote_moves_the_position_forward_only(tmp_path: Path) -> None:
    store, tp = profile_store(tmp_path), TP(CHANGELOG, 0)
    store.set_persisted_offset(tp, 5)
    store.set_persisted_offset(tp, 3)
    assert store.persisted_offset(tp) == 5


def test_a_lost_partition_is_forgotten_and_a_kept_one_is_not(tmp_path: Path) -> None:
    store = profile_store(tmp_path)
    for number in (0, 1):
        store.put(number, [(b"ann", b"1")])
        store.set_persisted_offset(TP(CHANGELOG, number), 7)
    mine = {TP(CHANGELOG, 0), TP("clicks", 0)}
    asyncio.run(store.on_rebalance(mine, {TP(CHANGELOG, 1)}, set()))
    assert store.partitions == {0: {b"ann": b"1"}}
    assert store.persisted_offset(TP(CHANGELOG, 1)) == NOTHING

"""The store behind Faust's table: what the changelog said last, for the partitions that are ours."""

import asyncio
from pathlib import Path

from faust.types import TP

from tests.support.chunks import profile_store, record

CHANGELOG = "beckon-profiles-changelog"


def test_the_last_value_of_a_key_wins_and_a_tombstone_removes_it(tmp_path: Path) -> None:
    store = profile_store(tmp_path)
    pairs = [(b"ann", b"1"), (b"bob", b"1"), (b"ann", b"2"), (b"bob", None)]
    store.take(1, [record(CHANGELOG, 1, 10 + n, value, key=key) for n, (key, value) in enumerate(pairs)])
    assert store.partition(1) == {b"ann": b"2"}
    assert len(store) == 1


def test_partitions_are_apart(tmp_path: Path) -> None:
    store = profile_store(tmp_path)
    store.put(0, [(b"ann", b"1")])
    store.put(1, [(b"ann", b"2")])
    assert store.partition(0) == {b"ann": b"1"}


def test_a_lost_partition_is_neither_here_nor_complete_and_a_kept_one_is_both(tmp_path: Path) -> None:
    store = profile_store(tmp_path)
    for number in (0, 1):
        store.put(number, [(b"ann", b"1")])
        store.complete.add(number)
    mine = {TP(CHANGELOG, 0), TP("clicks", 0)}
    asyncio.run(store.on_rebalance(mine, {TP(CHANGELOG, 1)}, set()))
    assert store.partitions == {0: {b"ann": b"1"}}
    assert store.complete == {0}

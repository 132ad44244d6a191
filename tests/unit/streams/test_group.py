"""Batches that become durable together: a fault in one of them takes nothing from the others."""

from pathlib import Path

import pytest

from schemas.codec import decode_profile
from streams import batch
from streams.batch import TagsOfBatch
from streams.group import Group, Work
from tests.support.chunks import BROKER_MS, OneShard
from tests.support.lane import delivered
from tests.support.shopping import view


def _work(one: OneShard, shopper: str, first: int, count: int) -> Work:
    values = [view(shopper, f"{shopper}{first + place}", BROKER_MS) for place in range(count)]
    taken = delivered(values, first)
    return Work([taken], one.read(taken.value), TagsOfBatch(None), one.rules, BROKER_MS)


def _fail_on(monkeypatch: pytest.MonkeyPatch, *message_ids: str) -> None:
    step = batch.step

    def failing(profile: object, event: object, *rest: object) -> object:
        done = step(profile, event, *rest)  # type: ignore[arg-type]
        if event.envelope.message_id in message_ids:  # type: ignore[attr-defined]
            raise RuntimeError("a fault of ours")  # after it has changed the profile
        return done

    monkeypatch.setattr(batch, "step", failing)


def _views(group: Group) -> dict[bytes | None, int]:
    return {record.key: decode_profile(record.value or b"").views for record in group.close().changelog}


def test_a_profile_touched_by_several_batches_is_one_record_of_the_changelog(tmp_path: Path) -> None:
    one = OneShard(tmp_path)
    group = Group(one.shard)
    for first in (0, 3, 6):
        group.apply(_work(one, "ann", first, 3))
    step = group.close()
    assert [(record.key, decode_profile(record.value or b"").views) for record in step.changelog] == [
        (b"ann", 9)
    ]
    assert step.offsets == {("clicks", 0): 9}


def test_a_fault_in_a_later_batch_leaves_the_earlier_ones_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail_on(monkeypatch, "ann4", "ann7")
    one = OneShard(tmp_path)
    group = Group(one.shard)
    for first in (0, 3, 6):  # the second fault has to do the careful pass of the first one again
        group.apply(_work(one, "ann", first, 3))
    group.apply(_work(one, "bob", 9, 1))
    assert _views(group) == {b"ann": 7, b"bob": 1}
    letters = [output for output in group._outputs if output.topic == "dead-letters"]
    assert [dict(letter.headers)["offset"] for letter in letters] == [b"4", b"7"]


def test_a_fault_while_the_last_group_is_being_written_goes_back_to_that_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail_on(monkeypatch, "ann3")
    one = OneShard(tmp_path)
    first, second = Group(one.shard), Group(one.shard)
    first.apply(_work(one, "ann", 0, 3))
    first.close()  # under way: the store knows nothing of it yet
    second.apply(_work(one, "ann", 3, 2))
    one.shard.written(second.changed)
    assert _views(second) == {b"ann": 4}

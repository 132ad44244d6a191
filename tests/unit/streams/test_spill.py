"""Events and sorted runs that wait in files."""

from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.decode import Border
from schemas.events import ShopEvent
from schemas.ids import ShopperId
from streams.spill import Buckets, Memory, bucket_of, merge_runs, write_run
from tests.support.lines import Json
from tests.support.story import BROKER_MS, MONDAY, consent, order, track

ALL_KINDS: tuple[Json, ...] = (
    track("Product Added", MONDAY, "1", product_id="p", name="Böot", category="c", price=1.5, quantity=2),
    track("Products Searched", MONDAY, "2", query="warm"),
    track("Cart Viewed", MONDAY, "3"),
    order("o1", MONDAY, 10, "p", "q"),
    track("Order Refunded", MONDAY, "5", order_id="o1"),
    track("Order Cancelled", MONDAY, "6", order_id="o1"),
    track("Order Updated", MONDAY, "7", order_id="o1", total=3),
    track("Coupon Applied", MONDAY, "8", coupon_id="c"),
    consent(MONDAY, "9", marketing=True, training=False),
    {"type": "identify", "messageId": "10", "timestamp": MONDAY, "userId": "ann", "anonymousId": "x",
     "traits": {"vip": True, "age": 18, "height": 1.5, "city": "Berlin"}},
)  # fmt: skip


def events() -> list[ShopEvent]:
    border = Border(traits=("vip", "age", "height", "city"))
    found = [border.read(msgspec.json.encode(one), BROKER_MS) for one in ALL_KINDS]
    return [event for event in found if isinstance(event, ShopEvent)]


def test_every_kind_of_event_comes_back_as_it_was(tmp_path: Path) -> None:
    buckets = Buckets(tmp_path, 1)
    for place, event in enumerate(events()):
        buckets.add(place, event)
    buckets.flush()
    assert len(events()) == 10
    assert buckets.read(0) == list(enumerate(events()))
    assert len({type(event) for _, event in buckets.read(0)}) == 10


def test_memory_hands_over_what_it_was_given_once() -> None:
    memory = Memory()
    for place, event in enumerate(events()):
        memory.add(place, event)
    assert memory.read(0) == list(enumerate(events()))
    assert memory.read(0) == []


def test_a_bucket_is_read_in_the_order_of_the_input_whoever_wrote_it(tmp_path: Path) -> None:
    first, second, third, *_ = events()
    buckets = Buckets(tmp_path, 2)
    for place, event in ((9, third), (2, first), (5, second)):
        buckets.put(1, place, event)
    buckets.flush()
    assert buckets.read(1) == [(2, first), (5, second), (9, third)]
    assert buckets.read(0) == []


def test_the_bucket_of_a_key_is_the_same_everywhere() -> None:
    # CRC-32, whose check value for these nine digits is published: 0xCBF43926.
    assert bucket_of(ShopperId("123456789"), 256) == 0x26
    assert bucket_of(ShopperId("é"), 1) == 0


@pytest.mark.parametrize(
    ("runs", "merged"),
    [
        ([], b""),
        ([[]], b""),
        ([[(b"a", b"1\n"), (b"c", b"3\n")], [(b"b", b"2\n")], []], b"1\n2\n3\n"),
        ([[(b"a", b"first\n"), (b"a", b"second\n")], [(b"a", b"third\n")]], b"first\nsecond\nthird\n"),
    ],
)
def test_sorted_runs_become_one(tmp_path: Path, runs: list[Any], merged: bytes) -> None:
    paths = [tmp_path / str(number) for number in range(len(runs))]
    for path, run in zip(paths, runs, strict=True):
        write_run(path, run)
    out = BytesIO()
    merge_runs(paths, out)
    assert out.getvalue() == merged

"""Reading changelogs: how much was done by when, from what the records themselves say."""

import struct

from benchmarks import beckon_worker, stock, streams_engine
from benchmarks.broker import Entry
from benchmarks.events import Counts
from benchmarks.task import reading
from benchmarks.timeline import Mark
from schemas.codec import encode_profile
from schemas.ids import ShopperId
from schemas.profiles import Profile


def entry(at: float, shopper: str, views: int, positions: dict[str, int]) -> Entry:
    profile = Profile(ShopperId(shopper), views=views, positions=positions)
    return Entry(at, shopper.encode(), encode_profile(profile), {})


def test_positions_of_profiles_tell_how_many_events_were_applied() -> None:
    found = beckon_worker.read(
        [
            entry(1.0, "ann", views=2, positions={"clicks-0": 2}),
            entry(1.0, "bo", views=2, positions={"clicks-0": 3}),
            entry(2.0, "cy", views=1, positions={"clicks-1": 0}),
            entry(3.0, "ann", views=4, positions={"clicks-0": 5}),
            entry(4.0, "bo", views=2, positions={"clicks-0": 3}),
        ]
    )
    assert found.marks == [Mark(1.0, 4), Mark(2.0, 5), Mark(3.0, 7), Mark(4.0, 7)]
    assert found.counts == {"ann": Counts(views=4), "bo": Counts(views=2), "cy": Counts(views=1)}


def test_stock_faust_writes_one_record_per_event() -> None:
    values = [b'{"views":1,"last_seen":5.0}', b'{"views":1,"orders":1}', b'{"views":2}']
    keys = [b'"ann"', b'"bo"', b'"ann"']
    times = [1.0, 1.0, 2.5]
    found = stock.read(Entry(*one, {}) for one in zip(times, keys, values, strict=True))
    assert found.marks == [Mark(1.0, 2), Mark(2.5, 3)]
    assert found.state_bytes == (len(values[2]) + len(values[1])) / 2
    assert found.counts == {"ann": Counts(views=2), "bo": Counts(views=1, orders=1)}


def test_the_worker_begins_when_it_says_that_it_is_ready() -> None:
    log = (
        "2026-11-01T00:00:00.100Z info worker_started group=beckon\n"
        "2026-11-01T00:00:02.500Z info worker_ready partitions=4\n"
    )
    assert beckon_worker.ready_in(log) == 1_793_491_202.5
    assert beckon_worker.ready_in("2026-11-01T00:00:00.100Z info worker_started group=beckon\n") is None


def test_kafka_streams_profiles_begin_with_three_counters() -> None:
    values = [struct.pack(">iii", *counts) + b"rest" for counts in ((2, 0, 0), (1, 1, 0), (3, 0, 1))]
    keys = [b"ann", b"bo", b"ann"]
    times = [1.0, 1.0, 2.5]
    found = streams_engine.read(Entry(*one, {}) for one in zip(times, keys, values, strict=True))
    assert found.marks == [Mark(1.0, 4), Mark(2.5, 6)]
    assert found.counts == {"ann": Counts(views=3, orders=1), "bo": Counts(views=1, cart_adds=1)}


def test_kafka_streams_begins_with_its_first_event() -> None:
    assert streams_engine.begun("some words\nbegun 1793491202500\n") == 1_793_491_202.5
    assert streams_engine.begun("some words\n") is None


def test_marks_of_one_moment_become_the_one_that_knows_most() -> None:
    found = reading([Mark(1.0, 1), Mark(1.0, 3), Mark(2.0, 4)], {}, {b"ann": b"1234", b"bo": b"12"})
    assert (found.marks, found.state_bytes) == ([Mark(1.0, 3), Mark(2.0, 4)], 3.0)

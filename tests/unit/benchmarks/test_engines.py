"""Reading changelogs: how much was done by when, from what the records themselves say."""

from benchmarks.broker import Entry
from benchmarks.engines import _read_profiles, _read_stock, _ready_in
from benchmarks.events import Counts
from benchmarks.timeline import Mark
from schemas.codec import encode_profile
from schemas.ids import ShopperId
from schemas.profiles import Profile


def entry(at: float, shopper: str, views: int, positions: dict[str, int]) -> Entry:
    profile = Profile(ShopperId(shopper), views=views, positions=positions)
    return Entry(at, shopper.encode(), encode_profile(profile), {})


def test_positions_of_profiles_tell_how_many_events_were_applied() -> None:
    marks, counts = _read_profiles(
        [
            entry(1.0, "ann", views=2, positions={"clicks-0": 2}),
            entry(1.0, "bo", views=2, positions={"clicks-0": 3}),
            entry(2.0, "cy", views=1, positions={"clicks-1": 0}),
            entry(3.0, "ann", views=4, positions={"clicks-0": 5}),
            entry(4.0, "bo", views=2, positions={"clicks-0": 3}),
        ]
    )
    assert marks == [Mark(1.0, 4), Mark(2.0, 5), Mark(3.0, 7), Mark(4.0, 7)]
    assert counts == {"ann": Counts(views=4), "bo": Counts(views=2), "cy": Counts(views=1)}


def test_stock_faust_writes_one_record_per_event() -> None:
    values = [b'{"views":1,"last_seen":5.0}', b'{"views":1,"orders":1}', b'{"views":2}']
    keys = [b'"ann"', b'"bo"', b'"ann"']
    times = [1.0, 1.0, 2.5]
    marks, counts = _read_stock(Entry(*one, {}) for one in zip(times, keys, values, strict=True))
    assert marks == [Mark(1.0, 2), Mark(2.5, 3)]
    assert counts == {"ann": Counts(views=2), "bo": Counts(views=1, orders=1)}


def test_the_worker_begins_when_it_says_that_it_is_ready() -> None:
    log = (
        "2026-11-01T00:00:00.100Z info worker_started group=beckon\n"
        "2026-11-01T00:00:02.500Z info worker_ready partitions=4\n"
    )
    assert _ready_in(log) == [Mark(1_793_491_202.5, 0)]
    assert _ready_in("2026-11-01T00:00:00.100Z info worker_started group=beckon\n") == []

"""The events of a bench: the same every time, of the promised size, and valid at the border."""

from collections import Counter
from itertools import islice

import msgspec
import pytest

from benchmarks.events import Counts, Job, Load, each_product_once, expected, make
from schemas.decode import Border
from schemas.events import EventName, OrderCompleted, ProductEvent, SearchEvent

NOW_MS = 1_780_000_000_000


@pytest.mark.parametrize("job", list(Job))
def test_a_job_has_the_same_bytes_every_time_and_every_event_is_valid(job: Job) -> None:
    records = list(make(Load(job, 2_000)))
    assert len(records) == 2_000
    assert list(islice(make(Load(job, 2_000)), 100)) == records[:100]
    border = Border()
    for record in records:
        event = border.read(record.value, NOW_MS)
        assert (event.envelope.shopper, event.name) == (record.key, record.name)  # type: ignore[union-attr]


@pytest.mark.parametrize("job", list(Job))
def test_no_text_comes_twice(job: Job) -> None:
    border = Border()
    texts: Counter[str] = Counter()
    for record in make(Load(job, 2_000)):
        event = border.read(record.value, NOW_MS)
        if isinstance(event, ProductEvent):
            texts[event.title or ""] += 1
        elif isinstance(event, SearchEvent):
            texts[event.query] += 1
        elif isinstance(event, OrderCompleted) and job is Job.PEER:
            texts[event.lines[0].title or ""] += 1
    assert len(texts) > 1_000
    assert set(texts.values()) == {1}


def test_events_of_the_peer_job_have_230_bytes_and_skewed_shoppers() -> None:
    records = list(make(Load(Job.PEER, 20_000)))
    mean = sum(len(record.value) for record in records) / len(records)
    assert 227 <= mean <= 233
    (busiest, events), *_ = Counter(record.key for record in records).most_common()
    assert busiest == "u00000"
    assert 0.02 < events / 20_000 < 0.04


def test_what_is_expected_is_counted_per_shopper_and_kind() -> None:
    records = [record for record in make(Load(Job.PEER, 20_000)) if record.key == "u00003"]
    names = Counter(record.name for record in records)
    assert expected(records) == {
        "u00003": Counts(
            views=names[EventName.PRODUCT_VIEWED],
            cart_adds=names[EventName.PRODUCT_ADDED],
            orders=names[EventName.ORDER_COMPLETED],
        )
    }


def test_only_the_wanted_share_of_texts_is_unseen() -> None:
    known = {msgspec.json.decode(record.value)["properties"]["name"] for record in each_product_once()}
    assert len(known) == 5_000
    border = Border()
    new = 0
    for record in make(Load(Job.PEER, 5_000, unseen=0.1)):
        event = border.read(record.value, NOW_MS)
        titles = [event.title] if isinstance(event, ProductEvent) else [line.title for line in event.lines]  # type: ignore[union-attr]
        new += sum(title not in known for title in titles)
    assert 400 <= new <= 600


def test_without_skew_all_shoppers_are_equally_busy() -> None:
    found = Counter(record.key for record in make(Load(Job.PEER, 20_000, shoppers=10, skew=0.0)))
    assert len(found) == 10
    assert max(found.values()) < 1.2 * min(found.values())

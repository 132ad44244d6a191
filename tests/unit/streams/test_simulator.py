"""The simulated shop: repeatable, known truth, and every event one that the border takes or names as broken."""

import json
from collections import Counter
from pathlib import Path

import pytest

from schemas.decode import Border
from schemas.events import DeadLetter
from schemas.timestamps import parse_time
from streams.simulator import Event, Shop, stream
from streams.simulator_shoppers import TEMPERS, population
from streams.simulator_sinks import Pace, write_folder
from streams.simulator_visits import Offer

START = 1_780_304_400_000


def events(seed: int, count: int = 3000, broken_share: float = 0.004) -> list[Event]:
    shop = Shop(seed, 50, START, broken_share=broken_share)
    return list(stream(shop, rate=100, seconds=count / 100, start_ms=START))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert events(7) == events(7)
    assert events(7) != events(8)


def test_what_is_said_to_be_broken_is_a_dead_letter_for_that_reason_and_nothing_else_is() -> None:
    border = Border("USD", {}, ())
    found = [(event, border.read(event.value, START)) for event in events(1, broken_share=0.05)]
    assert {event.broken for event, _ in found} == {
        None, "bad_value", "wrong_type", "missing_field", "bad_timestamp", "not_json"
    }  # fmt: skip
    for event, read in found:
        reason = read.reason if isinstance(read, DeadLetter) else None
        assert reason == event.broken


def test_events_go_to_the_topic_of_their_kind_under_the_shoppers_key() -> None:
    names: dict[str, Counter[str]] = {}
    for event in events(3, broken_share=0.0):
        value = json.loads(event.value)
        assert event.key == value.get("userId", value.get("anonymousId"))
        names.setdefault(event.topic, Counter())[value["event"]] += 1
    assert names["clicks"]["Product Viewed"] > names["clicks"]["Product Added"] > 0
    assert set(names["purchases"]) <= {"Order Completed", "Order Refunded"}
    assert set(names["identities"]) == {"Consent Changed"}


def test_message_ids_are_unique() -> None:
    ids = [event.message_id for event in events(2)]
    assert len(set(ids)) == len(ids) == 3000


def test_interests_are_spread_evenly_and_uplift_is_the_difference_that_a_promotion_makes() -> None:
    people = population(5, 80, ("a", "b", "c", "d"))
    assert Counter(shopper.interest for shopper in people) == {"a": 20, "b": 20, "c": 20, "d": 20}
    for shopper in people:
        truth = shopper.truth()
        assert truth["uplift"] == pytest.approx(shopper.buys_promoted - shopper.buys)
        assert (shopper.buys, shopper.buys_promoted) in {temper[1:] for temper in TEMPERS}


def test_a_promotion_that_reaches_a_shopper_is_noticed() -> None:
    shop = Shop(1, 4, START, visitors=4, broken_share=0.0)
    seen: Counter[str] = Counter()
    for number in range(2000):
        if number == 100:
            for shopper in shop.shoppers:
                shop.promote(shopper.id, Offer("run-10", f"decision of {shopper.id}", "RUN10"))
        event = json.loads(shop.next(START + number).value)
        if event["event"] == "Promotion Viewed":
            assert number > 100
            assert event["properties"]["promotion_id"] == "run-10"
            seen[event.get("userId") or event["anonymousId"]] += 1
    assert set(seen.values()) == {1}
    assert len(seen) == 4


def test_a_folder_holds_every_event_and_the_truth_beside_it(tmp_path: Path) -> None:
    shop = Shop(1, 30, START)
    counts = write_folder(shop, stream(shop, 100, 20, START), tmp_path)
    lines = {path.stem: len(path.read_bytes().splitlines()) for path in tmp_path.iterdir()}
    assert counts.total() == 2000
    assert lines["shoppers"] == 30
    assert lines["catalog"] == 400
    assert sum(count for name, count in lines.items() if name not in ("shoppers", "catalog")) == 2000


def test_event_times_follow_the_rate_exactly() -> None:
    shop = Shop(1, 10, START, broken_share=0.0)
    times = [parse_time(json.loads(event.value)["timestamp"]) for event in stream(shop, 4, 2, START)]
    assert times == [START + 250 * number for number in range(8)]


def test_a_pace_neither_loses_nor_doubles_events() -> None:
    pace = Pace(rate=3, start_s=10.0)
    taken = [pace.take(10.0 + step * 0.1) for step in range(101)]
    assert sum(taken) == 30
    assert set(taken) == {0, 1}

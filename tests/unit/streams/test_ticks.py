"""Deadlines of one lane: a tick once the lane's time has passed, never before, and for every silent shopper."""

from pathlib import Path

import msgspec
import pytest

from schemas.ids import EventTime, ShopperId
from streams import ticks as of_lanes
from streams.internal import Tick, content_of
from streams.outputs import Output
from streams.reading import Read
from streams.ticks import Ticks
from tests.support.chunks import BROKER_MS, OneShard, chunk, record
from tests.support.shopping import track, view

HOUR = 3_600_000
AT = BROKER_MS - 10 * HOUR
CARTS = "campaigns:\n  - {id: c, triggers: [Cart Abandoned], offers: [{promotion_id: p, name: P}]}\n"
LATER = (
    "campaigns:\n  - {id: c, triggers: [Product Viewed], after: 3h, offers: [{promotion_id: p, name: P}]}\n"
)


class LaneOfTicks:
    """One shard with its ticks, and a clock that the tests move, in seconds."""

    def __init__(self, folder: Path, campaigns: str = CARTS) -> None:
        file = folder / "campaigns.yaml"
        file.write_text(campaigns)
        self.one = OneShard(folder / "data", campaigns__file=str(file))
        self.now_s = 1000.0
        self.ticks = Ticks(self.one.shard, self.now_s)
        self.offset = 0

    def batch(self, *values: bytes, written: bool = True) -> None:
        found, result = self.one.apply(chunk("clicks", 0, values, first=self.offset))
        self.offset += len(values)
        if written:
            self.one.shard.sending(result.touched)
            self.one.shard.written(())
        self.ticks.hear(found, result.touched, self.one.rules, self.now_s)

    def turn(self, wall_ms: int = BROKER_MS) -> list[tuple[str, int]]:
        self.ticks.look(self.one.rules, self.now_s)
        return [told(output) for output in self.ticks.due(self.one.rules, self.now_s, wall_ms)]

    def new_owner(self) -> None:
        """Go on as another worker does, which knows only what was written."""
        self.ticks = Ticks(self.one.shard, self.now_s)


def told(output: Output) -> tuple[str, int]:
    content = content_of(
        record("beckon.internal", 0, 0, output.value, key=output.key, headers=output.headers)
    )
    assert isinstance(content, tuple)
    shopper, tick = content[0], content[1]
    assert isinstance(tick, Tick)
    return shopper, tick.deadline


def add(user: str, at: int) -> bytes:
    return msgspec.json.encode(track(user, f"a {user} {at}", at, "Product Added", product_id="p1"))


@pytest.fixture
def lane(tmp_path: Path) -> LaneOfTicks:
    return LaneOfTicks(tmp_path)


def test_a_tick_comes_when_anothers_event_passes_the_deadline_and_only_once(lane: LaneOfTicks) -> None:
    lane.batch(add("ann", AT))
    lane.batch(view("bob", "m1", AT + HOUR - 1))
    assert lane.turn() == []
    lane.batch(view("bob", "m2", AT + HOUR))
    assert lane.turn() == [("ann", AT + HOUR)]
    assert lane.turn() == []


def test_what_moves_a_deadline_moves_its_tick_and_what_cancels_it_ends_it(lane: LaneOfTicks) -> None:
    lane.batch(add("ann", AT), add("bob", AT))
    lane.batch(add("ann", AT + 1000))
    line = {"product_id": "p1", "quantity": 1}
    order = track(
        "bob", "o", AT + 1, "Order Completed", order_id="o", total=1, currency="USD", products=[line]
    )
    lane.batch(msgspec.json.encode(order))
    lane.batch(view("eve", "m1", AT + HOUR + 999))
    assert lane.turn() == []
    lane.batch(view("eve", "m2", AT + HOUR + 1000))
    assert lane.turn() == [("ann", AT + HOUR + 1000)]


def test_the_wall_clock_counts_only_after_five_silent_seconds(lane: LaneOfTicks) -> None:
    lane.batch(add("ann", AT))
    lane.now_s += 4.9
    assert lane.turn(wall_ms=AT + HOUR) == []
    lane.now_s += 0.1
    assert lane.turn(wall_ms=AT + HOUR - 1) == []
    assert lane.turn(wall_ms=AT + HOUR) == [("ann", AT + HOUR)]


def test_a_tick_that_comes_back_does_not_count_as_somebody_being_there(lane: LaneOfTicks) -> None:
    lane.batch(add("ann", AT))
    lane.now_s += 5
    lane.ticks.hear(Read(records=1), {}, lane.one.rules, lane.now_s)
    assert lane.turn(wall_ms=AT + HOUR) == [("ann", AT + HOUR)]


def test_a_device_whose_clock_is_ahead_makes_nobodys_deadline_pass(lane: LaneOfTicks) -> None:
    lane.batch(add("ann", BROKER_MS - 1000))
    lane.batch(view("bob", "m1", BROKER_MS + 20 * HOUR))
    assert lane.turn() == []


def test_a_new_owner_finds_the_deadlines_in_the_profiles(lane: LaneOfTicks) -> None:
    lane.batch(*(add(f"s{number}", AT + number) for number in range(3)))
    lane.new_owner()
    lane.now_s += 5
    assert lane.turn(wall_ms=AT + HOUR + 1) == [("s0", AT + HOUR), ("s1", AT + HOUR + 1)]


def test_profiles_are_looked_at_a_thousand_a_turn_and_turns_are_short_meanwhile(
    lane: LaneOfTicks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_lanes, "TURN_MAX", 2)
    lane.batch(*(add(f"s{number}", AT) for number in range(5)))
    lane.new_owner()
    lane.now_s += 5
    found = []
    for _ in range(3):
        found += lane.turn(wall_ms=AT + HOUR)
        waits = lane.ticks.until_turn_s(lane.now_s)
    assert sorted(found) == [(f"s{number}", AT + HOUR) for number in range(5)]
    assert waits == 0.25


def test_of_too_many_deadlines_the_nearer_ones_are_kept_and_the_others_found_again(
    lane: LaneOfTicks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_lanes, "DEADLINES_MAX", 4)
    lane.batch(*(add(f"s{number}", AT + number) for number in range(10)))
    assert len(lane.ticks._heap) <= 4
    found = []
    lane.now_s += 5
    for _ in range(12):
        ticks = lane.turn(wall_ms=AT + HOUR + 9)
        found += ticks
        _fire(lane, ticks)
    assert sorted(found) == [(f"s{number}", AT + HOUR + number) for number in range(10)]


def _fire(lane: LaneOfTicks, ticks: list[tuple[str, int]]) -> None:
    """Do what reading the ticks does to the profiles."""
    for shopper, deadline in ticks:
        profile = lane.one.shard.find(ShopperId(shopper))
        assert profile is not None
        profile.timers_at = EventTime(deadline)
        lane.one.shard.sending({ShopperId(shopper): profile})
        lane.one.shard.written(())


def test_what_a_campaign_put_off_is_ticked_too(tmp_path: Path) -> None:
    lane = LaneOfTicks(tmp_path, LATER)
    lane.batch(view("ann", "m1", AT))
    lane.batch(view("bob", "m2", AT + 3 * HOUR))
    assert lane.turn() == [("ann", AT + 3 * HOUR)]


def test_without_timers_nothing_is_kept(tmp_path: Path) -> None:
    lane = LaneOfTicks(tmp_path, CARTS.replace("Cart Abandoned", "Product Viewed"))
    lane.batch(add("ann", AT))
    lane.now_s += 5
    assert lane.turn(wall_ms=AT + 100 * HOUR) == []
    assert lane.ticks._heap == []

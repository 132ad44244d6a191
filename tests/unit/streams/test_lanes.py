"""Lanes on a log in memory: what they take, group, drop and refuse. The real thing runs in tests/integration."""

import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from schemas.codec import decode_profile
from streams import lanes
from streams.counting import Shares
from streams.lanes import Lane, Lanes
from tests.support.chunks import BROKER_MS, OneShard
from tests.support.lane import Delivered, MemoryLog, Stopped, delivered, ground, lane_on, turn_until
from tests.support.shopping import track, view


def _views(count: int, first: int = 0) -> list[bytes]:
    return [view("ann", f"m{first + number}", BROKER_MS) for number in range(count)]


def test_a_lane_takes_what_is_queued_up_to_a_batch_and_keeps_the_rest(tmp_path: Path) -> None:
    async def run() -> list[int]:
        lane = lane_on(tmp_path, MemoryLog(), batch_events=10)
        for size in (4, 5, 2, 10):
            lane.put(delivered([b"{"] * size))
        taken = [sum(len(one.value.records) for one in lane._take()) for _ in range(3)]
        assert lane.waiting() == 0
        await lane.finish(1.0)
        return taken

    assert asyncio.run(run()) == [9, 2, 10]


def test_a_chunk_is_done_once_records_then_offsets_then_the_commit_are_acknowledged(tmp_path: Path) -> None:
    log = MemoryLog()

    async def run() -> None:
        lane = lane_on(tmp_path, log)
        one = delivered(_views(3))
        lane.put(one)
        await turn_until(lambda: one.acked, "it is done")
        await lane.finish(1.0)

    asyncio.run(run())
    assert log.calls == ["begin", "send", "offsets", "commit"]
    assert log.committed == [{("clicks", 0): 3}]
    assert [decode_profile(record.value or b"").views for record in log.changelog] == [3]


async def _computed(lane: Lane, chunk: Delivered) -> None:
    """Return once a lane has computed a chunk."""
    lane.put(chunk)
    await turn_until(
        lambda: chunk in [one for work in lane._group.works for one in work.delivered], "it is computed"
    )


def test_what_comes_while_a_step_is_written_is_one_step_more_and_a_profile_in_it_one_record(
    tmp_path: Path,
) -> None:
    log = MemoryLog()

    async def run() -> None:
        log.free = asyncio.Event()
        lane = lane_on(tmp_path, log)
        lane.put(delivered(_views(2)))
        await turn_until(lambda: log.calls == ["begin", "send", "offsets"], "a step is under way")
        for place in range(1, 5):
            await _computed(lane, delivered(_views(2, 2 * place), 2 * place))
        log.free.set()
        await lane.finish(1.0)

    asyncio.run(run())
    assert log.committed == [{("clicks", 0): 2}, {("clicks", 0): 10}]
    assert [decode_profile(record.value or b"").views for record in log.changelog] == [2, 10]


def test_a_lane_with_a_backlog_waits_for_a_larger_group(tmp_path: Path) -> None:
    log = MemoryLog()

    async def run() -> None:
        lane = lane_on(tmp_path, log, lanes=4)
        lane.put(delivered(_views(1), 0, 50_000))
        await turn_until(lambda: bool(log.committed), "the first one is written")
        for place in range(1, 4):
            await _computed(lane, delivered(_views(1, place), place, 50_000))
        await turn_until(lambda: len(log.committed) == 2, "the others are written")
        await lane.finish(1.0)

    asyncio.run(run())
    first_s, second_s = log.commit_times_s
    assert second_s - first_s >= 0.1
    assert log.committed == [{("clicks", 0): 1}, {("clicks", 0): 4}]


def test_finishing_writes_what_is_computed_without_waiting_for_the_pace_and_drops_what_is_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "gap_s", lambda lanes, *, behind: 3_600.0)
    log = MemoryLog()

    async def run() -> None:
        lane = lane_on(tmp_path, log)
        lane.put(delivered(_views(1)))
        await turn_until(lambda: bool(log.committed), "it is written")
        computed, queued = delivered(_views(1, 1), 1), delivered(_views(1, 2), 2)
        await _computed(lane, computed)
        lane.put(queued)
        await lane.finish(30.0)
        assert computed.acked
        assert not queued.acked

    asyncio.run(run())
    assert log.committed == [{("clicks", 0): 1}, {("clicks", 0): 2}]


def test_a_lane_that_is_finished_before_it_began_stops_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        lane = lane_on(tmp_path, MemoryLog())
        await asyncio.sleep(0)  # it waits for its first chunk now
        lane.put(delivered(_views(3)))
        await lane.finish(1.0)
        assert lane.busy_for() == 0.0

    asyncio.run(run())


@pytest.mark.parametrize("call", ["begin", "send", "offsets", "commit"])
def test_a_step_that_fails_anywhere_ends_the_process_and_acknowledges_nothing(
    call: str, tmp_path: Path
) -> None:
    log = MemoryLog(refuses=call)

    async def run() -> None:
        lane = lane_on(tmp_path, log)
        one = delivered(_views(3))
        lane.put(one)
        with pytest.raises(Stopped):
            await lane._writer
        assert not one.acked
        lane._computer.cancel()

    asyncio.run(run())
    assert log.committed == []


def test_a_step_that_is_not_durable_in_time_ends_the_process(tmp_path: Path) -> None:
    async def run() -> None:
        log = MemoryLog(free=asyncio.Event())
        lane = lane_on(tmp_path, log)
        lane.put(delivered(_views(3)))
        await turn_until(lambda: log.calls == ["begin", "send", "offsets"], "a step is under way")
        with pytest.raises(Stopped, match="lane 0: lost its partition and could not commit within 0 s"):
            await lane.finish(0.1)

    asyncio.run(run())


def test_chunks_are_dropped_while_the_lanes_are_closed(tmp_path: Path) -> None:
    log = MemoryLog()

    async def run() -> None:
        all_lanes = Lanes(ground(OneShard(tmp_path)))
        all_lanes.put(delivered(_views(3)))
        all_lanes.start({0: log})
        await all_lanes.finish()
        all_lanes.put(delivered(_views(3)))
        assert all_lanes.waiting() == 0
        assert all_lanes.busy_for() == 0.0
        all_lanes.start({0: log})
        all_lanes.put(delivered(_views(3)))
        assert all_lanes.waiting() == 3
        await turn_until(lambda: bool(log.committed), "it is written")
        await all_lanes.finish()

    asyncio.run(run())
    assert log.committed == [{("clicks", 0): 3}]


@pytest.mark.parametrize("has_read_all", [True, False])
def test_a_lane_ticks_by_itself_once_it_has_read_all_and_not_before(
    has_read_all: bool, tmp_path: Path
) -> None:
    file = tmp_path / "carts.yaml"
    file.write_text(
        "campaigns:\n  - {id: c, triggers: [Cart Abandoned], offers: [{promotion_id: p, name: P}]}\n"
    )
    one, log, at_ms = OneShard(tmp_path, campaigns__file=str(file)), MemoryLog(), BROKER_MS - 7_200_000
    added = msgspec.json.encode(track("ann", "a", at_ms, "Product Added", product_id="p1"))

    async def run() -> None:
        base = replace(ground(one), has_read_all=lambda number: has_read_all and number == 0)
        lane = Lane(base, one.shard, log, Shares(base.settings), lanes=1)
        lane.put(delivered([added, view("bob", "m1", at_ms + 3_600_000)]))
        await asyncio.sleep(0.8)
        await lane.finish(1.0)

    asyncio.run(run())
    kinds = [(record.key, dict(record.headers)["kind"]) for record in log.outputs]
    assert kinds == ([(b"ann", b"tick")] if has_read_all else [])
    # A step of ticks alone moves no offsets.
    assert log.calls.count("commit") == log.calls.count("offsets") + len(kinds)

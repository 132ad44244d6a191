"""Lanes between agent and shard: what they take, drop and refuse. The real thing runs in tests/integration."""

import asyncio
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from schemas.errors import BeckonError
from streams.batch import Failure, Result
from streams.lanes import Ground, Lane, Lanes, Shares
from streams.metrics import Metrics
from streams.reading import Read
from streams.settings import WorkerSettings
from tests.support.chunks import OneShard, chunk, record


class Stopped(Exception):
    """Stands for the end of the process."""


def _stop(error: BaseException) -> NoReturn:
    raise Stopped(str(error)) from error


def _ground(folder: Path, **settings: Any) -> tuple[Ground, OneShard]:
    lane = OneShard(folder)
    ground = Ground(
        rules=lane.rules,
        settings=WorkerSettings(**settings),
        metrics=Metrics(),
        producer=lambda: None,
        store=lambda: lane.shard._store,
        stop=_stop,
        has_read_all=lambda _: True,
        finish_s=1.0,
    )
    return ground, lane


def _event(events: int, first: int = 0) -> Any:
    return SimpleNamespace(
        value=chunk("clicks", 0, [b"{"] * events, first), message=SimpleNamespace(partition=0), acked=False
    )


def test_a_lane_takes_what_is_queued_up_to_a_batch_and_keeps_the_rest(tmp_path: Path) -> None:
    ground, one = _ground(tmp_path, batch_events=10)

    async def run() -> list[int]:
        lane = Lane(0, ground, one.shard, Shares(ground.settings))
        for size in (4, 5, 2, 10):
            lane.put(_event(size))
        taken = [sum(len(event.value.records) for event in lane._take()) for _ in range(3)]
        assert lane.waiting() == 0
        lane._task.cancel()
        return taken

    assert asyncio.run(run()) == [9, 2, 10]


def test_a_lane_that_is_finished_before_it_began_stops_nothing(tmp_path: Path) -> None:
    ground, one = _ground(tmp_path)

    async def run() -> None:
        lane = Lane(0, ground, one.shard, Shares(ground.settings))
        await asyncio.sleep(0)  # it waits for its first chunk now
        lane.put(_event(3))
        await lane.finish(1.0)
        with pytest.raises(asyncio.CancelledError):
            await lane._task  # `Stopped` would come out here

    asyncio.run(run())


def test_a_batch_that_cannot_be_sent_ends_the_process_and_acknowledges_nothing(tmp_path: Path) -> None:
    ground, one = _ground(tmp_path)  # there is no producer

    async def run() -> None:
        lane = Lane(0, ground, one.shard, Shares(ground.settings))
        event = _event(3)
        event.ack = lambda: setattr(event, "acked", True)
        lane.put(event)
        with pytest.raises(Stopped):
            await lane._task
        assert not event.acked

    asyncio.run(run())


def test_chunks_are_dropped_while_the_lanes_are_closed(tmp_path: Path) -> None:
    ground, _ = _ground(tmp_path)

    async def run() -> None:
        lanes = Lanes(ground)
        lanes.put(_event(3))
        assert lanes.waiting() == 0
        lanes.start([0])
        await lanes.finish()
        lanes.put(_event(3))
        assert lanes.waiting() == 0
        assert lanes.busy_for() == 0.0
        lanes.start([0])
        lanes.put(_event(3))
        assert lanes.waiting() == 3

    asyncio.run(run())


def _share(records: int, failed: int = 0, strays: int = 0) -> tuple[Read, Result]:
    failures = [Failure(record("clicks", 0, offset, b""), "KeyError: 'x'") for offset in range(failed)]
    return Read(records=records, reasons=Counter()), Result(failures=failures, strays=strays)


def test_more_than_one_percent_of_faults_of_ours_is_an_error_with_the_last_fault() -> None:
    shares = Shares(WorkerSettings())
    shares.count(*_share(9_000, failed=100))
    with pytest.raises(BeckonError) as caught:
        shares.count(*_share(900, failed=1))
    assert str(caught.value).startswith(
        "worker: 101 of the last 9900 events failed in processing, the last one by KeyError: 'x'; "
    )


def test_strays_above_one_percent_are_one_error_line_until_they_are_fewer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shares = Shares(WorkerSettings(strays_alert_share=0.01))
    lines = []
    for strays in (100, 1, 1, 0, 200):
        shares.count(*_share(5_000, strays=strays))
        lines.append(len(caplog.records))
    assert lines == [0, 1, 1, 1, 2]
    assert "partitioner=murmur2_random" in caplog.records[0].fields["remedy"]

"""Many zombies in a row: the fence alone has to do it, no lease is there and no position is looked at."""

import os
from pathlib import Path

import pytest

from tests.faults import loads
from tests.faults import on_one_broker as faults
from tests.faults.results import Results
from tests.faults.stand import FENCE_ALONE, run
from tests.faults.verdict import Verdict
from tests.support.kafka import Topics
from tests.support.stand import stand_on

RUNS = int(os.environ.get("BECKON_TEST_ZOMBIES", "20"))


@pytest.mark.faults
@pytest.mark.timeout(60 * RUNS)
def test_3_no_zombie_of_many_moves_anything_back(kafka: str, tmp_path: Path, results: Results) -> None:
    total = Verdict()
    for number in range(RUNS):
        topics = Topics(kafka)
        folder = tmp_path / str(number)
        folder.mkdir()
        stand = stand_on(topics, folder)
        stand.flags = FENCE_ALONE
        total.add(run(stand, loads.plain(100 + number), faults.pause))
        topics.remove()
    results.add(3, f"{RUNS} zombies in a row", "on", total)
    assert total.clean, total

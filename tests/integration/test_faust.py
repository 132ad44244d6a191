"""Whose work is what: with a part taken away, it is not done. Faust's assignment, agent; our restore and offsets."""

import time

from schemas.codec import decode_profile
from schemas.topics import CHANGELOG, SOURCES
from tests.support.shopping import Sent, view
from tests.support.stand import Stand
from tests.support.workers import until

NOW_MS = round(time.time() * 1000)


def _views(count: int, first: int = 0) -> list[Sent]:
    return [
        Sent("clicks", "ann", view("ann", f"m{number}", NOW_MS)) for number in range(first, first + count)
    ]


def _views_of_ann(stand: Stand) -> int:
    return decode_profile(stand.broker.records(CHANGELOG.name)[-1].value or b"").views


def test_fausts_assignor_gives_every_worker_the_same_partition_numbers_of_all_topics(stand: Stand) -> None:
    with stand.workers(2) as workers:
        for worker in workers:
            worker.wait_ready()
        until(lambda: all(worker.metrics()["beckon_partitions"] == 2 for worker in workers), 40, "two each")
        group, members = stand.broker.described(), stand.broker.members()
    assert group.partition_assignor == "faust"
    topics = {topic.name for topic in (*SOURCES, CHANGELOG)}
    numbers = [{number for _, number in mine} for mine in members]
    assert [len(own_numbers) for own_numbers in numbers] == [2, 2]
    assert numbers[0] | numbers[1] == {0, 1, 2, 3}
    for mine, own_numbers in zip(members, numbers, strict=True):
        assert mine == {(topic, number) for topic in topics for number in own_numbers}


def test_without_the_agent_nothing_is_processed(stand: Stand) -> None:
    with stand.odd_worker("agent") as odd:
        odd.wait_ready()
        stand.broker.produce(_views(20))
        time.sleep(3)
        assert odd.runs()
        assert odd.outcomes().total() == 0
        odd.stop()
    assert stand.broker.committed() == {}
    with stand.workers(1) as (worker,):
        stand.wait_drained([worker])
        assert worker.outcomes() == {"applied": 20}


def test_profiles_come_back_through_the_restore_that_fausts_recovery_starts(stand: Stand) -> None:
    stand.broker.produce(_views(20))
    with stand.workers(1) as (worker,):
        stand.wait_drained([worker])
        worker.stop()
        worker.start()
        worker.wait_ready()
        until(lambda: worker.metrics()["beckon_profiles"] == 1, 10, "the profile is back")
        stand.broker.produce(_views(1, first=20))
        stand.wait_drained([worker])
        worker.stop()
    assert _views_of_ann(stand) == 21
    with stand.odd_worker("recovery") as odd:
        odd.wait_ready()
        stand.broker.produce(_views(1, first=21))
        stand.wait_drained([odd])
    assert _views_of_ann(stand) == 1


def test_only_the_transactions_commit_offsets(stand: Stand) -> None:
    with stand.odd_worker("offsets") as odd:
        stand.broker.produce(_views(20))
        until(lambda: odd.outcomes()["applied"] == 20, 40, "all events are applied")
        time.sleep(2)
        odd.stop()
    assert stand.broker.committed() == {}

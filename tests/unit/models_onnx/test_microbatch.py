"""Requests of many in one call; a bounded queue; a model that takes over while texts are under way."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from models_onnx.batcher import Answer, Tagger
from models_onnx.microbatch import Door
from models_onnx.provider import run_bound
from models_onnx.runtime import TagModel
from models_onnx.sample_titles import titles
from tests.support.models import demo_model

MODEL = demo_model()
TEXTS = [text for text, _ in titles(31, 64)]


class Session:
    """The model's own session; notes the rows of each call, after `before`."""

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        self._before = before
        self.rows: list[int] = []

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> Any:
        self._before()
        self.rows.append(len(inputs["input_ids"]))
        return MODEL.session.run(outputs, inputs)


def on(session: Session) -> TagModel:
    return replace(MODEL, session=session)


def other() -> TagModel:
    """Another model: every label is a tag of every text."""
    return replace(MODEL, card=msgspec.structs.replace(MODEL.card, threshold=0.0), digest="0" * 64)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 -- what the model's threads do rings no bell on the loop
            await asyncio.sleep(0.001)


def test_requests_that_wait_while_the_model_works_share_its_next_call() -> None:
    working, go_on = threading.Event(), threading.Event()

    def hold_first() -> None:
        working.set()
        go_on.wait(20)

    session = Session(hold_first)
    # Of one length, so that no call is saved by cutting them apart.
    texts = [f"{one} {other}" for one in ("tent", "wok", "mat") for other in ("tent", "wok", "yoga", "mat")]

    async def story() -> list[Answer]:
        mine = Tagger(on(session), 1000, 100_000, 1.0)
        first = asyncio.create_task(mine.tag_async(["yoga mat"]))
        await asyncio.to_thread(working.wait, 20)
        rest = [asyncio.create_task(mine.tag_async([text])) for text in texts]
        await until(lambda: mine.waiting() >= 12)
        go_on.set()
        return await asyncio.gather(first, *rest)

    answers = asyncio.run(story())
    assert session.rows == [1, 12]
    assert [answer.tags for answer in answers] == [
        Tagger(MODEL, 9, 512, 1.0).tag([text]) for text in ["yoga mat", *texts]
    ]


def test_where_waiting_pays_a_first_text_waits_for_company() -> None:
    session = Session()

    async def story() -> None:
        mine = Tagger(on(session), 1000, 100_000, 1.0, wait_ms=400)
        first = asyncio.create_task(mine.tag_async(TEXTS[:1]))
        await asyncio.sleep(0.02)
        await asyncio.gather(first, *(mine.tag_async([text]) for text in TEXTS[1:8]))

    asyncio.run(story())
    assert session.rows == [8]


def test_two_threads_call_the_model_at_once_and_a_text_that_both_want_is_scored_by_one() -> None:
    both = threading.Barrier(2, timeout=20)  # breaks unless two calls are under way together
    session = Session(both.wait)

    async def story() -> Tagger:
        mine = Tagger(on(session), 1000, 100_000, 1.0, threads=2)
        working = asyncio.create_task(mine.tag_async(["two person tent", "wok"]))
        await until(lambda: mine.model_calls >= 1)
        await asyncio.gather(working, mine.tag_async(["wok", "yoga mat", "espresso beans"]))
        return mine

    mine = asyncio.run(story())
    assert session.rows == [2, 2] and mine.texts_scored == 4


def test_texts_that_find_no_room_wait_outside_and_all_are_answered() -> None:
    async def story() -> tuple[list[int], list[int]]:
        door, inside, most = Door(10), 0, []

        async def guest(texts: int) -> int:
            nonlocal inside
            async with door.enter(texts):
                inside += texts
                most.append(inside)
                await asyncio.sleep(0.001)
                inside -= texts
            return texts

        return await asyncio.gather(*(guest(texts) for texts in (4, 4, 4, 25, 1, 9, 10, 2))), most

    answered, most = asyncio.run(story())
    assert answered == [4, 4, 4, 25, 1, 9, 10, 2]
    assert max(texts for texts in most if texts != 25) <= 10 and most.count(25) == 1


def test_a_guest_who_gives_up_leaves_room_behind() -> None:
    async def story() -> bool:
        door = Door(1)

        async def guest() -> None:
            async with door.enter(1):
                await asyncio.sleep(60)

        tasks = [asyncio.create_task(guest()) for _ in range(3)]
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(5), door.enter(1):
            return True

    assert asyncio.run(story())


def test_a_model_that_takes_over_knows_the_texts_asked_for_last_and_goes_on_counting() -> None:
    mine = Tagger(MODEL, 1000, 512, 1.0)
    mine.tag(TEXTS)
    new = mine.followed_by(other())
    known = new.cached(TEXTS)
    assert known is not None and all(len(tags) == 8 for tags in known)
    assert new.model_versions == {"tags": f"{MODEL.card.version}@000000000000"} != mine.model_versions
    assert new.texts_scored == mine.texts_scored == 2 * len(set(TEXTS))
    old = mine.cached(TEXTS)
    assert old is not None and all(len(tags) == 1 for tags in old)


def test_what_is_under_way_ends_with_the_model_that_it_began_with() -> None:
    go_on = threading.Event()

    async def story() -> tuple[Answer, Answer]:
        mine = Tagger(on(Session(lambda: go_on.wait(20))), 1000, 512, 1.0)
        under_way = asyncio.create_task(mine.tag_async(["two person tent"]))
        await asyncio.sleep(0.01)
        new = mine.followed_by(other())
        waiting = asyncio.create_task(new.tag_async(["two person tent"]))
        await asyncio.sleep(0.01)
        go_on.set()
        return await under_way, await waiting

    before, after = asyncio.run(story())
    assert len(before.tags[0]) == 1 and len(after.tags[0]) == 8


def test_closing_cancels_what_waits() -> None:
    working, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        working.set()
        go_on.wait(20)

    async def story() -> None:
        mine = Tagger(on(Session(hold)), 1000, 512, 1.0)
        first = asyncio.create_task(mine.tag_async(["tent"]))
        await asyncio.to_thread(working.wait, 20)
        second = asyncio.create_task(mine.tag_async(["wok"]))
        await until(lambda: mine.waiting() >= 1)
        mine.close()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert not (await first).failed

    asyncio.run(story())


def test_a_call_with_bound_tensors_gives_the_same_bits() -> None:
    rows = MODEL.encode(TEXTS)
    longest = max(map(len, rows))
    ids = np.array([row + [0] * (longest - len(row)) for row in rows], dtype=np.int64)
    inputs = {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64)}
    (expected,) = MODEL.session.run(["scores"], inputs)
    assert np.array_equal(run_bound(MODEL.session, inputs, "scores", "cpu"), expected)


def test_a_remembered_text_costs_no_call_however_often_it_comes() -> None:
    mine = Tagger(MODEL, 1000, 512, 1.0)
    mine.tag(TEXTS)
    calls = mine.model_calls
    for _ in range(50):
        assert mine.cached(TEXTS) is not None
    assert mine.model_calls == calls and mine.cache_hits == 50 * len(TEXTS)

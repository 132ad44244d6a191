"""Texts to tags: each text once, the same in any company, off the loop, and patient with a model that fails."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_onnx.batcher import Answer, Tagger
from models_onnx.runtime import TagModel
from models_onnx.sample_titles import titles
from models_onnx.scorer import batches
from schemas.errors import ModelError
from schemas.ids import Tags
from tests.support.models import demo_model

MODEL = demo_model()
TEXTS = [text for text, _ in titles(21, 48)] + ["", "東京", "tent", "Tent", "mat " * 200]


class Session:
    """The model's own session, with something before each call: a failure, a wait."""

    def __init__(self, before: Callable[[], object]) -> None:
        self._before = before
        self.calls = 0

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> Any:
        self.calls += 1
        self._before()
        return MODEL.session.run(outputs, inputs)


def tagger(before: Callable[[], object] = lambda: None, give_up_s: float = 0.3, **changes: Any) -> Tagger:
    model: TagModel = replace(MODEL, session=Session(before))
    return Tagger(model, changes.get("cache_texts", 1000), changes.get("batch_tokens", 512), give_up_s)


def fails_times(times: int) -> Callable[[], None]:
    left = iter(range(times))

    def before() -> None:
        if next(left, None) is not None:
            raise RuntimeError("device lost\nsecond line")

    return before


@pytest.fixture(scope="module")
def alone() -> dict[str, Tags]:
    """The tags of each text, scored by itself."""
    return {text: tagger().tag([text])[0] for text in TEXTS}


def test_a_title_gets_its_tag_with_four_digits() -> None:
    ((tags,),) = [tagger().tag(["Ultralight Two Person Tent with Pegs"])]
    ((tag, score),) = tags
    assert tag == "camping" and score > 0.9 and score == round(score, 4)


def test_tags_are_best_first_and_equal_scores_by_name() -> None:
    card = MODEL.card
    model = replace(MODEL, card=type(card)(**{**_fields(card), "threshold": 0.0}))
    (tags,) = Tagger(model, 10, 512, 1.0).tag(["wireless"])
    assert len(tags) == 8
    assert list(tags) == sorted(tags, key=lambda tag: (-tag[1], tag[0]))
    assert len({score for _, score in tags}) < 8 or tags[0][1] > tags[-1][1]


def _fields(card: Any) -> dict[str, Any]:
    return {name: getattr(card, name) for name in card.__struct_fields__}


def test_the_threshold_itself_is_enough_and_below_it_there_is_no_tag() -> None:
    (tags,) = tagger().tag(["wireless headphones"])
    for threshold, expected in ((tags[0][1], 1), (round(tags[0][1] + 0.0001, 4), 0)):
        card = type(MODEL.card)(**{**_fields(MODEL.card), "threshold": threshold})
        (found,) = Tagger(replace(MODEL, card=card), 10, 512, 1.0).tag(["wireless headphones"])
        assert len(found) == expected


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(TEXTS), max_size=40), max_size=4),
    st.integers(1, 60),
    st.integers(1, 600),
)
def test_tags_do_not_depend_on_company_order_memory_or_batch_size(
    alone: dict[str, Tags], asked: list[list[str]], cache_texts: int, batch_tokens: int
) -> None:
    mine = tagger(cache_texts=cache_texts, batch_tokens=batch_tokens)
    for texts in asked:
        assert mine.tag(texts) == [alone[text] for text in texts]


@given(st.lists(st.integers(0, 64), max_size=80), st.integers(1, 600))
def test_every_row_is_in_one_batch_and_no_batch_of_several_is_over_its_tokens(
    lengths: list[int], batch_tokens: int
) -> None:
    cut = list(batches(lengths, batch_tokens))
    assert sorted(number for batch in cut for number in batch) == [
        number for number, length in enumerate(lengths) if length > 0
    ]
    for batch in cut:
        assert len(batch) == 1 or len(batch) * max(lengths[number] for number in batch) <= batch_tokens


def test_a_text_is_scored_once_and_then_remembered() -> None:
    mine = tagger()
    assert mine.cached(["tent", "yoga mat"]) is None
    first = mine.tag(["tent", "yoga mat", "tent", ""])
    assert (mine.model_calls, mine.texts_scored, mine.cache_hits) == (1, 2, 1)
    assert mine.tag(["yoga mat", "", "tent"]) == [first[1], (), first[0]]
    assert mine.cached(["tent", "yoga mat"]) == [first[0], first[1]]
    assert (mine.model_calls, mine.texts_scored, mine.cache_hits) == (1, 2, 6)


def test_the_text_not_asked_for_longest_is_forgotten_first() -> None:
    mine = tagger(cache_texts=2)
    mine.tag(["tent"])
    mine.tag(["yoga mat"])
    mine.tag(["tent"])
    mine.tag(["wok"])
    assert mine.cached(["tent"]) is not None and mine.cached(["wok"]) is not None
    assert mine.cached(["yoga mat"]) is None


def test_texts_longer_than_the_model_reads_are_cut_and_counted() -> None:
    model = demo_model()
    mine = Tagger(model, 10, 512, 1.0)
    mine.tag(["yoga mat " * 31])
    assert mine.truncated == 0
    mine.tag(["yoga mat " * 32])
    assert mine.truncated == 1


def test_a_failing_model_is_one_error_line_where_nobody_waits() -> None:
    mine = tagger(fails_times(1))
    with pytest.raises(ModelError) as raised:
        mine.tag(["tent"])
    line = str(raised.value)
    assert (
        line.startswith("model tags ") and "failed (RuntimeError: device lost)" in line and "\n" not in line
    )
    assert mine.tag(["tent"])[0][0][0] == "camping"


def test_a_model_that_recovers_in_time_is_tried_again() -> None:
    mine = tagger(fails_times(2), give_up_s=20.0)
    answer = asyncio.run(mine.tag_async(["tent"]))
    assert not answer.failed and answer.tags[0][0][0] == "camping"
    assert (mine.model_calls, mine.texts_scored, mine.fallbacks) == (3, 1, 0)


def test_what_was_scored_before_a_failure_is_not_scored_again() -> None:
    calls: Iterator[int] = iter(range(100))

    def second_call_fails() -> None:
        if next(calls) == 1:
            raise RuntimeError("device lost")

    mine = tagger(second_call_fails, give_up_s=20.0, batch_tokens=1)
    asyncio.run(mine.tag_async(["tent", "wok", "yoga mat"]))
    assert (mine.model_calls, mine.texts_scored) == (4, 3)


def test_patience_ends_is_counted_and_is_spent_once_until_the_model_works_again() -> None:
    broken = {"is": True}

    def before() -> None:
        if broken["is"]:
            raise RuntimeError("device lost")

    async def story() -> tuple[Tagger, list[Answer], list[int]]:
        mine = tagger(before, give_up_s=0.2)
        calls, answers = [], []
        for texts in (["tent", "wok", "tent"], ["tent"]):
            answers.append(await mine.tag_async(texts))
            calls.append(mine.model_calls)
        broken["is"] = False
        answers.append(await mine.tag_async(["tent"]))
        calls.append(mine.model_calls)
        return mine, answers, calls

    mine, answers, calls = asyncio.run(story())
    assert answers[0] == Answer([(), (), ()], {"tent", "wok"})
    assert answers[1] == Answer([()], {"tent"})
    assert not answers[2].failed and answers[2].tags[0]
    assert calls[0] >= 4 and calls[1:] == [calls[0] + 1, calls[0] + 2]
    assert mine.fallbacks == 3


def poisoned(word: str, give_up_s: float) -> Tagger:
    """A tagger on a model that fails each call in which this one-word text is."""
    (row,) = MODEL.encode([word])

    class Poisoned:
        def run(self, outputs: list[str], inputs: dict[str, Any]) -> Any:
            for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True):
                if ids[mask > 0].tolist() == row:
                    raise RuntimeError("bad text")
            return MODEL.session.run(outputs, inputs)

    return Tagger(replace(MODEL, session=Poisoned()), 1000, 512, give_up_s)


def test_a_text_that_makes_the_model_fail_takes_no_other_text_with_it(alone: dict[str, Tags]) -> None:
    mine = poisoned("wok", give_up_s=0.1)
    answer = asyncio.run(mine.tag_async([*TEXTS, "wok"]))
    assert answer.failed == {"wok"} and answer.tags == [*(alone[text] for text in TEXTS), ()]
    assert mine.fallbacks == 1 and mine.cached(TEXTS) is not None


def test_such_a_text_is_found_in_a_call_of_128() -> None:
    words = {word for text in TEXTS for word in text.split()}
    whole = sorted(word for word in words if len(MODEL.encode([word])[0]) == 3)[:12]
    texts = [f"{one} {other}" for one in whole for other in whole][:128]
    mine = poisoned(texts[0], give_up_s=0.01)
    answer = asyncio.run(mine.tag_async(texts))
    assert len(texts) == 128 and answer.failed == {texts[0]}


def test_patience_with_such_a_text_is_spent_once(alone: dict[str, Tags]) -> None:
    async def story() -> list[tuple[Answer, int]]:
        mine = poisoned("tent", give_up_s=0.2)
        found = []
        for texts in (["wok", "tent"], ["yoga mat", "tent"], ["wireless", "tent"]):
            before = mine.model_calls
            found.append((await mine.tag_async(texts), mine.model_calls - before))
        return found

    found = asyncio.run(story())
    assert [answer.failed for answer, _ in found] == [{"tent"}] * 3
    assert [answer.tags[0] for answer, _ in found] == [
        alone.get(t) or tagger().tag([t])[0] for t in ("wok", "yoga mat", "wireless")
    ]
    # All three together, then each alone; the first time some more, for as long as patience lasts.
    assert found[0][1] > 3 and [calls for _, calls in found[1:]] == [3, 3]


def test_a_lane_whose_texts_are_fine_does_not_wait_for_one_whose_text_is_not() -> None:
    async def story() -> tuple[Answer, bool]:
        mine = poisoned("tent", give_up_s=20.0)
        poor = asyncio.create_task(mine.tag_async(["wok", "tent"]))
        answer = await asyncio.wait_for(mine.tag_async(["wok", "yoga mat"]), 10)
        ended = poor.done()
        poor.cancel()
        return answer, ended

    answer, ended = asyncio.run(story())
    assert not answer.failed and not ended


def test_a_slow_model_is_waited_for_and_does_not_hold_the_loop() -> None:
    go_on = threading.Event()

    async def story() -> tuple[Answer, int]:
        mine = tagger(lambda: go_on.wait(20), give_up_s=0.001)
        waiting = asyncio.create_task(mine.tag_async(["tent"]))
        turns = 0
        for _ in range(20):
            await asyncio.sleep(0.001)
            turns += not waiting.done()
        go_on.set()
        return await waiting, turns

    answer, turns = asyncio.run(story())
    assert not answer.failed and answer.tags[0][0][0] == "camping"
    assert turns == 20


def test_two_lanes_that_ask_for_one_text_make_one_call() -> None:
    async def story() -> tuple[Tagger, list[Answer]]:
        mine = tagger(lambda: time.sleep(0.02))
        return mine, await asyncio.gather(*(mine.tag_async(["tent", "wok"]) for _ in range(4)))

    mine, answers = asyncio.run(story())
    assert answers == [answers[0]] * 4
    assert (mine.model_calls, mine.texts_scored, mine.cache_hits) == (1, 2, 6)


def test_threads_that_ask_for_one_text_at_once_make_one_call() -> None:
    mine = tagger(lambda: time.sleep(0.05))
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(mine.tag, [["tent", "wok"]] * 4))
    assert answers == [answers[0]] * 4
    assert (mine.model_calls, mine.texts_scored, mine.cache_hits) == (1, 2, 6)


def test_decision_records_get_the_version_with_the_start_of_the_digest() -> None:
    assert tagger().model_versions == {"tags": f"{MODEL.card.version}@{MODEL.digest[:12]}"}


def test_after_closing_nothing_is_scored() -> None:
    mine = tagger()
    mine.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        asyncio.run(mine.tag_async(["tent"]))

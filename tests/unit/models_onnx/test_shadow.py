"""A candidate that scores the same texts: what is counted, and that it never holds anything up."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from models_onnx.batcher import Tagger
from models_onnx.runtime import TagModel
from models_onnx.shadow import QUEUE_TEXTS, Shadow, Verdict, compare
from schemas.ids import Tag, Tags
from tests.support.models import demo_model
from tests.support.workers import until

MODEL = demo_model()
YOGA: Tags = ((Tag("yoga"), 0.9),)
BOTH: Tags = ((Tag("yoga"), 0.6), (Tag("camping"), 0.55))
CAMPING: Tags = ((Tag("camping"), 0.9),)


def with_threshold(threshold: float) -> TagModel:
    return replace(MODEL, card=msgspec.structs.replace(MODEL.card, threshold=threshold))


def wait_for(shadow: Shadow, texts: int) -> None:
    until(lambda: sum(shadow.verdicts().values()) >= texts, 20, f"{texts} texts are compared")


@pytest.mark.parametrize(
    ("in_use", "candidate", "verdict"),
    [
        (YOGA, YOGA, "same"),
        (YOGA, BOTH, "same"),
        (YOGA, CAMPING, "other_tag"),
        (BOTH, CAMPING, "other_tag"),
        (YOGA, (), "tag_gone"),
        ((), YOGA, "tag_new"),
        ((), (), "same"),
    ],
)
def test_the_best_tag_is_what_counts(in_use: Tags, candidate: Tags, verdict: str) -> None:
    assert compare(in_use, candidate) == verdict


def test_what_the_model_in_use_tags_the_candidate_judges_too_cached_or_not() -> None:
    mine = Tagger(MODEL, 100, 512, 1.0)
    shadow = mine.shadow = Shadow(with_threshold(1.0), 100, 512)

    async def ask() -> None:
        await mine.tag_async(["two person tent", "wok"])

    asyncio.run(ask())
    assert mine.cached(["wok"]) is not None
    wait_for(shadow, 3)
    assert shadow.verdicts() == {"tag_gone": 3}
    assert mine.texts_scored == 2  # the candidate's calls are its own
    shadow.close()


def test_a_candidate_that_fails_is_counted_and_nothing_else() -> None:
    class Broken:
        def run(self, outputs: list[str], inputs: dict[str, Any]) -> Any:
            raise RuntimeError("device lost")

    shadow = Shadow(replace(MODEL, session=Broken()), 100, 512)
    shadow.see(["tent"], [CAMPING])
    wait_for(shadow, 1)
    assert shadow.verdicts() == {"failed": 1}
    shadow.close()


def test_while_it_is_behind_texts_are_left_out_and_nobody_waits() -> None:
    go_on = threading.Event()

    class Slow:
        def run(self, outputs: list[str], inputs: dict[str, Any]) -> Any:
            go_on.wait(20)
            return MODEL.session.run(outputs, inputs)

    shadow = Shadow(replace(MODEL, session=Slow()), 10_000, 512)
    shadow.see(["tent"] * QUEUE_TEXTS, [CAMPING] * QUEUE_TEXTS)
    shadow.see(["tent", "wok"], [CAMPING, CAMPING])
    assert shadow.verdicts() == {"left_out": 2}
    go_on.set()
    wait_for(shadow, QUEUE_TEXTS + 2)
    assert shadow.verdicts() == {"left_out": 2, "same": QUEUE_TEXTS}
    shadow.close()


def test_after_closing_a_late_batch_is_ignored() -> None:
    shadow = Shadow(MODEL, 100, 512)
    shadow.close()
    shadow.see(["tent"], [CAMPING])
    assert shadow.verdicts() == {}


def test_the_metric_knows_every_verdict() -> None:
    from streams.metrics import SHADOW_VERDICTS

    assert set(SHADOW_VERDICTS) == set(Verdict)

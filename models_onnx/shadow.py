"""A candidate scores the same texts as the model in use, off the hot path, and decides nothing.

What counts is what campaigns see: the best tag of a text, or that it has none.
"""

import os
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

from models_onnx.runtime import TagModel
from models_onnx.scorer import Counts, Scorer
from schemas.errors import ModelError
from schemas.ids import Tags

#: Texts that may wait; while the candidate is behind, more are left out, and counted.
QUEUE_TEXTS = 5000
_NICE = 10


class Verdict(StrEnum):
    """What the candidate said of a text that the model in use had tagged."""

    SAME = "same"
    OTHER_TAG = "other_tag"
    TAG_GONE = "tag_gone"
    TAG_NEW = "tag_new"
    FAILED = "failed"
    LEFT_OUT = "left_out"


def compare(in_use: Tags, candidate: Tags) -> Verdict:
    """Return how a candidate's tags of a text differ from those of the model in use; the best tag counts.

    >>> compare((("yoga", 0.9),), (("yoga", 0.6),)).value, compare((), (("yoga", 0.6),)).value
    ('same', 'tag_new')
    """
    if not in_use and not candidate:
        return Verdict.SAME
    if not candidate:
        return Verdict.TAG_GONE
    if not in_use:
        return Verdict.TAG_NEW
    return Verdict.SAME if in_use[0][0] == candidate[0][0] else Verdict.OTHER_TAG


class Shadow:
    """One candidate with a memory, a queue and a thread of its own, which runs when others need no core."""

    def __init__(self, model: TagModel, cache_texts: int, batch_tokens: int) -> None:
        self.model = model
        self._scorer = Scorer(model, cache_texts, batch_tokens, Counts())
        self._verdicts: Counter[str] = Counter()
        self._waiting = 0
        self._closed = False
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shadow", initializer=_give_way)

    def see(self, texts: Sequence[str], tags: Sequence[Tags]) -> None:
        """Compare these texts later; never waits."""
        with self._lock:
            if self._closed:  # a batch that began before may end after
                return
            if self._waiting + len(texts) > QUEUE_TEXTS:
                self._verdicts[Verdict.LEFT_OUT] += len(texts)
                return
            self._waiting += len(texts)
            self._thread.submit(self._compare, texts, tags)

    def verdicts(self) -> Mapping[str, int]:
        """Return how many texts got which verdict; only grows."""
        with self._lock:
            return dict(self._verdicts)

    def close(self) -> None:
        """End the thread; what waits is forgotten."""
        with self._lock:
            self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _compare(self, texts: Sequence[str], tags: Sequence[Tags]) -> None:
        try:
            known = self._scorer.score(texts)
            found = Counter[str](compare(mine, known[text]) for text, mine in zip(texts, tags, strict=True))
        except ModelError:
            found = Counter[str]({Verdict.FAILED: len(texts)})
        with self._lock:
            self._waiting -= len(texts)
            self._verdicts.update(found)


def _give_way() -> None:
    # On Linux a thread has a niceness of its own: lanes and the model in use come first.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)

"""Texts -> tags in micro-batches: each text once, what is known from memory, the rest sorted by length.

Padding is what costs: texts of like length share a call, and a call takes a bounded number of padded tokens.
The model runs in one thread of its own (onnxruntime releases the interpreter), so a loop that waits stays free.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple

from models_onnx.memory import Memory
from models_onnx.runtime import Scores, TagModel
from schemas.errors import ModelError
from schemas.ids import Tag, Tags

_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0


class Answer(NamedTuple):
    """Tags in the order of the texts. `approximate`: the model gave up, and there are none."""

    tags: list[Tags]
    approximate: bool


class Tagger:
    """One model with its memory. Counters only grow; `fallbacks` counts texts that got no tags from a model."""

    def __init__(self, model: TagModel, cache_texts: int, batch_tokens: int, give_up_s: float) -> None:
        self.model = model
        #: As decision records hold it: model name -> version and start of the digest.
        self.model_versions = {model.card.name: model.version}
        self.model_calls = 0
        self.texts_scored = 0
        self.cache_hits = 0
        self.fallbacks = 0
        self._memory = Memory(cache_texts)
        self._batch_tokens = batch_tokens
        self._give_up_s = give_up_s
        self._gave_up = False
        # Held while a batch is scored: of two lanes that ask for one text, the second finds it in memory.
        self._scoring = Lock()
        self._counting = Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tagger")

    @property
    def truncated(self) -> int:
        """How many texts were longer than the model reads."""
        return self.model.tokenizer.truncated

    def cached(self, texts: Sequence[str]) -> list[Tags] | None:
        """Return the tags of all texts if all are in memory, else None. Never waits for the model."""
        known = self._memory.find(texts)
        if len(known) < len(set(texts)):
            return None
        self._count_hits(len(known))
        return [known[text] for text in texts]

    def tag(self, texts: Sequence[str]) -> list[Tags]:
        """Return the tags of each text; raise `ModelError` when the model fails."""
        with self._scoring:
            known = self._memory.find(texts)
            self._count_hits(len(known))
            missing = [text for text in dict.fromkeys(texts) if text not in known]
            known.update(self._scored(missing))
        return [known[text] for text in texts]

    async def tag_async(self, texts: Sequence[str]) -> Answer:
        """Return the tags of each text without blocking the loop.

        A model that fails is tried again, ever more slowly, for `give_up_s` seconds; then the answer is
        approximate. That patience is spent once: until a call works again, every batch tries a single time.
        A slow model is waited for.
        """
        loop = asyncio.get_running_loop()
        deadline = time.monotonic() + (0.0 if self._gave_up else self._give_up_s)
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                tags = await loop.run_in_executor(self._thread, self.tag, texts)
            except ModelError:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return self._give_up(texts)
                await asyncio.sleep(min(wait_s, left_s))
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            else:
                self._gave_up = False
                return Answer(tags, approximate=False)

    def close(self) -> None:
        """End the thread; what waits for it is cancelled."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _give_up(self, texts: Sequence[str]) -> Answer:
        self._gave_up = True
        self.fallbacks += len(set(texts))
        return Answer([()] * len(texts), approximate=True)

    def _count_hits(self, hits: int) -> None:
        with self._counting:
            self.cache_hits += hits

    def _scored(self, texts: Sequence[str]) -> dict[str, Tags]:
        rows = self.model.encode(texts)
        found: dict[str, Tags] = {text: () for text, row in zip(texts, rows, strict=True) if not row}
        for batch in batches([len(row) for row in rows], self._batch_tokens):
            self.model_calls += 1
            scores = self.model.scores([rows[number] for number in batch])
            some = dict(zip((texts[number] for number in batch), self._tags_of(scores), strict=True))
            # Kept at once: if a later call fails, this one need not be made again.
            self._memory.keep(some)
            self.texts_scored += len(some)
            found.update(some)
        return found

    def _tags_of(self, scores: Scores) -> Iterator[Tags]:
        labels, threshold = self.model.card.labels, self.model.card.threshold
        for row in scores.tolist():
            above = [
                (Tag(label), score) for label, score in zip(labels, row, strict=True) if score >= threshold
            ]
            yield tuple(sorted(above, key=_best_first))


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Cut rows into batches of at most `batch_tokens` padded tokens, short rows first; empty rows are left out.

    >>> list(batches([4, 2, 0, 2, 9], batch_tokens=8))
    [[1, 3], [0], [4]]
    """
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if lengths[number] == 0:
            continue
        # Sorted, so this row is the longest: all of the batch is padded to it.
        if batch and lengths[number] * (len(batch) + 1) > batch_tokens:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def _best_first(tag: tuple[Tag, float]) -> tuple[float, Tag]:
    return -tag[1], tag[0]

"""Texts -> tags in micro-batches, off the loop, patient with a model that fails.

Each text once, what is known from memory, the rest sorted by length: padding is what costs. The model runs in
threads of its own (onnxruntime releases the interpreter), so a loop that waits stays free.
"""

import asyncio
import copy
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from models_onnx.microbatch import Door, MicroBatcher
from models_onnx.runtime import TagModel
from models_onnx.scorer import Counts, Scorer, SomeFailedError
from models_onnx.shadow import Shadow
from schemas.ids import Tags

_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0
_HOPELESS_MAX = 10_000
#: Of a model that takes over: texts that it scores beforehand, and seconds that it may take for that.
_WARM_TEXTS = 4096
_WARM_S = 1.0


class Answer(NamedTuple):
    """Tags in the order of the texts; those in `failed` have none, because the model failed for them."""

    tags: list[Tags]
    failed: AbstractSet[str]


class Tagger:
    """One model with its memory. Counters only grow.

    `wait_ms`: for how long a text waits for company. `queue_texts`: how many may wait before a lane must.
    """

    def __init__(
        self,
        model: TagModel,
        cache_texts: int,
        batch_tokens: int,
        give_up_s: float,
        *,
        threads: int = 1,
        wait_ms: float = 0.0,
        queue_texts: int = 20_000,
    ) -> None:
        self.model = model
        #: As decision records hold it: model name -> version and start of the digest.
        self.model_versions = {model.card.name: model.version}
        #: A candidate that scores the same texts beside this model; None where there is none.
        self.shadow: Shadow | None = None
        self._counts = Counts()
        self._bounds = cache_texts, batch_tokens
        self._scorer = Scorer(model, cache_texts, batch_tokens, self._counts)
        self._give_up_s = give_up_s
        self._gave_up = False
        #: Texts for which the model failed to the end, while others may work: they are tried a single time.
        self._hopeless: set[str] = set()
        self._batcher = MicroBatcher(threads, wait_ms / 1000, batch_tokens)
        self._door = Door(queue_texts)

    @property
    def model_calls(self) -> int:
        """Calls of this model and those before it."""
        return self._counts.model_calls

    @property
    def texts_scored(self) -> int:
        """Texts that such calls scored."""
        return self._counts.texts_scored

    @property
    def cache_hits(self) -> int:
        """Texts that needed no call."""
        return self._counts.cache_hits

    @property
    def fallbacks(self) -> int:
        """Texts that got no tags from a model."""
        return self._counts.fallbacks

    @property
    def truncated(self) -> int:
        """How many texts were longer than the model reads."""
        return self.model.tokenizer.truncated

    def followed_by(self, model: TagModel) -> "Tagger":
        """Return a tagger with another model, its memory filled, that goes on with threads and counters of this one.

        What this one has under way it still finishes. Raise `ModelError` when the new model fails at once.
        """
        cache_texts, batch_tokens = self._bounds
        scorer = Scorer(model, cache_texts, batch_tokens, self._counts)
        scorer.warm(self._scorer.remembered(min(cache_texts, _WARM_TEXTS)), _WARM_S)
        new = copy.copy(self)
        new.model, new.model_versions = model, {model.card.name: model.version}
        new._scorer, new._gave_up, new._hopeless = scorer, False, set()
        return new

    def cached(self, texts: Sequence[str]) -> list[Tags] | None:
        """Return the tags of all texts if all are in memory, else None. Never waits for the model."""
        tags = self._scorer.cached(texts)
        if tags is not None:
            self._show_shadow(texts, tags)
        return tags

    def tag(self, texts: Sequence[str]) -> list[Tags]:
        """Return the tags of each text; raise `ModelError` when the model fails."""
        known = self._scorer.score(texts)
        return [known[text] for text in texts]

    async def tag_async(self, texts: Sequence[str]) -> Answer:
        """Return the tags of each text without blocking the loop.

        A model that fails is tried again, ever more slowly, for `give_up_s` seconds; then the texts that it
        fails for have none. That patience is spent once: until a call works again, every batch tries a single
        time, and so does later whatever holds no other text that fails. A slow model is waited for.
        """
        async with self._door.enter(len(texts)):
            return await self._patient(texts)

    async def _patient(self, texts: Sequence[str]) -> Answer:
        patience_s = 0.0 if self._gave_up else self._give_up_s
        started, before = time.monotonic(), self._counts.texts_scored
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                known = await asyncio.wrap_future(self._batcher.submit(self._scorer, texts))
            except SomeFailedError as error:
                failed = {text for text in texts if text not in error.tags}
                left_s = started + patience_s - time.monotonic()
                if left_s <= 0 or failed <= self._hopeless:
                    self._gave_up = self._counts.texts_scored == before
                    return self._without(failed, texts, error.tags)
                await asyncio.sleep(min(wait_s, left_s))
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            else:
                self._gave_up = False
                self._hopeless.difference_update(texts)
                tags = [known[text] for text in texts]
                self._show_shadow(texts, tags)
                return Answer(tags, frozenset())

    def drift(self) -> dict[str, float]:
        """Return by label how far lately scored texts are from the held-out ones (`models_onnx.drift`)."""
        return self._scorer.bins.against(self.model.card.metrics.score_bins)

    def waiting(self) -> int:
        """Return how many texts wait for the model."""
        return self._batcher.waiting()

    def close(self) -> None:
        """End the threads; what waits for them is cancelled."""
        self._batcher.close()

    def _show_shadow(self, texts: Sequence[str], tags: Sequence[Tags]) -> None:
        shadow = self.shadow
        if shadow is not None:
            shadow.see(texts, tags)

    def _without(self, failed: set[str], texts: Sequence[str], known: Mapping[str, Tags]) -> Answer:
        self._counts.add(fallbacks=len(failed))
        if len(self._hopeless) + len(failed) > _HOPELESS_MAX:
            self._hopeless.clear()
        self._hopeless |= failed
        others = [text for text in texts if text not in failed]
        self._show_shadow(others, [known[text] for text in others])
        return Answer([known.get(text, ()) for text in texts], failed)

"""One model with its memory: texts -> tags, each text once, in calls of like length. Shared by threads.

A call that fails is halved until the texts that it fails for stand alone: they must not take others with them.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import NamedTuple

from models_onnx.drift import ScoreBins
from models_onnx.memory import Memory
from models_onnx.runtime import Scores, TagModel
from schemas.errors import ModelError
from schemas.ids import Tag, Tags

_WARM_TEXTS = 64
#: After so many failures and no success it is the model, not a text.
_FAILURES_MAX = 8


class SomeFailedError(ModelError):
    """The model failed, perhaps for some texts only; `tags` has those of the others."""

    def __init__(self, error: ModelError, tags: Mapping[str, Tags]) -> None:
        super().__init__(error.field, error.problem, error.remedy)
        self.tags = tags


class _Scored(NamedTuple):
    """The tags of the texts that the model scored; `error` is the last one, None where all were."""

    tags: dict[str, Tags]
    error: ModelError | None


class Counts:
    """What was asked of a model and of those before it; only grows."""

    def __init__(self) -> None:
        self.model_calls = 0
        self.texts_scored = 0
        self.cache_hits = 0
        self.fallbacks = 0
        self._lock = Lock()

    def add(self, *, calls: int = 0, texts: int = 0, hits: int = 0, fallbacks: int = 0) -> None:
        """Count some more."""
        with self._lock:
            self.model_calls += calls
            self.texts_scored += texts
            self.cache_hits += hits
            self.fallbacks += fallbacks


class Scorer:
    """`bins` holds the scores given lately (`models_onnx.drift`)."""

    def __init__(self, model: TagModel, cache_texts: int, batch_tokens: int, counts: Counts) -> None:
        self.model = model
        self.bins = ScoreBins(model.card.labels)
        self._memory = Memory(cache_texts)
        self._batch_tokens = batch_tokens
        self._counts = counts
        # Texts that some thread is scoring now: another that wants them waits for that one's answer.
        self._under_way: dict[str, Future[_Scored]] = {}
        self._lock = Lock()

    def cached(self, texts: Sequence[str]) -> list[Tags] | None:
        """Return the tags of all texts if all are in memory, else None. Never waits for the model."""
        known = self._memory.find(texts)
        if len(known) < len(set(texts)):
            return None
        self._counts.add(hits=len(texts))
        return [known[text] for text in texts]

    def score(self, texts: Sequence[str]) -> dict[str, Tags]:
        """Return the tags by text; raise `SomeFailedError` when the model fails."""
        mine: Future[_Scored] = Future()
        with self._lock:
            known = self._memory.find(texts)
            missing = [text for text in dict.fromkeys(texts) if text not in known]
            others = {text: self._under_way[text] for text in missing if text in self._under_way}
            own = [text for text in missing if text not in others]
            self._under_way.update(dict.fromkeys(own, mine))
        self._counts.add(hits=len(texts) - len(own))
        try:
            found = self._scored(own)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                for text in own:
                    del self._under_way[text]
        mine.set_result(found)
        known.update(found.tags)
        failure = found.error
        # Only now: whoever waits has answered already, so two threads never wait for each other.
        for text, other in others.items():
            theirs = other.result()
            if text in theirs.tags:
                known[text] = theirs.tags[text]
            else:
                failure = theirs.error
        if failure is not None:
            raise SomeFailedError(failure, known)
        return known

    def warm(self, texts: Sequence[str], seconds: float) -> None:
        """Fill the memory with the tags of these texts, the first ones first, for at most so many seconds."""
        until = time.monotonic() + seconds
        for start in range(0, len(texts), _WARM_TEXTS):
            if time.monotonic() > until:
                return
            self.score(texts[start : start + _WARM_TEXTS])

    def remembered(self, texts_max: int) -> list[str]:
        """Return the texts asked for last, newest first."""
        return self._memory.newest(texts_max)

    def _scored(self, texts: Sequence[str]) -> _Scored:
        if not texts:
            return _Scored({}, None)
        try:
            rows = self.model.encode(texts)
        except ModelError as problem:
            return _Scored({}, problem)
        found: dict[str, Tags] = {text: () for text, row in zip(texts, rows, strict=True) if not row}
        self._memory.keep(found)
        calls = deque(batches([len(row) for row in rows], self._batch_tokens, self.model.pad_tokens))
        error, failures, worked = None, 0, False
        while calls and (worked or failures < _FAILURES_MAX):
            batch = calls.popleft()
            try:
                found |= self._call([texts[number] for number in batch], [rows[number] for number in batch])
                worked = True
            except ModelError as problem:
                error, failures = problem, failures + 1
                half = len(batch) // 2
                # To the end: where some text is fine, a call works before many have failed.
                calls.extend(part for part in (batch[:half], batch[half:]) if half)
        return _Scored(found, error)

    def _call(self, texts: Sequence[str], rows: Sequence[Sequence[int]]) -> dict[str, Tags]:
        self._counts.add(calls=1)
        scores = self.model.scores(rows)
        self.bins.add(scores)
        some = dict(zip(texts, self._tags_of(scores), strict=True))
        # Kept at once: if a later call fails, this one need not be made again.
        self._memory.keep(some)
        self._counts.add(texts=len(some))
        return some

    def _tags_of(self, scores: Scores) -> Iterator[Tags]:
        labels, bars = self.model.card.labels, self.model.card.bars()
        for row in scores.tolist():
            above = [
                (Tag(label), score)
                for label, score, bar in zip(labels, row, bars, strict=True)
                if score >= bar
            ]
            yield tuple(sorted(above, key=_best_first))


def batches(lengths: Sequence[int], batch_tokens: int, pad_tokens: int | None = None) -> Iterator[list[int]]:
    """Cut rows into batches of at most `batch_tokens` padded tokens, short rows first; empty rows are left out.

    `pad_tokens`: a longer row begins another batch where more padding than this would come in with it.

    >>> list(batches([4, 2, 0, 2, 9], batch_tokens=8))
    [[1, 3], [0], [4]]
    >>> list(batches([3, 3, 3, 3, 4, 9], 512, pad_tokens=4)), list(batches([3, 3, 3, 3, 5, 9], 512, pad_tokens=4))
    ([[0, 1, 2, 3, 4], [5]], [[0, 1, 2, 3], [4, 5]])
    """
    batch: list[int] = []
    longest = 0
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[number]
        if length == 0:
            continue
        # Sorted, so this row is the longest: all of the batch is padded to it.
        wide = pad_tokens is not None and (length - longest) * len(batch) > pad_tokens
        if batch and (wide or length * (len(batch) + 1) > batch_tokens):
            yield batch
            batch = []
        batch.append(number)
        longest = length
    if batch:
        yield batch


def _best_first(tag: tuple[Tag, float]) -> tuple[float, Tag]:
    return -tag[1], tag[0]

"""Which words carried a tag: the score of a text without each word, and of each word alone.

Both ask the model itself, so the figures are exact for what they say: without a word that is needed the score falls;
a word that is enough has a high score alone. Where several words say the same, none of them is needed.
Source: Zeiler, Fergus: "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2, for images;
Li, Monroe, Jurafsky: "Understanding Neural Networks through Representation Erasure", arXiv 1612.08220, for words.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from models_onnx.runtime import Scores, TagModel
from models_onnx.scorer import batches

_BATCH_TOKENS = 512


class Word(Struct, frozen=True):
    """A word as it stands in the text, with a label's score of the text without it, and of the word alone."""

    word: str
    without: float
    alone: float


class LabelWords(Struct, frozen=True):
    """A label of a text, its score, whether that makes it a tag, and all words, those that carry most first."""

    label: str
    score: float
    is_tag: bool
    words: tuple[Word, ...]


class Explanation(Struct, frozen=True):
    """All tags of a text, the best one first; where there is none, the label that comes nearest."""

    text: str
    labels: tuple[LabelWords, ...]


def explain(model: TagModel, text: str) -> Explanation:
    """Return which words carried the tags of a text. Cost: two rows per word."""
    (ids,) = model.encode([text])
    if not ids:
        return Explanation(text, ())
    words = model.tokenizer.words_of(text)
    inside = frozenset[int]().union(*(places for _, places in words))
    rows = [_left(ids, places) for _, places in words] + [_left(ids, inside - places) for _, places in words]
    whole, *parts = _scores(model, [ids, *rows])
    labels = model.card.labels
    order = sorted(range(len(labels)), key=lambda label: (-whole[label], labels[label]))
    bars = model.card.bars()
    tags = [label for label in order if whole[label] >= bars[label]]
    found = []
    for label in tags or order[:1]:
        column = [row[label] for row in parts]
        carried = zip(words, column[: len(words)], column[len(words) :], strict=True)
        some = [Word(word, without, alone) for (word, _), without, alone in carried]
        some.sort(key=lambda word: word.without - word.alone)
        found.append(LabelWords(labels[label], whole[label], bool(tags), tuple(some)))
    return Explanation(text, tuple(found))


def carriers(model: TagModel, texts: Sequence[str], label: str, words_max: int) -> list[tuple[str, float]]:
    """Return words of the texts that alone have this label as a tag, with their scores, the highest first.

    Cost: one row per different word.
    """
    found = {word.lower() for text in texts for word, _ in model.tokenizer.words_of(text)}
    words = sorted(word for word in found if any(sign.isalnum() for sign in word))
    ids = dict(zip(words, model.encode(words), strict=True))
    known = [word for word in words if ids[word]]
    column = model.card.labels.index(label)
    bar = model.card.bars()[column]
    scores = [row[column] for row in _scores(model, [ids[word] for word in known])]
    carrying = [(word, score) for word, score in zip(known, scores, strict=True) if score >= bar]
    return sorted(carrying, key=lambda one: (-one[1], one[0]))[:words_max]


def _left(ids: Sequence[int], without: frozenset[int]) -> list[int]:
    return [one for place, one in enumerate(ids) if place not in without]


def _scores(model: TagModel, rows: Sequence[Sequence[int]]) -> list[list[float]]:
    found: Scores = np.zeros((len(rows), len(model.card.labels)))
    for batch in batches([len(row) for row in rows], _BATCH_TOKENS):
        found[batch] = model.scores([rows[number] for number in batch])
    scores: list[list[float]] = found.tolist()
    return scores

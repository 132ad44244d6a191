"""What a classifier gets right: accuracy, and F1 averaged over labels so that rare ones count alike."""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from models_onnx.batcher import batches
from models_onnx.card import Quality
from models_onnx.corpus import Row
from models_onnx.runtime import TagModel

BATCH_TOKENS = 512


class LabelQuality(Struct, frozen=True):
    """One label: `texts` are about it, `said` were said to be, `right` are both."""

    label: str
    texts: int
    said: int
    right: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 for a label neither there nor said."""
        return 2 * self.right / (self.texts + self.said) if self.texts + self.said else 0.0


class Evaluation(Struct, frozen=True):
    """Over some labelled texts. `tagged`: share of texts with a score at or above the threshold."""

    texts: int
    quality: Quality
    tagged: float
    by_label: tuple[LabelQuality, ...]


def evaluate(model: TagModel, rows: Sequence[Row]) -> Evaluation:
    """Return what the model gets right. A text without any known word counts as wrong and untagged."""
    ids = model.encode([row.text for row in rows])
    said: list[str | None] = [None] * len(rows)
    tagged = 0
    for batch in batches([len(row) for row in ids], BATCH_TOKENS):
        scores = model.scores([ids[number] for number in batch])
        tagged += int((scores.max(axis=1) >= model.card.threshold).sum())
        for number, best in zip(batch, scores.argmax(axis=1).tolist(), strict=True):
            said[number] = model.card.labels[best]
    truth = [row.label for row in rows]
    return Evaluation(
        texts=len(rows),
        quality=quality_of(truth, said),
        tagged=round(tagged / len(rows), 6),
        by_label=by_label(truth, said),
    )


def quality_of(truth: Sequence[str], said: Sequence[str | None]) -> Quality:
    """Return both measures, 6 digits.

    >>> quality_of(["a", "a", "b"], ["a", "b", "b"])
    Quality(accuracy=0.666667, macro_f1=0.666667)
    """
    right = sum(one == other for one, other in zip(truth, said, strict=True))
    labels = by_label(truth, said)
    return Quality(
        accuracy=round(right / len(truth), 6),
        macro_f1=round(sum(label.f1 for label in labels) / len(labels), 6),
    )


def by_label(truth: Sequence[str], said: Sequence[str | None]) -> tuple[LabelQuality, ...]:
    """Return the counts per label of the truth, sorted by label."""
    texts, guesses = Counter(truth), Counter(said)
    right = Counter(one for one, other in zip(truth, said, strict=True) if one == other)
    return tuple(LabelQuality(label, texts[label], guesses[label], right[label]) for label in sorted(texts))

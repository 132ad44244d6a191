"""What a classifier gets right: accuracy, and F1 averaged over labels so that rare ones count alike."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from models_onnx.calibration import Bin, expected_error, reliability
from models_onnx.card import Card, Quality, Refusal
from models_onnx.corpus import Row
from models_onnx.drift import counts_of
from models_onnx.runtime import Scores, TagModel
from models_onnx.scorer import batches

BATCH_TOKENS = 512
#: What was said of a text, or what is true: labels, in any order.
Labels = frozenset[str]
Flags = npt.NDArray[np.bool_]


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
    """Over some labelled texts; `quality` over those in scope. `tagged`: share of all with a tag.

    `score_bins`: label -> how many of its scores lie in each bin of `models_onnx.drift`. `reliability`: the best
    score of each text in scope against how often it is right (of a sigmoid: of every score). `mistakes`: (truth,
    said, texts), most frequent first. `unknown`: labels of the texts that the model does not have.
    """

    texts: int
    quality: Quality
    tagged: float
    by_label: tuple[LabelQuality, ...]
    score_bins: dict[str, tuple[int, ...]]
    reliability: tuple[Bin, ...]
    ece: float
    mistakes: tuple[tuple[str, str, int], ...]
    refusal: Refusal | None
    unknown: tuple[str, ...]


def evaluate(model: TagModel, rows: Sequence[Row]) -> Evaluation:
    """Return what the model gets right. A text without any known word counts as wrong and untagged."""
    card = model.card
    scores, read = scores_of(model, rows)
    tagged: Flags = np.array((scores >= np.array(card.bars())).any(axis=1))
    said = _said(card, scores, read)
    inside: Flags = np.array([bool(row.labels) or card.activation == "sigmoid" for row in rows])
    truth = [frozenset(row.labels) for row in rows]
    judged = [number for number in range(len(rows)) if inside[number]] or list(range(len(rows)))
    their_truth, their_said = [truth[number] for number in judged], [said[number] for number in judged]
    bins = _reliability(card, scores[judged], their_truth, their_said)
    counts = counts_of(scores[read]).tolist()
    return Evaluation(
        texts=len(rows),
        quality=quality_of(their_truth, their_said),
        tagged=round(float(tagged.mean()), 6),
        by_label=by_label(their_truth, their_said),
        score_bins={label: tuple(row) for label, row in zip(card.labels, counts, strict=True)},
        reliability=bins,
        ece=expected_error(bins),
        mistakes=_mistakes(their_truth, their_said),
        refusal=_refusal(tagged, inside),
        unknown=tuple(sorted({label for some in truth for label in some}.difference(card.labels))),
    )


def scores_of(model: TagModel, rows: Sequence[Row]) -> tuple[Scores, Flags]:
    """Return float[n, labels] and which texts the model could read; the scores of the others are 0."""
    ids = model.encode([row.text for row in rows])
    scores: Scores = np.zeros((len(rows), len(model.card.labels)))
    for batch in batches([len(row) for row in ids], BATCH_TOKENS):
        scores[batch] = model.scores([ids[number] for number in batch])
    return scores, np.array([bool(row) for row in ids])


def quality_of(truth: Sequence[Labels], said: Sequence[Labels]) -> Quality:
    """Return both measures, 6 digits. A text with several labels is right when all of them are.

    >>> a, b = frozenset("a"), frozenset("b")
    >>> quality_of([a, a, b], [a, b, b])
    Quality(accuracy=0.666667, macro_f1=0.666667)
    """
    right = sum(one == other for one, other in zip(truth, said, strict=True))
    labels = by_label(truth, said)
    return Quality(
        accuracy=round(right / len(truth), 6),
        macro_f1=round(sum(label.f1 for label in labels) / max(1, len(labels)), 6),
    )


def by_label(truth: Sequence[Labels], said: Sequence[Labels]) -> tuple[LabelQuality, ...]:
    """Return the counts per label of the truth, sorted by label."""
    texts = Counter(label for some in truth for label in some)
    guesses = Counter(label for some in said for label in some)
    right = Counter(label for one, other in zip(truth, said, strict=True) for label in one & other)
    return tuple(LabelQuality(label, texts[label], guesses[label], right[label]) for label in sorted(texts))


def _said(card: Card, scores: Scores, read: Flags) -> list[Labels]:
    if card.activation == "sigmoid":
        above = scores >= np.array(card.bars())
        return [frozenset(card.labels[number] for number in np.flatnonzero(row)) for row in above]
    best = scores.argmax(axis=1).tolist()
    return [
        frozenset([card.labels[number]]) if known else frozenset()
        for number, known in zip(best, read.tolist(), strict=True)
    ]


def _reliability(
    card: Card, scores: Scores, truth: Sequence[Labels], said: Sequence[Labels]
) -> tuple[Bin, ...]:
    if card.activation == "sigmoid":
        wanted = np.array([[label in some for label in card.labels] for some in truth])
        return reliability(scores.ravel(), wanted.ravel())
    right = np.array([one == other for one, other in zip(truth, said, strict=True)])
    return reliability(scores.max(axis=1), right)


def _mistakes(truth: Sequence[Labels], said: Sequence[Labels]) -> tuple[tuple[str, str, int], ...]:
    pairs = Counter(
        (_shown(one), _shown(other)) for one, other in zip(truth, said, strict=True) if one != other
    )
    return tuple(
        (*pair, texts) for pair, texts in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    )


def _shown(labels: Labels) -> str:
    return " + ".join(sorted(labels)) or "nothing"


def _refusal(tagged: Flags, inside: Flags) -> Refusal | None:
    outside: Flags = np.logical_not(inside)
    if not outside.any():
        return None
    accepted = float(tagged[inside].mean()) if inside.any() else 0.0
    return Refusal(
        texts=int(outside.sum()),
        accepted=round(accepted, 6),
        recall=round(1.0 - float(tagged[outside].mean()), 6),
    )

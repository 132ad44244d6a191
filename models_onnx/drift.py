"""Has the traffic changed since the model was made? Scores of each label, in bins, against held-out texts.

With shares e_i of the held-out texts and a_i of the traffic in bin i,

    PSI = sum_i (a_i - e_i) * ln(a_i / e_i)

Below 0.1 is no change worth a look, above 0.25 a large one. Source: Siddiqi: "Credit Risk Scorecards", Wiley
2006, chapter 8. Half a text is added to every bin, so that an empty one is finite. By chance alone n texts
against m give about (bins - 1) * (1/n + 1/m). Source: Yurdakul, Naranjo: "Statistical Properties of the
Population Stability Index", Journal of Risk Model Validation 14 (4), 2020.
"""

import math
from collections.abc import Mapping, Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt

#: Scores crowd near 0 and 1, so the bins are narrow there: the first is below 0.05, the last from 0.95 on.
EDGES = (0.05, 0.2, 0.5, 0.8, 0.95)
BINS = len(EDGES) + 1
#: Fewer texts than this say nothing: chance alone would give 0.005 and more.
TEXTS_MIN = 1000
#: At so many texts the counts are halved: what is older fades away.
TEXTS_MAX = 20_000

_Counts = npt.NDArray[np.int64]


def counts_of(scores: npt.NDArray[np.float64]) -> _Counts:
    """Return int64[n_labels, BINS]: how many scores of each label lie in each bin; rows of `scores` are texts."""
    labels = scores.shape[1]
    places = np.searchsorted(EDGES, scores, side="right") + np.arange(labels) * BINS
    return np.bincount(places.ravel(), minlength=labels * BINS).reshape(labels, BINS)


def psi(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Return the population stability index of two rows of counts over the same bins, 4 digits.

    >>> psi([50, 50], [500, 500]), psi([50, 50], [90, 10])
    (0.0, 0.8531)
    """
    e_sum, a_sum = sum(expected) + len(expected) / 2, sum(actual) + len(actual) / 2
    shares = [((e + 0.5) / e_sum, (a + 0.5) / a_sum) for e, a in zip(expected, actual, strict=True)]
    return round(sum((a - e) * math.log(a / e) for e, a in shares), 4)


class ScoreBins:
    """The scores that a model gave lately, each text once. Safe between threads."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._counts: _Counts = np.zeros((len(labels), BINS), dtype=np.int64)
        self._texts = 0
        self._lock = Lock()

    def add(self, scores: npt.NDArray[np.float64]) -> None:
        """Count the scores of some texts."""
        found = counts_of(scores)
        with self._lock:
            self._counts += found
            self._texts += len(scores)
            if self._texts > TEXTS_MAX:
                self._counts //= 2
                self._texts //= 2

    def against(self, held_out: Mapping[str, Sequence[int]]) -> dict[str, float]:
        """Return the index of each label that `held_out` knows; nothing while there are too few texts."""
        with self._lock:
            texts, counts = self._texts, self._counts.tolist()
        if texts < TEXTS_MIN:
            return {}
        return {
            label: psi(held_out[label], row)
            for label, row in zip(self._labels, counts, strict=True)
            if label in held_out
        }

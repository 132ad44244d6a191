"""May a score be taken for a probability, and from which score on is a label worth saying? Plain numbers in and out.

Temperature: logits are divided by one number, found on texts that did not train the model. Sources: Guo, Pleiss,
Sun, Weinberger: "On Calibration of Modern Neural Networks", ICML 2017 (temperature, expected calibration error);
Naeini, Cooper, Hauskrecht: "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015 (bins).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Floats = npt.NDArray[np.float64]
BINS = 15
_STEPS = 28
#: 1 / 3.92 to 3.92.
TEMPERATURES = [round(1.05**step, 4) for step in range(-_STEPS, _STEPS + 1)]
#: So many mistakes say enough of how sure a model may be.
_MISTAKES_MIN = 10
#: A label's own threshold is sought among these; the ends say always and nearly never.
_BARS = [round(0.05 * step, 2) for step in range(1, 20)]


class Bin(Struct, frozen=True):
    """Texts whose score lies in one of equal bins: how many, their mean score, and the share that is right."""

    texts: int
    score: float
    right: float


def reliability(scores: Floats, right: npt.NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Return the bins that hold a text, low scores first; `scores` and `right` are float[n] and bool[n]."""
    places = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    return tuple(
        Bin(int(some.sum()), float(scores[some].mean()), float(right[some].mean()))
        for some in (places == place for place in range(BINS))
        if some.any()
    )


def expected_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: mean distance of score and share of right ones, weighted by texts.

    >>> expected_error([Bin(30, 0.9, 0.8), Bin(10, 0.5, 0.5)])
    0.075
    """
    texts = sum(one.texts for one in bins)
    return round(sum(one.texts * abs(one.score - one.right) for one in bins) / texts, 6)


def softmax(logits: Floats) -> Floats:
    """Return the probabilities of each row."""
    power = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = power / power.sum(axis=1, keepdims=True)
    return shares


def sigmoid(logits: Floats) -> Floats:
    """Return the probability of each number."""
    shares: Floats = 0.5 * (1.0 + np.tanh(0.5 * logits))
    return shares


def cross_entropy(logits: Floats, truth: npt.NDArray[np.bool_], *, several: bool) -> float:
    """Return the mean loss; `truth` is bool[n, labels]. Rows about no label count only where there may be several."""
    if several:
        losses = np.logaddexp(0.0, logits) - truth * logits
        return float(losses.mean())
    inside = truth.any(axis=1)
    some = logits[inside]
    top = some.max(axis=1, keepdims=True)
    norms = top[:, 0] + np.log(np.exp(some - top).sum(axis=1))
    return float((norms - (some * truth[inside]).sum(axis=1)).mean())


def best_temperature(logits: Floats, truth: npt.NDArray[np.bool_], *, several: bool) -> tuple[float, float]:
    """Return the temperature with the least loss, and that loss.

    Sharper than 1 only where the model makes some mistakes: without any, sharper would look better without end.
    """
    wrong = (logits > 0) != truth if several else truth.any(axis=1) & ~_right(logits, truth)
    allowed = [one for one in TEMPERATURES if one >= 1 or wrong.sum() >= _MISTAKES_MIN]
    losses = [cross_entropy(logits / one, truth, several=several) for one in allowed]
    best = int(np.argmin(losses))
    return allowed[best], losses[best]


def _right(logits: Floats, truth: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = logits.argmax(axis=1) == truth.argmax(axis=1)
    return found


def threshold_accepting(scores: Floats, share: float) -> float:
    """Return the score that at least this share of the texts reach, 4 digits down; `scores` are their best ones.

    >>> threshold_accepting(np.array([0.9, 0.8, 0.7, 0.2]), 0.75)
    0.7
    """
    ordered = np.sort(scores)[::-1]
    kept = max(1, int(np.ceil(share * len(ordered))))
    return float(np.floor(ordered[kept - 1] * 10_000) / 10_000)


def best_bars(scores: Floats, truth: npt.NDArray[np.bool_], otherwise: float) -> list[float]:
    """Return for each label the threshold with the best F1 on these texts; of equals the one nearest to `otherwise`.

    A label that no text has keeps `otherwise`. `scores` is float[n, labels], `truth` bool[n, labels].
    """
    found = []
    for column, wanted in zip(scores.T, truth.T, strict=True):
        if not wanted.any():
            found.append(otherwise)
            continue
        by_bar = {bar: _f1(column >= bar, wanted) for bar in (otherwise, *_BARS)}
        found.append(max(by_bar, key=lambda bar: (by_bar[bar], -abs(bar - otherwise))))
    return found


def _f1(said: npt.NDArray[np.bool_], wanted: npt.NDArray[np.bool_]) -> float:
    right = int((said & wanted).sum())
    return 2 * right / int(said.sum() + wanted.sum())

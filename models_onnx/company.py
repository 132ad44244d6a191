"""Scores of the same rows, once alone and once in company, must be the same."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models_onnx.card import Card
from models_onnx.golden import TOLERANCE
from schemas.errors import ModelError

#: A GPU picks another kernel for another shape. In half precision that shows in the third digit.
_HALF_TOLERANCE = 2e-2

_Scores = npt.NDArray[np.float64]


def tolerance(card: Card, provider: str) -> float:
    """Return how far a text's scores may lie apart in two batches: on the CPU not at all.

    On a GPU the rounding to 4 digits may fall either way, and half precision has fewer of them.
    """
    if provider == "cpu":
        return 0.0
    return _HALF_TOLERANCE if card.precision == "fp16" else TOLERANCE


def check_company(
    alone: _Scores, together: _Scores, names: Sequence[str], labels: Sequence[str], apart: float, where: str
) -> None:
    """Raise `ModelError` for the first row that scores otherwise in company; rows in the order of `names`."""
    differ = np.argwhere(np.abs(alone - together) > apart)
    if not len(differ):
        return
    row, label = differ[0]
    raise ModelError(
        f"{where}: batch invariance",
        f"{names[row]} scores {alone[row, label]:.4f} for {labels[label]} alone and"
        f" {together[row, label]:.4f} in a batch of {len(names)}",
        "export it in fp32 or int8-static",
    )

"""Three pictures of a model for its card: what it takes for what, how far its scores hold, how it learnt.

Needs `beckon[train]`. PNG without a date or the name of a machine: the same model gives the same bytes.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from models_onnx.calibration import Bin
from models_onnx.page import CONFUSION, LEARNING, RELIABILITY
from models_onnx.plan import Moment
from models_onnx.quality import LabelQuality

#: Names of labels are written beside the matrix up to so many.
_NAMES_MAX = 30
_BLUE, _GREY, _RED = "#1f5fa8", "#8a8a8a", "#b5432a"


def pictures(
    by_label: Sequence[LabelQuality],
    mistakes: Sequence[tuple[str, str, int]],
    bins: Sequence[Bin],
    history: Sequence[Moment],
    best_epoch: int,
) -> dict[str, bytes]:
    """Return the pictures by file name."""
    return {
        CONFUSION: confusion(by_label, mistakes),
        RELIABILITY: reliability(bins),
        LEARNING: learning(history, best_epoch),
    }


def confusion(by_label: Sequence[LabelQuality], mistakes: Sequence[tuple[str, str, int]]) -> bytes:
    """Draw what was said (columns) of texts about each label (rows), as shares of the row."""
    names = [one.label for one in by_label]
    places = {name: place for place, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names) + 1))
    for one in by_label:
        matrix[places[one.label], places[one.label]] = one.right
    for truth, said, texts in mistakes:
        if truth in places:
            matrix[places[truth], places.get(said, len(names))] += texts
    matrix /= np.maximum(1, matrix.sum(axis=1, keepdims=True))
    figure, axes = _figure(6.4, 5.6)
    image = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=axes, label="share of the row's texts")
    axes.set_xlabel("said (last column: none of them)")
    axes.set_ylabel("true")
    if len(names) <= _NAMES_MAX and all(name.isascii() for name in names):
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set_xticks(range(len(names) + 1), [*names, "none"], rotation=90, fontsize=8)
    else:
        # The font at hand has no Chinese; card.md names the labels in this order.
        axes.set_title(f"{len(names)} labels, in the order of the card")
    return _png(figure)


def reliability(bins: Sequence[Bin]) -> bytes:
    """Draw how often texts are right against their score; the size of a point is how many they are."""
    figure, axes = _figure(5.2, 4.6)
    most = max((one.texts for one in bins), default=1)
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1, label="a score is a probability")
    axes.plot([one.score for one in bins], [one.right for one in bins], color=_BLUE, linewidth=1)
    axes.scatter(
        [one.score for one in bins],
        [one.right for one in bins],
        s=[20 + 180 * one.texts / most for one in bins],
        color=_BLUE,
        label="held-out texts in 15 bins",
    )
    axes.set_xlabel("score")
    axes.set_ylabel("share that is right")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.legend(loc="upper left", fontsize=8)
    return _png(figure)


def learning(history: Sequence[Moment], best_epoch: int) -> bytes:
    """Draw loss and share right on the choosing texts by epoch, and the epoch that was taken."""
    figure, axes = _figure(6.0, 4.2)
    epochs = [one.epoch for one in history]
    axes.plot(epochs, [one.loss for one in history], color=_RED, marker="o", label="loss, choosing texts")
    trained = [one for one in history if one.epoch > 0]
    axes.plot(
        [one.epoch for one in trained],
        [one.trained_loss for one in trained],
        color=_GREY,
        marker=".",
        label="loss, training texts",
    )
    axes.axvline(best_epoch, color=_GREY, linestyle=":", linewidth=1)
    axes.set_xlabel(f"epoch (0: before training; taken: {best_epoch})")
    axes.set_ylabel("loss")
    axes.set_ylim(bottom=0)
    right = axes.twinx()
    right.plot(epochs, [one.right for one in history], color=_BLUE, marker="s", label="right, choosing texts")
    right.set_ylabel("share that is right")
    lines = [*axes.get_lines()[:2], *right.get_lines()]
    axes.legend(lines, [line.get_label() for line in lines], loc="center right", fontsize=8)
    return _png(figure)


def _figure(width: float, height: float) -> tuple[Any, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _png(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80, metadata={"Software": None})
    return file.getvalue()

"""Variants of a graph in fewer bits, each measured on the held-out texts; what loses too much is refused.

Needs `beckon[train]`.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from models_onnx import golden
from models_onnx.card import Precision, Variant
from models_onnx.golden import Canary
from models_onnx.graph import check_graph
from models_onnx.invariance import check_invariance
from models_onnx.plan import Wish
from models_onnx.provider import open_session
from models_onnx.quality import Evaluation, evaluate, scores_of
from models_onnx.runtime import TagModel
from models_onnx.split import Split
from models_onnx.variants import CALIBRATION_TEXTS, half, integers
from schemas.errors import ModelError

#: A variant may lose so much accuracy, of 1.
LOSS_MAX = 0.005
#: What a variant is asked for by -> its precision, and where it is meant to run.
KINDS: dict[str, tuple[Precision, Literal["cpu", "cuda"]]] = {
    "fp16": ("fp16", "cuda"),
    "int8": ("int8-static", "cpu"),
}


class Refused(NamedTuple):
    """A variant that was not kept, and why, in words."""

    kind: str
    why: str


def smaller(
    wish: Wish, model: TagModel, graph: bytes, parts: Split, canaries: Sequence[Canary], found: Evaluation
) -> tuple[list[Variant], dict[str, bytes], list[Refused]]:
    """Return the variants that hold, their files, and the others with the reason."""
    kept: list[Variant] = []
    files: dict[str, bytes] = {}
    refused: list[Refused] = []
    best = scores_of(model, parts.judge)[0].argmax(axis=1)
    for kind in wish.kinds:
        precision, provider = KINDS[kind]
        raw = _made(kind, model, graph, parts)
        names = f"model.{kind}.onnx", f"golden.{kind}.json"
        try:
            other = _opened(model, precision, raw, names[0])
            check_invariance(other, [canary.text for canary in canaries], names[0], provider)
        except ModelError as error:
            refused.append(Refused(kind, error.problem))
            continue
        quality = evaluate(other, parts.judge).quality
        lost = found.quality.accuracy - quality.accuracy
        if lost > LOSS_MAX and not wish.force:
            refused.append(Refused(kind, f"loses {100 * lost:.2f} points of accuracy; --force keeps it"))
            continue
        flips = float((scores_of(other, parts.judge)[0].argmax(axis=1) != best).mean())
        kept.append(Variant(precision, provider, *names, quality, round(flips, 6)))
        files |= {names[0]: raw, names[1]: golden.encode(_again(other, canaries))}
    return kept, files, refused


def _made(kind: str, model: TagModel, graph: bytes, parts: Split) -> bytes:
    if kind == "fp16":
        return half(graph)
    rows = model.encode([row.text for row in parts.train[:: max(1, len(parts.train) // CALIBRATION_TEXTS)]])
    return integers(graph, [row for row in rows if row], model.card.pad_id)


def _opened(model: TagModel, precision: Precision, raw: bytes, where: str) -> TagModel:
    card = msgspec.structs.replace(model.card, precision=precision)
    check_graph(raw, card, where)
    session, provider = open_session(raw, "cpu")
    return TagModel(card, "", provider, model.tokenizer, session)


def _again(model: TagModel, canaries: Sequence[Canary]) -> list[Canary]:
    texts = [canary.text for canary in canaries]
    rows = model.scores(model.encode(texts)).tolist()
    return [
        Canary(text, dict(zip(model.card.labels, row, strict=True)))
        for text, row in zip(texts, rows, strict=True)
    ]

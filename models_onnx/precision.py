"""Which graph of a model to run: the one in full precision, or a smaller one that its card lists."""

from typing import Literal, NamedTuple

import msgspec

from models_onnx import card as cards
from models_onnx.card import Card, Quality
from models_onnx.provider import cuda_is_here
from schemas.errors import ModelError

#: `auto`: half precision on CUDA where the model has it, else full precision.
Asked = Literal["auto", "fp32", "fp16", "int8"]
_PRECISIONS = {"fp16": "fp16", "int8": "int8-static"}


class Graph(NamedTuple):
    """The files to take, the card as it holds for them, and what it gets right on held-out texts."""

    card: Card
    graph: str
    golden: str
    quality: Quality


def kinds_of(card: Card, provider: str) -> list[str]:
    """Return the precisions that a model has for a provider, the full one first."""
    on = _place(provider)
    return [
        "fp32",
        *(
            kind
            for kind, precision in _PRECISIONS.items()
            for variant in card.variants
            if (variant.precision, variant.provider) == (precision, on)
        ),
    ]


def graph_of(card: Card, asked: str, provider: str, where: str) -> Graph:
    """Return the graph for a precision (`Asked`) and a provider (auto, cpu or cuda).

    Raise `ModelError` when the model has none of that precision, or one that is not meant to run there.
    """
    full = Graph(card, cards.GRAPH_FILE, cards.GOLDEN_FILE, card.metrics.model)
    on = _place(provider)
    precision = ("fp16" if on == "cuda" else "fp32") if asked == "auto" else asked
    if precision == "fp32":
        return full
    for variant in card.variants:
        if (variant.precision, variant.provider) == (_PRECISIONS.get(precision), on):
            smaller = msgspec.structs.replace(card, precision=variant.precision)
            return Graph(smaller, variant.graph, variant.golden, variant.quality)
    if asked == "auto":
        return full
    raise ModelError(
        f"{where}/{cards.FILE}",
        f"variants: there is none in {asked} for {on}",
        "set models.precision to auto or fp32, or train with --variants",
    )


def _place(provider: str) -> str:
    return "cuda" if provider == "cuda" or (provider == "auto" and cuda_is_here()) else "cpu"

"""golden.json: texts with the scores that the model gave them when it was made, the canaries of loading."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from models_onnx import card as cards
from schemas.errors import ModelError

#: Scores have 4 digits; other processors may differ in the last one.
TOLERANCE = 1.5e-4
TEXTS_MAX = 1000


class Canary(Struct, frozen=True, forbid_unknown_fields=True):
    """A text and its scores by label, 4 digits."""

    text: str
    scores: dict[str, float]


def encode(canaries: Sequence[Canary]) -> bytes:
    """Return golden.json."""
    return msgspec.json.format(msgspec.json.encode(canaries), indent=2) + b"\n"


def decode(raw: bytes, labels: Sequence[str], where: str) -> list[Canary]:
    """Return the canaries; raise `ModelError` unless there are some, each with a score for every label."""
    field = f"{where}/{cards.GOLDEN_FILE}"
    try:
        canaries = msgspec.json.decode(raw, type=list[Canary])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(field, str(error), cards.REMEDY) from None
    if not 0 < len(canaries) <= TEXTS_MAX:
        raise ModelError(field, f"holds {len(canaries)} texts, 1 to {TEXTS_MAX} are needed", cards.REMEDY)
    for number, canary in enumerate(canaries):
        if set(canary.scores) != set(labels):
            raise ModelError(field, f"[{number}].scores: other labels than in {cards.FILE}", cards.REMEDY)
    return canaries


def check(
    canaries: Sequence[Canary],
    labels: Sequence[str],
    scores: Sequence[Sequence[float]],
    where: str,
    apart: float = TOLERANCE,
) -> None:
    """Raise `ModelError` for the first text whose scores are not the stored ones; rows are in their order."""
    for canary, row in zip(canaries, scores, strict=True):
        for label, score in zip(labels, row, strict=True):
            expected = canary.scores[label]
            if not abs(score - expected) <= apart:
                raise ModelError(
                    f"{where}/{cards.GOLDEN_FILE}",
                    f"`{canary.text[:60]}` scores {score:.4f} for {label}, {expected:.4f} expected",
                    cards.REMEDY,
                )

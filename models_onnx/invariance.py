"""Do a text's scores depend on what else is in the batch, or on padding? Then a replay could decide otherwise."""

from collections.abc import Iterator, Sequence
from random import Random

import numpy as np

from models_onnx.company import check_company, tolerance
from models_onnx.runtime import TagModel

_BATCHES = (2, 3, 5, 8, 16, 32, 64)
#: Besides the given texts: rows of random words, of every length that the model reads.
_RANDOM_ROWS = 120


def check_invariance(model: TagModel, texts: Sequence[str], where: str, meant_for: str | None = None) -> int:
    """Return how many rows were compared; raise `ModelError` for the first whose rounded scores differ.

    `meant_for`: where the model is meant to run, if not where it runs now.
    """
    rows, names = _rows(model, texts)
    alone = np.concatenate([model.scores([row]) for row in rows])
    apart = tolerance(model.card, meant_for or model.provider)
    compared = 0
    for numbers, length in _arrangements(rows, model.card.max_length):
        together = model.scores([rows[number] for number in numbers], length)
        some = [names[number] for number in numbers]
        check_company(alone[numbers], together, some, model.card.labels, apart, where)
        compared += len(numbers)
    return compared


def _rows(model: TagModel, texts: Sequence[str]) -> tuple[list[list[int]], list[str]]:
    rng = Random("invariance")
    known = [(row, text) for row, text in zip(model.encode(texts), texts, strict=True) if row]
    rows, names = [row for row, _ in known], [f"`{text[:60]}`" for _, text in known]
    for number in range(_RANDOM_ROWS):
        length = 1 + number % model.card.max_length
        rows.append([rng.randrange(model.tokenizer.words) for _ in range(length)])
        names.append(f"a row of {length} random words")
    return rows, names


def _arrangements(rows: Sequence[Sequence[int]], max_length: int) -> Iterator[tuple[list[int], int | None]]:
    rng = Random("arrangements")
    order = list(range(len(rows)))
    for size in _BATCHES:
        rng.shuffle(order)
        for start in range(0, len(order), size):
            yield order[start : start + size], None  # padded to the longest of them
    for number in order:
        yield [number], max_length  # alone, but padded as far as it goes
    by_length = sorted(order, key=lambda number: len(rows[number]))
    for start in range(0, len(by_length), 16):
        yield by_length[start : start + 16], None  # as the batcher does it

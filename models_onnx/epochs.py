"""Texts as batches of token ids: rows of like length share a batch, in another order every epoch. Needs `beckon[train]`."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, TypeVar

import torch

_WINDOW_BATCHES = 16
#: Token ids of a text, first of what a row holds.
Ids = list[int]
_Row = TypeVar("_Row", bound=tuple[Any, ...])


def in_windows(rows: Sequence[_Row], size: int, rng: Random) -> Iterator[list[_Row]]:
    """Cut rows, whose first part is their ids, into batches of `size`, in a random order.

    Rows of like length share a batch only within windows of a random order, so that epochs still differ.
    """
    order = list(range(len(rows)))
    rng.shuffle(order)
    cut: list[list[_Row]] = []
    for start in range(0, len(order), size * _WINDOW_BATCHES):
        window = sorted(
            order[start : start + size * _WINDOW_BATCHES], key=lambda number: len(rows[number][0])
        )
        cut += [[rows[number] for number in window[at : at + size]] for at in range(0, len(window), size)]
    rng.shuffle(cut)
    yield from cut


def padded(ids: Sequence[Ids], pad_id: int, device: str) -> tuple[Any, Any]:
    """Return ids and mask, int64[rows, longest], padded on the right."""
    longest = max(map(len, ids))
    rows = torch.tensor([[*some, *[pad_id] * (longest - len(some))] for some in ids])
    mask = torch.tensor([[1] * len(some) + [0] * (longest - len(some)) for some in ids])
    return rows.to(device), mask.to(device)

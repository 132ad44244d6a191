"""How a model is to be trained, as a value; nothing here needs the packages of training."""

from enum import StrEnum
from pathlib import Path

from msgspec import Struct


class Size(StrEnum):
    """How large a model from scratch is: layers x width, and pieces of its vocabulary at most."""

    MICRO = "micro"
    TINY = "tiny"
    MINI = "mini"


class Plan(Struct, frozen=True):
    """How to train. `base`: a folder or hub id of a Transformers model to start from, else from scratch.

    `typo_share`: of the texts get a slip of the hand, another one in every epoch: whole words are easy to
    learn by heart, and then a misspelt search is noise.
    """

    seed: int
    size: Size = Size.TINY
    base: str | None = None
    epochs: int = 6
    batch_texts: int = 64
    max_length: int = 64
    learning_rate: float | None = None
    typo_share: float = 0.15


def told(base: str) -> str:
    """Return a base model as a card names it: a hub's id, or a folder without the path that leads there."""
    return Path(base).name if Path(base).is_dir() else base

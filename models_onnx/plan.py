"""How a model is to be trained, as a value; nothing here needs the packages of training."""

from enum import StrEnum
from pathlib import Path

from msgspec import Struct


class Size(StrEnum):
    """How large a model from scratch is: layers x width, and pieces of its vocabulary at most."""

    MICRO = "micro"
    TINY = "tiny"
    MINI = "mini"


class Balance(StrEnum):
    """How much more a text of a rare label counts: not at all, by the root of how rare it is, or in full."""

    NONE = "none"
    ROOT = "root"
    FULL = "full"


class Plan(Struct, frozen=True):
    """How to train. `base`: a folder or hub id of a Transformers model to start from, else from scratch.

    `typo_share`: of the texts get a slip of the hand, another one in every epoch: whole words are easy to
    learn by heart, and then a misspelt search is noise. `several`: a text may have any number of labels.
    `train_max`: texts that train, at most. `threads` of PyTorch; `device` is cpu or cuda.
    """

    seed: int
    size: Size = Size.TINY
    base: str | None = None
    epochs: int = 6
    batch_texts: int = 64
    max_length: int = 64
    learning_rate: float | None = None
    typo_share: float = 0.15
    several: bool = False
    balance: Balance = Balance.NONE
    train_max: int | None = None
    threads: int = 1
    device: str = "cpu"


class Wish(Struct, frozen=True):
    """Which variants to make (fp16, int8); `force`: also one that loses too much."""

    kinds: tuple[str, ...] = ()
    force: bool = False


class Moment(Struct, frozen=True):
    """After an epoch (0: before the first): mean loss in it, and loss and share right on the choosing texts."""

    epoch: int
    trained_loss: float
    loss: float
    right: float


def told(base: str) -> str:
    """Return a base model as a card names it: a hub's id, or a folder without the path that leads there."""
    return Path(base).name if Path(base).is_dir() else base

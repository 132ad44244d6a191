"""One loop for every training: epochs, a pace that warms up and cools down, the best moment kept. Needs `beckon[train]`.

One thread and one seed: on the same machine the same texts give the same weights, bit by bit, interrupted or not.
"""

import math
import os
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple, Protocol

import torch

from models_onnx.checkpoint import Checkpoints, Standing, Tensors, optimizer_tensors, restore_optimizer
from models_onnx.plan import Moment
from schemas.errors import InputError

Progress = Callable[[str, int, int], None]
#: Parameters with their learning rate.
Rates = Sequence[tuple[Sequence[Any], float]]
#: Epochs without a better loss on the choosing texts after which training ends.
PATIENCE = 3
_WARM_UP_SHARE = 0.1
_WEIGHT_DECAY = 0.01


class Judged(NamedTuple):
    """On the choosing texts: a loss, which decides, and the share that is right."""

    loss: float
    right: float


class Task(Protocol):
    """What is learnt. `calls` is the number of batches of an epoch."""

    module: Any
    rng: Random
    calls: int
    rates: Rates

    def batches(self) -> Sequence[Any]:
        """Return the batches of one epoch, drawn with `rng`."""

    def loss(self, batch: Any) -> Any:
        """Return the mean loss of a batch, as a tensor."""

    def judge(self) -> Judged:
        """Judge the module as it is."""


class Fitted(NamedTuple):
    """The module is in eval mode, as it was after epoch `best_epoch`."""

    best_epoch: int
    history: tuple[Moment, ...]


class _Run:
    """A training under way."""

    def __init__(self, task: Task, epochs: int) -> None:
        self.task = task
        self.calls = task.calls * epochs
        self.optimizer = torch.optim.AdamW(
            [{"params": list(some), "lr": rate, "full": rate} for some, rate in task.rates],
            weight_decay=_WEIGHT_DECAY,
        )
        self.done = 0
        self.best_epoch, self.best_loss = 0, math.inf
        self.best: Tensors = {}
        self.history: list[Moment] = []

    def epoch(self, number: int, progress: Progress) -> float:
        """Train one epoch; return its mean loss."""
        module = self.task.module
        module.train()
        total, count = 0.0, 0
        for batch in self.task.batches():
            for group in self.optimizer.param_groups:
                group["lr"] = group["full"] * _share_of_rate(self.done, self.calls)
            self.optimizer.zero_grad()
            loss = self.task.loss(batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            self.optimizer.step()
            self.done += 1
            total, count = total + float(loss.detach()), count + 1
            progress(f"training, epoch {number}", self.done, self.calls)
        if not math.isfinite(total):
            raise InputError("--learning-rate", "is too high: the loss is no number any more", "lower it")
        return total / max(1, count)

    def judge(self, epoch: int, trained_loss: float) -> None:
        """Judge this moment, and keep it if it is the best one."""
        self.task.module.eval()
        with torch.no_grad():
            loss, right = self.task.judge()
        self.history.append(Moment(epoch, round(trained_loss, 6), round(loss, 6), round(right, 6)))
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            self.best = {name: weights.clone() for name, weights in self.task.module.state_dict().items()}

    def save(self, checkpoints: Checkpoints) -> None:
        """Write down where this stands."""
        tensors = {f"now.{name}": weights for name, weights in self.task.module.state_dict().items()}
        tensors |= {f"best.{name}": weights for name, weights in self.best.items()}
        tensors |= optimizer_tensors(self.optimizer) | {"chance": torch.get_rng_state()}
        state = self.task.rng.getstate()[1]
        standing = Standing(
            checkpoints.key, self.done, self.best_epoch, self.best_loss, tuple(self.history), state
        )
        checkpoints.save(standing, tensors)

    def load(self, checkpoints: Checkpoints) -> int:
        """Go on where it stood; return the last epoch that is done, -1 if not even the first judging is."""
        found = checkpoints.load()
        if found is None:
            return -1
        standing, tensors = found
        self.task.module.load_state_dict(_under("now.", tensors))
        self.best = _under("best.", tensors)
        restore_optimizer(self.optimizer, tensors)
        torch.set_rng_state(tensors["chance"])
        self.task.rng.setstate((Random.VERSION, standing.random, None))
        self.done, self.best_epoch, self.best_loss = standing.done, standing.best_epoch, standing.best_loss
        self.history = list(standing.history)
        return standing.history[-1].epoch


def fit(task: Task, epochs: int, checkpoints: Checkpoints, progress: Progress) -> Fitted:
    """Train for at most `epochs`, and leave the module at its best moment on the choosing texts."""
    run = _Run(task, epochs)
    last = run.load(checkpoints)
    if last < 0:
        run.judge(0, 0.0)
        last = 0
    for epoch in range(last + 1, epochs + 1):
        # A start that is good already is often left for worse before it gets better.
        if epoch - 1 - max(1, run.best_epoch) >= PATIENCE:
            break
        run.judge(epoch, run.epoch(epoch, progress))
        run.save(checkpoints)
    progress("training", run.calls, run.calls)
    task.module.load_state_dict(run.best)
    task.module.eval()
    return Fitted(run.best_epoch, tuple(run.history))


def set_chance(seed: int, threads: int) -> None:
    """Make PyTorch repeatable: a seed, a number of threads, and no algorithm that sums in any order."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else CUDA refuses to be repeatable
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)


def _under(prefix: str, tensors: Tensors) -> Tensors:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _share_of_rate(call: int, calls: int) -> float:
    warm_up = max(1, int(calls * _WARM_UP_SHARE))
    return (call + 1) / warm_up if call < warm_up else max(0.0, (calls - call) / (calls - warm_up))

"""Fine-tune a small BERT (or one that is given) on labelled texts. Needs `beckon[train]`.

A given encoder already knows something: its last layer is first fitted alone, on what the encoder says as it is,
and only then all of it learns. Source: Kumar et al.: "Fine-Tuning can Distort Pretrained Features and Underperform
Out-of-Distribution", ICLR 2022. Texts about no label are taught to look like every label alike. Source: Hendrycks,
Mazeika, Dietterich: "Deep Anomaly Detection with Outlier Exposure", ICLR 2019.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import torch

from models_onnx.calibration import best_temperature
from models_onnx.checkpoint import Checkpoints
from models_onnx.classifier import Classifier
from models_onnx.corpus import Row, digest_of
from models_onnx.epochs import Ids, in_windows, padded
from models_onnx.fit import Judged, Progress, Rates, fit, set_chance
from models_onnx.plan import Balance, Moment, Plan
from models_onnx.scorer import batches
from models_onnx.split import Split
from models_onnx.start import Start, start
from models_onnx.tokenizer import TextTokenizer
from models_onnx.typos import with_typo
from schemas.errors import InputError

_JUDGE_TOKENS = 4096
_PROBE_STEPS = 100
_PROBE_DECAYS = (3e-4, 1e-3, 3e-3)

#: Ids of a text and its labels' numbers.
_Row = tuple[Ids, tuple[int, ...]]


@dataclass(frozen=True)
class Trained:
    """`classifier` is in eval mode; its last layer is divided by the `temperature` found on the choosing texts."""

    classifier: Any
    tokenizer: bytes
    pad_id: int
    epochs: int
    temperature: float
    history: tuple[Moment, ...]


def fine_tune(split: Split, plan: Plan, progress: Progress, checkpoint: Path | None = None) -> Trained:
    """Return the classifier at its best moment on the choosing texts; go on from `checkpoint` where it can."""
    set_chance(plan.seed, plan.threads)
    begun = start([row.text for row in split.train], plan)
    texts = TextTokenizer(begun.tokenizer, plan.max_length, "tokenizer")
    classifier = Classifier(begun.encoder, len(split.labels), unit=plan.base is not None).to(plan.device)
    task = _Labels(classifier, split, texts, plan, begun)
    checkpoints = Checkpoints(checkpoint, key_of(split, plan))
    if plan.base is not None and checkpoints.load() is None:
        task.fit_head()
    fitted = fit(task, plan.epochs, checkpoints, progress)
    temperature = task.temperature()
    with torch.no_grad():
        classifier.head.weight /= temperature
        classifier.head.bias /= temperature
    classifier.to("cpu")
    return Trained(classifier, begun.tokenizer, begun.pad_id, fitted.best_epoch, temperature, fitted.history)


def key_of(split: Split, plan: Plan) -> str:
    """Return what tells one training from another: the plan, and the texts in their parts."""
    digests = [digest_of(part) for part in (split.train, split.choose)]
    return sha256(msgspec.json.encode([plan, digests])).hexdigest()


class _Labels:
    """The task of telling labels from texts."""

    def __init__(
        self, module: Classifier, split: Split, texts: TextTokenizer, plan: Plan, begun: Start
    ) -> None:
        self.module = module
        self.rng = Random(plan.seed)
        self.calls = math.ceil(len(split.train) / plan.batch_texts)
        rate = plan.learning_rate or begun.rate
        self.rates: Rates = [(list(module.parameters()), rate)]
        self._plan, self._texts, self._pad_id = plan, texts, begun.pad_id
        self._numbers = {label: number for number, label in enumerate(split.labels)}
        self._train = split.train
        self._choose = self._encoded(split.choose)
        if not self._choose:
            raise InputError(
                "--from", "knows no word of the texts", "take another one, or train from scratch"
            )
        self._weights = torch.tensor(_weights(split, plan), device=plan.device)

    def batches(self) -> Sequence[list[_Row]]:
        rng, share = self.rng, self._plan.typo_share
        rows = [
            row._replace(text=with_typo(row.text, rng)) if rng.random() < share else row
            for row in self._train
        ]
        return list(in_windows(self._encoded(rows), self._plan.batch_texts, rng))

    def loss(self, batch: list[_Row]) -> Any:
        return self._loss(self.module(*self._padded(batch)), self._truth(batch))

    def judge(self) -> Judged:
        logits, truth = self._judged()
        _, loss = best_temperature(logits, truth, several=self._plan.several)
        if self._plan.several:
            return Judged(loss, float(((logits > 0) == truth).all(axis=1).mean()))
        inside = truth.any(axis=1)
        right = logits.argmax(axis=1) == truth.argmax(axis=1)
        return Judged(loss, float(right[inside].mean()))

    def temperature(self) -> float:
        """Return the temperature with the least loss on the choosing texts.

        Later epochs are right more often and too sure of it. Moments are compared without that too.
        """
        with torch.no_grad():
            return best_temperature(*self._judged(), several=self._plan.several)[0]

    def fit_head(self) -> None:
        """Fit the last layer to what the encoder says as it is, as stiff as suits the choosing texts."""
        self.module.eval()
        with torch.no_grad():
            states, rows = self._over(self._encoded(self._train), self.module.pooled)
        truth, head = self._truth(rows), self.module.head
        found = []
        for decay in _PROBE_DECAYS:
            self._fit_layer(states, truth, decay)
            with torch.no_grad():
                loss = self.judge().loss
            found.append((loss, {name: weights.clone() for name, weights in head.state_dict().items()}))
        head.load_state_dict(min(found, key=lambda one: one[0])[1])

    def _fit_layer(self, states: Any, truth: Any, decay: float) -> None:
        head = self.module.head
        with torch.no_grad():
            head.weight.zero_()
            head.bias.zero_()
        optimizer = torch.optim.LBFGS(
            head.parameters(), max_iter=_PROBE_STEPS, line_search_fn="strong_wolfe", history_size=10
        )

        def closure() -> Any:
            optimizer.zero_grad()
            loss = self._loss(head(states), truth) + decay * (head.weight**2).sum()
            loss.backward()
            return loss

        optimizer.step(closure)

    def _encoded(self, rows: Sequence[Row]) -> list[_Row]:
        ids = self._texts.encode([row.text for row in rows])
        return [
            (some, tuple(self._numbers[label] for label in row.labels))
            for some, row in zip(ids, rows, strict=True)
            if some
        ]

    def _padded(self, rows: Sequence[_Row]) -> tuple[Any, Any]:
        return padded([ids for ids, _ in rows], self._pad_id, self._plan.device)

    def _truth(self, rows: Sequence[_Row]) -> Any:
        # A text about no label: every label alike where one must be chosen, none where there may be several.
        count = len(self._numbers)
        shares = torch.zeros(len(rows), count)
        for row, (_, labels) in zip(shares, rows, strict=True):
            if labels:
                row[list(labels)] = 1.0
            elif not self._plan.several:
                row.fill_(1.0 / count)
        return shares.to(self._plan.device)

    def _loss(self, logits: Any, truth: Any) -> Any:
        if self._plan.several:
            return torch.nn.functional.binary_cross_entropy_with_logits(
                logits, truth, pos_weight=self._weights
            )
        return torch.nn.functional.cross_entropy(logits, truth, weight=self._weights)

    def _judged(self) -> tuple[Any, Any]:
        logits, rows = self._over(self._choose, self.module)
        truth = np.zeros((len(rows), len(self._numbers)), dtype=np.bool_)
        for number, (_, labels) in enumerate(rows):
            truth[number, list(labels)] = True
        return logits.cpu().numpy().astype(np.float64), truth

    def _over(self, rows: Sequence[_Row], call: Callable[[Any, Any], Any]) -> tuple[Any, list[_Row]]:
        some: list[Any] = []
        order: list[_Row] = []
        for batch in batches([len(ids) for ids, _ in rows], _JUDGE_TOKENS):
            part = [rows[number] for number in batch]
            some.append(call(*self._padded(part)))
            order += part
        return torch.cat(some), order


def _weights(split: Split, plan: Plan) -> list[float]:
    """Return how much each label counts; the mean over the labels is 1."""
    power = {Balance.NONE: 0.0, Balance.ROOT: 0.5, Balance.FULL: 1.0}[plan.balance]
    texts = Counter(label for row in split.train for label in row.labels)
    weights = [max(1, texts[label]) ** -power for label in split.labels]
    mean = sum(weights) / len(weights)
    return [weight / mean for weight in weights]

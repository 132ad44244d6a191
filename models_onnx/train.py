"""Fine-tune a small BERT (or one that is given) on labelled texts. Needs `beckon[train]`.

One thread and one seed: on the same machine the same texts give the same weights, bit by bit.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
import transformers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
)

from models_onnx import wordpiece
from models_onnx.batcher import batches
from models_onnx.corpus import Row
from models_onnx.plan import Plan, Size
from models_onnx.split import Split
from models_onnx.tokenizer import TextTokenizer
from models_onnx.typos import with_typo
from schemas.errors import InputError

Progress = Callable[[str, int, int], None]
#: Epochs without a better loss on the choosing texts after which training ends.
PATIENCE = 3
_WINDOW_BATCHES = 16
_WARM_UP_SHARE = 0.1
# Only ever softer: where all choosing texts are right, sharper looks better without end.
_TEMPERATURES = [round(1.05**step, 4) for step in range(29)]  # 1 to 3.92

#: layers, width, heads, vocabulary, learning rate.
_SHAPES = {
    Size.MICRO: (2, 64, 2, 1500, 2e-3),
    Size.TINY: (2, 128, 2, 8000, 1e-3),
    Size.MINI: (4, 256, 4, 8000, 4e-4),
}
_BASE_RATE = 5e-5


@dataclass(frozen=True)
class Trained:
    """`classifier` is in eval mode; its last layer is divided by the `temperature` found on the choosing texts."""

    classifier: Any
    tokenizer: bytes
    pad_id: int
    epochs: int
    temperature: float


def fine_tune(split: Split, plan: Plan, progress: Progress) -> Trained:
    """Return the classifier at its best moment on the choosing texts."""
    torch.manual_seed(plan.seed)
    torch.set_num_threads(1)  # sums over several threads come out in any order
    torch.use_deterministic_algorithms(True)
    classifier, raw, pad_id, rate = _start(split, plan)
    texts = TextTokenizer(raw, plan.max_length, "tokenizer")
    train = _Epochs(split.train, texts, split.labels, plan)
    choose = _encoded(split.choose, texts, split.labels)
    if not choose:
        raise InputError("--base", "knows no word of the texts", "take another one, or train from scratch")
    epochs = _train(classifier, train, choose, plan, plan.learning_rate or rate, pad_id, progress)
    temperature = _temperature(classifier, choose, pad_id)
    return Trained(classifier, raw, pad_id, epochs, temperature)


_Row = tuple[list[int], int]


def _start(split: Split, plan: Plan) -> tuple[Any, bytes, int, float]:
    if plan.base is not None:
        return *_from_base(plan.base, len(split.labels), plan.max_length), _BASE_RATE
    layers, width, heads, words, rate = _SHAPES[plan.size]
    raw = wordpiece.train_wordpiece([row.text for row in split.train], words)
    config = BertConfig(
        vocab_size=TextTokenizer(raw, plan.max_length, "tokenizer").words,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=plan.max_length,
        num_labels=len(split.labels),
        pad_token_id=0,
    )
    return BertForSequenceClassification(config), raw, 0, rate


def _from_base(base: str, labels: int, max_length: int) -> tuple[Any, bytes, int]:
    transformers.logging.set_verbosity_error()  # that the last layer is new is the point of it
    transformers.logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(base, use_fast=True)
        classifier = AutoModelForSequenceClassification.from_pretrained(
            base,
            num_labels=labels,
            ignore_mismatched_sizes=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
        raw = tokenizer.backend_tokenizer.to_str().encode()
    except Exception as error:  # noqa: BLE001 -- a dozen kinds: no folder, no net, no such model, no tokenizer
        text = " ".join(str(error).split())[:200]
        raise InputError(
            f"--base {base}",
            f"cannot be loaded ({text})",
            "give a folder that `save_pretrained` wrote, or a hub id",
        ) from None
    places = getattr(classifier.config, "max_position_embeddings", max_length)
    if places < max_length:
        raise InputError(f"--base {base}", f"reads {places} tokens", f"set --max-length to {places} or less")
    return classifier.float(), raw, tokenizer.pad_token_id or 0


def _encoded(rows: Sequence[Row], texts: TextTokenizer, labels: Sequence[str]) -> list[_Row]:
    numbers = {label: number for number, label in enumerate(labels)}
    ids = texts.encode([row.text for row in rows])
    return [(some, numbers[row.label]) for some, row in zip(ids, rows, strict=True) if some]


class _Epochs:
    """The training texts, in another order and with other typos in every epoch."""

    def __init__(self, rows: Sequence[Row], texts: TextTokenizer, labels: Sequence[str], plan: Plan) -> None:
        self._rows, self._texts, self._labels, self._plan = rows, texts, labels, plan
        self._rng = Random(plan.seed)
        self.calls = math.ceil(len(rows) / plan.batch_texts)

    def next(self) -> list[list[_Row]]:
        """Return the batches of one epoch."""
        rng, share = self._rng, self._plan.typo_share
        rows = [
            Row(with_typo(row.text, rng), row.label) if rng.random() < share else row for row in self._rows
        ]
        return list(_in_windows(_encoded(rows, self._texts, self._labels), self._plan.batch_texts, rng))


def _train(
    classifier: Any,
    train: _Epochs,
    choose: Sequence[_Row],
    plan: Plan,
    rate: float,
    pad_id: int,
    progress: Progress,
) -> int:
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=rate, weight_decay=0.01)
    calls = train.calls * plan.epochs
    pace = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda call: _share_of_rate(call, calls))
    best_loss, best_epoch, best = math.inf, 0, classifier.state_dict()
    done = 0
    for epoch in range(1, plan.epochs + 1):
        classifier.train()
        for rows in train.next():
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(_logits(classifier, rows, pad_id), _truth(rows))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(classifier.parameters(), 1.0)
            optimizer.step()
            pace.step()
            done += 1
            progress(f"training, epoch {epoch}", done, calls)
        loss_now, _ = _calibrated(*_all_logits(classifier, choose, pad_id))
        if loss_now < best_loss:
            best_loss, best_epoch = loss_now, epoch
            best = {name: weights.clone() for name, weights in classifier.state_dict().items()}
        elif epoch - best_epoch >= PATIENCE:
            break
    progress("training", calls, calls)
    classifier.load_state_dict(best)
    classifier.eval()
    return best_epoch


def _share_of_rate(call: int, calls: int) -> float:
    warm_up = max(1, int(calls * _WARM_UP_SHARE))
    return (call + 1) / warm_up if call < warm_up else max(0.0, (calls - call) / (calls - warm_up))


def _in_windows(rows: Sequence[_Row], size: int, rng: Random) -> Iterator[list[_Row]]:
    # Rows of like length share a batch, in windows of a random order, so that epochs still differ.
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


def _logits(classifier: Any, rows: Sequence[_Row], pad_id: int) -> Any:
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([[*ids, *[pad_id] * (longest - len(ids))] for ids, _ in rows])
    mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in rows])
    return classifier(input_ids=ids, attention_mask=mask).logits


def _truth(rows: Sequence[_Row]) -> Any:
    return torch.tensor([label for _, label in rows])


def _all_logits(classifier: Any, rows: Sequence[_Row], pad_id: int) -> tuple[Any, Any]:
    classifier.eval()
    some: list[Any] = []
    truth: list[_Row] = []
    with torch.no_grad():
        for batch in batches([len(ids) for ids, _ in rows], 4096):
            part = [rows[number] for number in batch]
            some.append(_logits(classifier, part, pad_id))
            truth += part
    return torch.cat(some), _truth(truth)


def _calibrated(logits: Any, truth: Any) -> tuple[float, float]:
    """Return the least loss over all temperatures, and that temperature.

    Later epochs are right more often and too sure of it. The temperature takes the second away, so moments
    are compared without it.
    """
    losses = [float(torch.nn.functional.cross_entropy(logits / one, truth)) for one in _TEMPERATURES]
    best = min(range(len(losses)), key=losses.__getitem__)
    return losses[best], _TEMPERATURES[best]


def _temperature(classifier: Any, choose: Sequence[_Row], pad_id: int) -> float:
    """Find the temperature with the least loss and build it into the last layer: scores become probabilities."""
    _, best = _calibrated(*_all_logits(classifier, choose, pad_id))
    last = next(reversed([part for part in classifier.modules() if isinstance(part, torch.nn.Linear)]))
    with torch.no_grad():
        last.weight /= best
        last.bias /= best
    return best

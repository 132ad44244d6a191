"""One classifier for all engines of `beckon bench scoring`: the same weights as PyTorch and as ONNX.

Its weights come from a seed: how long a call takes does not depend on them. `--base FOLDER` takes real ones.
"""

from pathlib import Path

import msgspec
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from benchmarks.scoring_job import FACTS, GRAPH, GRAPH_INT8, MAX_LENGTH, TOKENIZER, TORCH, Facts
from models_onnx.export import Shape, export
from models_onnx.sample_titles import titles
from models_onnx.tokenizer import TextTokenizer
from models_onnx.variants import CALIBRATION_TEXTS, integers
from models_onnx.wordpiece import train_wordpiece

#: layers, width, heads; 8,000 words. `minilm` has the shape of all-MiniLM-L6-v2.
SHAPES = {"tiny": (2, 128, 2), "mini": (4, 256, 4), "minilm": (6, 384, 12)}
_WORDS = 8000
_LABELS = 10


def make(folder: Path, size: str, base: str | None) -> Facts:
    """Write the model as PyTorch and as ONNX, with its tokenizer, into a folder; raise `ModelError`."""
    torch.manual_seed(1)
    logging.disable_progress_bar()
    if base is None:
        classifier, tokenizer = _from_seed(size)
    else:
        classifier = AutoModelForSequenceClassification.from_pretrained(base, num_labels=_LABELS)
        tokenizer = AutoTokenizer.from_pretrained(base, use_fast=True)
    classifier = classifier.float().eval()
    classifier.save_pretrained(folder / TORCH)
    tokenizer.model_max_length = MAX_LENGTH
    tokenizer.save_pretrained(folder / TORCH)
    (folder / TOKENIZER).write_bytes(tokenizer.backend_tokenizer.to_str().encode())
    labels = [f"label-{number}" for number in range(_LABELS)]
    shape = classifier.config
    pad_id = tokenizer.pad_token_id or 0
    exported = export(classifier, Shape(labels, "softmax", MAX_LENGTH, pad_id, shape.vocab_size, ()))
    (folder / GRAPH).write_bytes(exported.graph)
    rows = TextTokenizer((folder / TOKENIZER).read_bytes(), MAX_LENGTH, TOKENIZER).encode(
        [text for text, _ in titles(3, CALIBRATION_TEXTS)]
    )
    (folder / GRAPH_INT8).write_bytes(integers(exported.graph, [row for row in rows if row], pad_id))
    facts = Facts(
        layers=shape.num_hidden_layers,
        width=shape.hidden_size,
        inner=shape.intermediate_size,
        labels=_LABELS,
        pad_id=pad_id,
    )
    (folder / FACTS).write_bytes(msgspec.json.encode(facts))
    return facts


def _from_seed(size: str) -> tuple[BertForSequenceClassification, PreTrainedTokenizerFast]:
    layers, width, heads = SHAPES[size]
    raw = train_wordpiece([text for text, _ in titles(1, 4000)], _WORDS)
    tokenizer = _tokenizer(raw)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=MAX_LENGTH,
        num_labels=_LABELS,
        pad_token_id=0,
    )
    return BertForSequenceClassification(config), tokenizer


def _tokenizer(raw: bytes) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer

    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(raw.decode()), **special)

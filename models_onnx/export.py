"""A trained classifier -> ONNX bytes, equal to it at every shape, without a word about this machine. Needs `beckon[train]`."""

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from models_onnx.graph import PROPERTY, properties_of
from models_onnx.provider import open_session
from schemas.errors import ModelError

OPSET = 20
#: Largest difference of a score or logit between PyTorch and ONNX that counts as equal.
PARITY = 1e-5
_BATCH_MAX = 4096


class _Scores(torch.nn.Module):  # type: ignore[misc] # PyTorch is not type-checked here
    """Ids and mask -> scores and logits. A module of its own, so that softmax is part of the graph."""

    def __init__(self, classifier: Any) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, input_ids: Any, attention_mask: Any) -> tuple[Any, Any]:
        logits = self.classifier(input_ids=input_ids, attention_mask=attention_mask).logits
        return torch.softmax(logits, dim=-1), logits


def export(classifier: Any, labels: Sequence[str], max_length: int) -> bytes:
    """Return the graph; raise `ModelError` when it is not what PyTorch computes."""
    module = _Scores(classifier).eval()  # the outermost one: a part left in training mode would drop out
    raw = _stripped(_exported(module, max_length), labels, max_length)
    _check_parity(module, raw, max_length)
    return raw


def _exported(module: Any, max_length: int) -> onnx.ModelProto:
    batch = torch.export.Dim("batch", min=1, max=_BATCH_MAX)
    tokens = torch.export.Dim("tokens", min=1, max=max_length)
    # Two tensors: the exporter takes one tensor given twice for one input.
    ids, mask = torch.ones(2, 7, dtype=torch.long), torch.ones(2, 7, dtype=torch.long)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            module,
            (ids, mask),
            path,
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            input_names=["input_ids", "attention_mask"],
            output_names=["scores", "logits"],
            dynamic_shapes=[{0: batch, 1: tokens}] * 2,
            verbose=False,
        )
        return onnx.load(path)


def _stripped(model: onnx.ModelProto, labels: Sequence[str], max_length: int) -> bytes:
    # The exporter notes source paths and stack traces on every node, half a megabyte of them.
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for tensor in model.graph.initializer:
        tensor.ClearField("metadata_props")
        tensor.ClearField("doc_string")
    model.graph.ClearField("value_info")
    model.graph.ClearField("metadata_props")
    model.graph.ClearField("doc_string")
    model.ClearField("metadata_props")
    model.ClearField("doc_string")
    model.metadata_props.add(key=PROPERTY, value=properties_of(labels, "softmax", max_length))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _check_parity(module: Any, raw: bytes, max_length: int) -> None:
    session, _ = open_session(raw, "cpu")
    rng = np.random.default_rng(0)
    words = int(module.classifier.config.vocab_size)
    for batch, tokens in (
        (1, 1),
        (1, min(7, max_length)),
        (3, min(12, max_length)),
        (32, min(33, max_length)),
        (1, max_length),
    ):
        ids = rng.integers(0, words, (batch, tokens))
        mask = np.ones((batch, tokens), dtype=np.int64)
        mask[0, tokens - tokens // 3 :] = 0
        found = session.run(["scores", "logits"], {"input_ids": ids, "attention_mask": mask})
        with torch.no_grad():
            expected = module(torch.from_numpy(ids), torch.from_numpy(mask))
        for one, other in zip(found, expected, strict=True):
            if not np.allclose(one, other.numpy(), rtol=PARITY, atol=PARITY):
                worst = float(np.abs(one - other.numpy()).max())
                raise ModelError(
                    "export",
                    f"ONNX and PyTorch differ by {worst:.1e} for {batch} texts of {tokens} tokens",
                    "try another --base; the file was not written",
                )


@contextlib.contextmanager
def _quiet() -> Any:
    # The exporter tells every step on standard output and warns about packages that we do not use.
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)

"""A trained model -> ONNX bytes, equal to it at every shape, without a word about this machine. Needs `beckon[train]`."""

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch

from models_onnx.epochs import padded
from models_onnx.graph import PROPERTY, properties_of
from models_onnx.provider import open_session
from models_onnx.scorer import batches
from schemas.errors import ModelError

OPSET = 20
#: Largest difference of a score or logit between PyTorch and ONNX that counts as equal.
PARITY = 1e-5
_BATCH_MAX = 4096
#: Held-out texts on which both are compared, besides random ids of every shape.
_REAL_TEXTS = 256


class _Scores(torch.nn.Module):  # type: ignore[misc] # PyTorch is not type-checked here
    """Ids and mask -> scores and logits. A module of its own, so that the last step is part of the graph."""

    def __init__(self, classifier: Any, activation: str) -> None:
        super().__init__()
        self.classifier = classifier
        self.activation = activation

    def forward(self, input_ids: Any, attention_mask: Any) -> tuple[Any, Any]:
        found = self.classifier(input_ids=input_ids, attention_mask=attention_mask)
        logits = getattr(found, "logits", found)  # a model of Transformers wraps them
        if self.activation == "sigmoid":
            return torch.sigmoid(logits), logits
        return torch.softmax(logits, dim=-1), logits


class Exported(NamedTuple):
    """The graph, and the largest difference of any output to PyTorch's on the `texts` real ones."""

    graph: bytes
    difference: float
    texts: int


@dataclass(frozen=True)
class Shape:
    """What a graph must say of itself, what it reads, and real texts as token ids to compare it on."""

    labels: Sequence[str]
    activation: str
    max_length: int
    pad_id: int
    words: int
    rows: Sequence[Sequence[int]]


def export(classifier: Any, shape: Shape) -> Exported:
    """Return the graph of a classifier; raise `ModelError` when it is not what PyTorch computes."""
    return _export(_Scores(classifier, shape.activation), ["scores", "logits"], shape)


def export_embedder(embedder: Any, shape: Shape) -> Exported:
    """Return the graph of a text encoder; raise as `export`."""
    return _export(embedder, ["sentence_embedding"], shape)


def _export(module: Any, outputs: list[str], shape: Shape) -> Exported:
    module.eval()  # the outermost one: a part left in training mode would drop out
    raw = _stripped(_exported(module, outputs, shape.max_length), shape)
    session, _ = open_session(raw, "cpu")
    _check_shapes(module, session, outputs, shape)
    return Exported(raw, _check_texts(module, session, outputs, shape), min(len(shape.rows), _REAL_TEXTS))


def _exported(module: Any, outputs: list[str], max_length: int) -> onnx.ModelProto:
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
            output_names=outputs,
            dynamic_shapes=[{0: batch, 1: tokens}] * 2,
            verbose=False,
        )
        return onnx.load(path)


def _stripped(model: onnx.ModelProto, shape: Shape) -> bytes:
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
    said = properties_of(shape.labels, shape.activation, shape.max_length)
    model.metadata_props.add(key=PROPERTY, value=said)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _check_shapes(module: Any, session: Any, outputs: list[str], shape: Shape) -> None:
    rng = np.random.default_rng(0)
    longest = shape.max_length
    for batch, wanted in ((1, 1), (1, 7), (3, 12), (32, 33), (1, longest)):
        tokens = min(wanted, longest)
        ids = rng.integers(0, shape.words, (batch, tokens))
        mask = np.ones((batch, tokens), dtype=np.int64)
        mask[0, tokens - tokens // 3 :] = 0
        _compare(module, session, outputs, (ids, mask))


def _check_texts(module: Any, session: Any, outputs: list[str], shape: Shape) -> float:
    rows = shape.rows[:_REAL_TEXTS]
    differences = [0.0]
    for batch in batches([len(row) for row in rows], 512):
        ids, mask = padded([list(rows[number]) for number in batch], shape.pad_id, "cpu")
        differences.append(_compare(module, session, outputs, (ids.numpy(), mask.numpy())))
    return max(differences)


def _compare(module: Any, session: Any, outputs: list[str], inputs: tuple[Any, Any]) -> float:
    ids, mask = inputs
    found = session.run(outputs, {"input_ids": ids, "attention_mask": mask})
    with torch.no_grad():
        expected = module(torch.from_numpy(ids), torch.from_numpy(mask))
    expected = expected if isinstance(expected, tuple) else (expected,)
    worst = 0.0
    for one, tensor in zip(found, expected, strict=True):
        other = tensor.numpy()
        if not np.allclose(one, other, rtol=PARITY, atol=PARITY):
            raise ModelError(
                "export",
                f"ONNX and PyTorch differ by {float(np.abs(one - other).max()):.1e}"
                f" for {ids.shape[0]} texts of {ids.shape[1]} tokens",
                "start from another model; the file was not written",
            )
        worst = max(worst, float(np.abs(one - other).max()))
    return worst


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

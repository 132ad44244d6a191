"""The same graph in fewer bits: half precision for GPUs, 8-bit integers for CPUs. Needs `beckon[train]`.

Integers are static: scales come from texts seen beforehand, not from the batch, so that a text's scores do not
depend on its company. Products of two computed matrices (attention) stay as they are.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from models_onnx.epochs import padded

#: Texts whose values set the scales.
CALIBRATION_TEXTS = 512
_BATCH = 32
#: What turns logits into scores stays in full precision.
_LAST_STEPS = ("Softmax", "Sigmoid")


def half(graph: bytes) -> bytes:
    """Return the graph with weights and sums in half precision; what goes in and comes out is as before."""
    model = onnx.load_model_from_string(graph)
    last = [
        node.name for node in model.graph.node if node.op_type in _LAST_STEPS and node.output[0] == "scores"
    ]
    converted = convert_float_to_float16(model, keep_io_types=True, node_block_list=last)
    OnnxModel(converted).topological_sort()  # the converter puts its casts at the end
    return _with_metadata(converted, onnx.load_model_from_string(graph))


def integers(graph: bytes, rows: Sequence[list[int]], pad_id: int) -> bytes:
    """Return the graph with 8-bit products; `rows` are token ids of training texts, which set the scales."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            plain, ready, done = (Path(folder) / name for name in ("plain.onnx", "ready.onnx", "done.onnx"))
            plain.write_bytes(graph)
            quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
            quantize_static(
                str(ready),
                str(done),
                _Calibration(rows[:CALIBRATION_TEXTS], pad_id),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["MatMul", "Gemm"],
                per_channel=True,
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QUInt8,
                calibrate_method=CalibrationMethod.MinMax,
                extra_options={"MatMulConstBOnly": True},
            )
            found = onnx.load(done)
    finally:
        logging.disable(level)
    return _with_metadata(found, onnx.load_model_from_string(graph))


class _Calibration:
    """Batches as onnxruntime's calibration asks for them: one at a time, then None."""

    def __init__(self, rows: Sequence[list[int]], pad_id: int) -> None:
        ordered = sorted(rows, key=len)
        self._batches = iter([ordered[start : start + _BATCH] for start in range(0, len(ordered), _BATCH)])
        self._pad_id = pad_id

    def get_next(self) -> dict[str, Any] | None:
        """Return the inputs of the next batch."""
        batch = next(self._batches, None)
        if batch is None:
            return None
        ids, mask = padded(batch, self._pad_id, "cpu")
        return {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.get_next, None)


def _with_metadata(model: Any, original: onnx.ModelProto) -> bytes:
    # Both converters drop or add notes of their own.
    for part in (*model.graph.node, *model.graph.value_info):
        part.ClearField("doc_string")
    model.graph.ClearField("value_info")
    model.ClearField("metadata_props")
    model.metadata_props.extend(original.metadata_props)
    model.ClearField("producer_name")
    model.ClearField("producer_version")
    model.ClearField("doc_string")
    while len(model.opset_import) > 1:  # domains that no node uses
        unused = next(entry for entry in model.opset_import if entry.domain not in {"", "ai.onnx"})
        model.opset_import.remove(unused)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))

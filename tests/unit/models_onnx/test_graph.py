"""What a graph may hold. Each forged graph is signed properly, so that only the look inside can refuse it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models_onnx import registry
from schemas.errors import ModelError
from tests.support.models import change_graph, copy_demo, sign


def refusal(models: Path) -> str:
    with pytest.raises(ModelError) as raised:
        registry.load_tag_model(models, "tags", "cpu")
    line = str(raised.value)
    assert "\n" not in line and line.startswith(f"{models}/tags/1/")
    return line


def external_weights(model: onnx.ModelProto) -> None:
    weights = model.graph.initializer[0]
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="secret.bin")
    weights.ClearField("raw_data")


def external_constant(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.zeros(2, np.float32), "constant")
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.data_location = TensorProto.EXTERNAL
    model.graph.node.append(helper.make_node("Constant", [], ["unused"], value=tensor))


def foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("RunThis", ["scores"], ["unused"], domain="com.evil"))


def foreign_domain(model: onnx.ModelProto) -> None:
    model.opset_import.add(domain="com.microsoft", version=1)


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("RunThis", ["scores"], ["unused"]))


def branch(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("If", ["scores"], ["unused"]))


def hidden_graph(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["scores"], ["unused"], body=helper.make_graph([], "body", [], []))
    model.graph.node.append(node)


def chance(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("RandomNormal", [], ["unused"], shape=[1]))


def function(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("", "Own", [], [], [], []))


def other_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 18


def one_label_less(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 7


def another_output(model: onnx.ModelProto) -> None:
    model.graph.output[1].name = "anything"


def another_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("token_type_ids", TensorProto.INT64, ["b", "t"]))


def another_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def no_metadata(model: onnx.ModelProto) -> None:
    model.ClearField("metadata_props")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (external_weights, "lie outside the file"),
        (external_constant, "weights `constant` lie outside the file"),
        (foreign_operator, "is a com.evil.RunThis, which is not an allowed operator"),
        (foreign_domain, "uses the operator domain `com.microsoft`"),
        (unknown_operator, "is a RunThis, which is not an allowed operator"),
        (branch, "is a If, which is not an allowed operator"),
        (hidden_graph, "holds a graph of its own"),
        (chance, "is a RandomNormal, which is not an allowed operator"),
        (function, "holds functions or training graphs of its own"),
        (other_opset, "opset is 18, model.json says 20"),
        (one_label_less, "outputs are scores float32[*, 7] and logits float32[*, 8], model.json says scores float32[*, 8]"),
        (another_output, "outputs are scores float32[*, 8] and anything"),
        (another_input, "inputs are input_ids int64[*, *] and attention_mask int64[*, *] and token_type_ids"),
        (another_type, "inputs are input_ids of another type[*, *]"),
        (no_metadata, "was exported with other labels"),
    ],
)  # fmt: skip
def test_a_graph_that_could_do_or_promise_something_else_is_refused(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None], problem: str
) -> None:
    change_graph(copy_demo(tmp_path), change)
    line = refusal(tmp_path)
    assert "/model.onnx: " in line and problem in line


@pytest.mark.parametrize("raw", [b"", b"no graph", b"\xff" * 100, bytes(range(256))])
def test_bytes_that_are_no_graph_are_one_line(tmp_path: Path, raw: bytes) -> None:
    sign(copy_demo(tmp_path), "model.onnx", raw)
    assert "/model.onnx: " in refusal(tmp_path)


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    def spoil(model: onnx.ModelProto) -> None:
        for weights in model.graph.initializer:
            if weights.name.endswith("head.bias"):
                weights.raw_data = np.full(weights.dims, np.nan, np.float32).tobytes()

    change_graph(copy_demo(tmp_path), spoil)
    assert "scores that are not finite" in refusal(tmp_path)


def test_other_weights_are_caught_by_the_canaries(tmp_path: Path) -> None:
    def soften(model: onnx.ModelProto) -> None:
        for weights in model.graph.initializer:
            if weights.name.endswith("head.bias"):
                weights.raw_data = (numpy_helper.to_array(weights) + np.arange(8, dtype=np.float32)).tobytes()

    change_graph(copy_demo(tmp_path), soften)
    line = refusal(tmp_path)
    assert "/golden.json: `" in line and " expected; " in line


def test_a_graph_that_onnxruntime_cannot_run_is_one_line(tmp_path: Path) -> None:
    def cut(model: onnx.ModelProto) -> None:
        model.graph.node[3].input[0] = "nowhere"

    change_graph(copy_demo(tmp_path), cut)
    assert "/model.onnx: onnxruntime refuses it: " in refusal(tmp_path)

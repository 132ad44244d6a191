"""What an ONNX graph may hold: standard operators without side effects, its own weights, the promised inputs.

The graph is parsed and judged before a session sees it: onnxruntime itself would read external data from the
working directory.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from models_onnx import card as cards
from models_onnx.card import Card, Tensor
from schemas.errors import ModelError

#: Metadata inside the graph that must agree with model.json, so that the labels of one model cannot be put on another.
PROPERTY = "beckon"

_DOMAINS = ("", "ai.onnx")
_TYPES: dict[int, str] = {onnx.TensorProto.INT64: "int64", onnx.TensorProto.FLOAT: "float32"}

#: Pure tensor operators of the standard that classifiers need; no control flow, no sequences, no random numbers.
OPERATORS = frozenset(
    "Abs Add And Attention Cast Ceil Clip Concat Constant ConstantOfShape CumSum DequantizeLinear Div"
    " DynamicQuantizeLinear Einsum Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gelu Gemm"
    " Greater GreaterOrEqual Identity IsNaN LayerNormalization Less LessOrEqual Log LogSoftmax MatMul MatMulInteger"
    " Max Min Mod Mul Neg Not Or Pad Pow QuantizeLinear Range Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum"
    " Relu Reshape RMSNormalization ScatterND Shape Sigmoid Sign Size Slice Softmax Split Sqrt Squeeze Sub Sum Tanh"
    " Tile TopK Transpose Trilu Unsqueeze Where Xor".split()
)


def properties_of(labels: Sequence[str], activation: str, max_length: int) -> str:
    """Return what the graph says of itself, as it must be stored in its metadata."""
    said = {"labels": labels, "activation": activation, "max_length": max_length}
    return msgspec.json.encode(said).decode()


def check_graph(raw: bytes, card: Card, where: str) -> None:
    """Raise `ModelError` that names the node, tensor or field for which the graph is refused."""
    field = f"{where}/{cards.GRAPH_FILE}"
    try:
        model = onnx.load_model_from_string(raw)
    except (DecodeError, ValueError) as error:  # a UnicodeDecodeError is a ValueError
        raise ModelError(field, f"is no ONNX model ({type(error).__name__})", cards.REMEDY) from None
    problem = _problem(model, card)
    if problem is not None:
        raise ModelError(field, problem, "export it with `beckon train tags`")


def _problem(model: onnx.ModelProto, card: Card) -> str | None:
    if model.functions or model.training_info:
        return "holds functions or training graphs of its own"
    for opset in model.opset_import:
        if opset.domain not in _DOMAINS:
            return f"uses the operator domain `{opset.domain}`, only the standard one is allowed"
        if opset.version != card.opset:
            return f"opset is {opset.version}, {cards.FILE} says {card.opset}"
    for node in model.graph.node:
        if node.domain not in _DOMAINS or node.op_type not in OPERATORS:
            name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            return f"node `{node.name}` is a {name}, which is not an allowed operator"
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            return f"node `{node.name}` holds a graph of its own"
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            return f"weights `{tensor.name}` lie outside the file"
    return _interface_problem(model, card)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            yield attribute.sparse_tensor.values
            yield attribute.sparse_tensor.indices


def _interface_problem(model: onnx.ModelProto, card: Card) -> str | None:
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    for kind, values, tensors in (
        ("inputs", inputs, card.inputs),
        ("outputs", model.graph.output, card.outputs),
    ):
        found, wanted = [_tensor(value) for value in values], [_shown(tensor) for tensor in tensors]
        if found != wanted:
            return f"{kind} are {' and '.join(found)}, {cards.FILE} says {' and '.join(wanted)}"
    said: Mapping[str, str] = {entry.key: entry.value for entry in model.metadata_props}
    if said.get(PROPERTY) != properties_of(card.labels, card.activation, card.max_length):
        return f"was exported with other labels, activation or max_length than {cards.FILE} says"
    return None


def _tensor(value: onnx.ValueInfoProto) -> str:
    kind = value.type.tensor_type
    axes = ", ".join(str(axis.dim_value) if axis.HasField("dim_value") else "*" for axis in kind.shape.dim)
    return f"{value.name} {_TYPES.get(kind.elem_type, 'of another type')}[{axes}]"


def _shown(tensor: Tensor) -> str:
    # Free axes may have any name; lengths count.
    axes = ", ".join(str(axis) if isinstance(axis, int) else "*" for axis in tensor.axes)
    return f"{tensor.name} {tensor.dtype}[{axes}]"

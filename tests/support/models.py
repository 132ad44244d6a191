"""The demo's model as material for tests: copies of it, changed in one place and signed anew."""

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from models_onnx.card import FILE
from models_onnx.folder import read_folder
from models_onnx.provider import open_session
from models_onnx.registry import load_tag_model
from models_onnx.runtime import TagModel
from models_onnx.tokenizer import TextTokenizer

MODELS = Path(__file__).parents[2] / "models"


def demo_model() -> TagModel:
    """Return the checked-in tag model, on the CPU."""
    return load_tag_model(MODELS, "tags", "cpu")


def copy_demo(models: Path) -> Path:
    """Copy the checked-in tag model to `models`/tags/1, in use there; return that folder."""
    version = (MODELS / "tags" / "current").read_text().strip()
    folder = models / "tags" / "1"
    shutil.copytree(MODELS / "tags" / version, folder)
    (models / "tags" / "current").write_text("1\n")
    change_card(folder, lambda card: card.update(version="1"))
    return folder


def copy_version(
    models: Path, version: str, change: Callable[[dict[str, Any]], object] = lambda card: None
) -> Path:
    """Copy version 1 of `tags` to another one, model.json changed; return its folder. Scores are the same."""
    folder = models / "tags" / version
    shutil.copytree(models / "tags" / "1", folder)
    change_card(folder, lambda card: card.update(version=version))
    change_card(folder, change)
    return folder


def change_card(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change model.json in place."""
    card = msgspec.json.decode((folder / FILE).read_bytes())
    change(card)
    (folder / FILE).write_bytes(msgspec.json.encode(card))


def sign(folder: Path, name: str, raw: bytes) -> None:
    """Write a file and what model.json says of it, as somebody who forges a model would."""
    (folder / name).write_bytes(raw)
    entry = {"sha256": sha256(raw).hexdigest(), "bytes": len(raw)}
    change_card(folder, lambda card: card["files"].update({name: entry}))


def change_graph(folder: Path, change: Callable[[onnx.ModelProto], object]) -> None:
    """Change the graph in place and sign it."""
    model = onnx.load(folder / "model.onnx")
    change(model)
    sign(folder, "model.onnx", model.SerializeToString())


def unchecked_model(folder: Path) -> TagModel:
    """Return the model of a folder without the checks of its graph and canaries."""
    read = read_folder(folder)
    tokenizer = TextTokenizer(read.files["tokenizer.json"], read.card.max_length, "tokenizer.json")
    session, provider = open_session(read.files["model.onnx"], "cpu")
    return TagModel(read.card, read.digest, provider, tokenizer, session)


def make_dynamic_int8(folder: Path) -> None:
    """Make the model one whose scores depend on the batch, with the canaries that its maker would have stored."""
    small = folder.with_name(f".{folder.name}.onnx")
    quantize_dynamic(folder / "model.onnx", small, weight_type=QuantType.QInt8)
    sign(folder, "model.onnx", small.read_bytes())
    small.unlink()
    change_card(folder, lambda card: card.update(precision="int8-dynamic"))
    canaries = msgspec.json.decode((folder / "golden.json").read_bytes())
    model = unchecked_model(folder)
    # Loading runs all canaries in one batch, as here.
    scores = model.scores(model.encode([canary["text"] for canary in canaries])).tolist()
    for canary, row in zip(canaries, scores, strict=True):
        canary["scores"] = dict(zip(model.card.labels, row, strict=True))
    sign(folder, "golden.json", msgspec.json.encode(canaries))

"""The demo's model as material for tests: copies of it, changed in one place and signed anew."""

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import onnx

from models_onnx.card import FILE
from models_onnx.registry import load_tag_model
from models_onnx.runtime import TagModel

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

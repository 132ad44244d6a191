"""A finished model into its folder: written beside, verified, moved to its version, put in use."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from models_onnx import card as cards
from models_onnx import registry
from models_onnx.card import Card, FileEntry
from models_onnx.encoder import open_encoder
from models_onnx.folder import read_folder
from models_onnx.invariance import check_invariance
from models_onnx.runtime import open_model
from schemas.errors import SettingsError


def make_room(models: Path, name: str) -> Path:
    """Return the folder of a model, there and writable; raise `SettingsError`. Before minutes of training."""
    folder = models / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise SettingsError(
            "--out", f"{folder} cannot be written ({error.strerror})", "name another"
        ) from None
    return folder


def register(models: Path, card: Card, files: Mapping[str, bytes], texts: Sequence[str]) -> tuple[Path, Card]:
    """Write, verify and promote a model; return its folder and its card as written, files listed.

    `texts` are those that score alone and in company. Raise `ModelError` when a check fails; then nothing is
    left of it.
    """
    entries = {name: FileEntry(sha256(raw).hexdigest(), len(raw)) for name, raw in files.items()}
    card = msgspec.structs.replace(card, files=entries)
    folder = registry.version_folder(models, card.name, card.version)
    beside = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for name, raw in {**files, cards.FILE: cards.encode(card)}.items():
            (beside / name).write_bytes(raw)
        if card.kind == "text-encoder":
            open_encoder(read_folder(beside), "cpu").check_company(texts, str(folder))
        else:
            check_invariance(open_model(read_folder(beside), "cpu"), texts, str(folder))
        beside.chmod(0o755)
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    registry.promote(models, card.name, card.version)
    return folder, card

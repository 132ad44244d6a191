"""A version folder as bytes, each checked against model.json before anything looks inside."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from models_onnx import card as cards
from models_onnx.card import Card
from schemas.errors import ModelError

#: Our models have some megabytes; what is larger than this is none of ours.
FOLDER_BYTES_MAX = 2 << 30


@dataclass(frozen=True)
class Folder:
    """A folder whose files are exactly the listed ones, with the listed contents. `where` is for messages."""

    where: str
    card: Card
    digest: str
    files: dict[str, bytes]


def read_folder(path: Path) -> Folder:
    """Read a version folder; raise `ModelError` that names the first file or field that is wrong."""
    where = str(path)
    if not path.is_dir():
        raise ModelError(where, "there is no such folder", "`beckon models list` shows what there is")
    card, digest = cards.read(path, where)
    found = {entry.name for entry in path.iterdir()}
    listed = {*card.files, cards.FILE}
    if unlisted := sorted(found - listed):
        raise ModelError(
            f"{where}/{unlisted[0]}",
            f"is not listed in {cards.FILE}",
            "a model folder holds nothing else: move the file away",
        )
    if sum(entry.bytes for entry in card.files.values()) > FOLDER_BYTES_MAX:
        raise ModelError(f"{where}/{cards.FILE}", "files: more than 2 GiB in total", cards.REMEDY)
    return Folder(where, card, digest, {name: _file(path, where, card, name) for name in card.files})


def _file(path: Path, where: str, card: Card, name: str) -> bytes:
    entry = card.files[name]
    raw = cards.read_bounded(path / name, entry.bytes, f"{where}/{name}")
    if len(raw) != entry.bytes:
        raise ModelError(
            f"{where}/{name}", f"has {len(raw):,} bytes, {cards.FILE} says {entry.bytes:,}", cards.REMEDY
        )
    if sha256(raw).hexdigest() != entry.sha256:
        raise ModelError(f"{where}/{name}", f"its sha256 is not the one in {cards.FILE}", cards.REMEDY)
    return raw

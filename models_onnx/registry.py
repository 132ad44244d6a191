"""models/NAME/VERSION and models/NAME/current: which models there are and which one is in use."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from models_onnx import card as cards
from models_onnx.folder import read_folder
from models_onnx.runtime import TagModel, open_model
from schemas.errors import ModelError, SettingsError

CURRENT = "current"
_LIST = "`beckon models list` shows what there is"


def load_tag_model(models: Path, name: str, provider: str) -> TagModel:
    """Return the version in use of a model, verified and ready; raise `ModelError` or `SettingsError`.

    `provider` is auto, cpu or cuda.
    """
    return load_version(models, name, current_version(models, name), provider)


def load_version(models: Path, name: str, version: str, provider: str) -> TagModel:
    """Return one version of a model, verified and ready; raise `ModelError` or `SettingsError`."""
    path = version_folder(models, name, version)
    folder = read_folder(path)
    if (folder.card.name, folder.card.version) != (name, version):
        raise ModelError(
            f"{path}/{cards.FILE}",
            f"name and version are {folder.card.name} {folder.card.version}, not those of its folders",
            "move the folder to where it belongs",
        )
    return open_model(folder, provider)


def current_version(models: Path, name: str) -> str:
    """Return the version that `current` names."""
    base = _base(models, name)
    if not base.is_dir():
        raise SettingsError("models.tags", f"there is no model {name} in {models}", _LIST)
    raw = cards.read_bounded(base / CURRENT, 256, f"{base / CURRENT}")
    version = raw.decode(errors="replace").strip()
    if not cards.is_plain_name(version):
        raise ModelError(f"{base / CURRENT}", "does not name a version", f"write one into it; {_LIST}")
    return version


def versions(models: Path, name: str) -> list[str]:
    """Return the versions of a model, numbers in their order."""
    base = _base(models, name)
    if not base.is_dir():
        return []
    found = [path.name for path in base.iterdir() if path.is_dir() and cards.is_plain_name(path.name)]
    return sorted(
        found, key=lambda version: (not version.isdigit(), len(version) if version.isdigit() else 0, version)
    )


def names(models: Path) -> Iterator[str]:
    """Yield the models there are."""
    if models.is_dir():
        found = (path.name for path in models.iterdir() if cards.is_plain_name(path.name))
        yield from sorted(name for name in found if versions(models, name))


def next_version(models: Path, name: str) -> str:
    """Return the number after the greatest one."""
    numbers = [int(version) for version in versions(models, name) if version.isdigit()]
    return str(max(numbers, default=0) + 1)


def promote(models: Path, name: str, version: str) -> None:
    """Put a version in use, atomically; the caller has verified it."""
    base = _base(models, name)
    if not version_folder(models, name, version).is_dir():
        raise SettingsError("version", f"there is no {name} {version} in {models}", _LIST)
    handle, beside = tempfile.mkstemp(prefix=f".{CURRENT}-", dir=base)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{version}\n")
        file.flush()
        os.fsync(file.fileno())
    Path(beside).chmod(0o644)
    Path(beside).replace(base / CURRENT)


def version_folder(models: Path, name: str, version: str) -> Path:
    """Return the folder of a version, there or not; raise `SettingsError` unless both are plain names."""
    if not cards.is_plain_name(version):
        raise SettingsError("version", f"`{version[:64]}` is not a version", _LIST)
    return _base(models, name) / version


def _base(models: Path, name: str) -> Path:
    if not cards.is_plain_name(name):
        raise SettingsError("models.tags", f"`{name[:64]}` is not a model's name", _LIST)
    return models / name

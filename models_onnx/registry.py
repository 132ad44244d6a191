"""models/NAME/VERSION, and beside the versions small files that name some of them.

`current` names the one in use, `candidate` one that scores beside it and decides nothing (there may be none),
`history` those that were in use before, newest last.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from models_onnx import card as cards
from models_onnx.folder import Folder, read_folder
from models_onnx.runtime import TagModel, open_model
from schemas.errors import ModelError, SettingsError

CURRENT, CANDIDATE, HISTORY = "current", "candidate", "history"
#: Versions that `history` remembers.
_HISTORY_MAX = 100
_LIST = "`beckon models list` shows what there is"


def load_tag_model(models: Path, name: str, provider: str, precision: str = "auto") -> TagModel:
    """Return the version in use of a model, verified and ready; raise `ModelError` or `SettingsError`.

    `provider` is auto, cpu or cuda; `precision` is auto, fp32, fp16 or int8 (`models_onnx.precision`).
    """
    return load_version(models, name, current_version(models, name), provider, precision)


def load_version(models: Path, name: str, version: str, provider: str, precision: str = "auto") -> TagModel:
    """Return one version of a model, verified and ready; raise `ModelError` or `SettingsError`."""
    return open_model(read_version(models, name, version), provider, precision)


def read_version(models: Path, name: str, version: str) -> Folder:
    """Return the files of a version, each as its card says; raise `ModelError` or `SettingsError`."""
    path = version_folder(models, name, version)
    folder = read_folder(path)
    if (folder.card.name, folder.card.version) != (name, version):
        raise ModelError(
            f"{path}/{cards.FILE}",
            f"name and version are {folder.card.name} {folder.card.version}, not those of its folders",
            "move the folder to where it belongs",
        )
    return folder


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


def current_digest(models: Path, name: str) -> str:
    """Return the digest that the version in use has by its model.json; nothing else of it is looked at."""
    folder = version_folder(models, name, current_version(models, name))
    return cards.read(folder, str(folder))[1]


def candidate_version(models: Path, name: str) -> str | None:
    """Return the version that scores beside the one in use; None where none does."""
    path = _base(models, name) / CANDIDATE
    if not path.exists():
        return None
    version = cards.read_bounded(path, 256, f"{path}").decode(errors="replace").strip()
    if not cards.is_plain_name(version):
        raise ModelError(f"{path}", "does not name a version", "remove it with `beckon models shadow --off`")
    return version


def promote(models: Path, name: str, version: str) -> None:
    """Put a version in use, atomically; the caller has verified it. A candidate that is promoted is none any more."""
    base = _base(models, name)
    _must_exist(models, name, version)
    before = _in_use(models, name)
    if before is not None and before != version:
        # First: cut off between the two, history ends with what is still in use, and `rollback` passes over it.
        past = [*_history(base), before][-_HISTORY_MAX:]
        _write(base / HISTORY, past)
    _write(base / CURRENT, [version])
    if candidate_version(models, name) == version:
        set_candidate(models, name, None)


def previous_version(models: Path, name: str) -> str:
    """Return the version that was in use before; raise `SettingsError` when there is none."""
    in_use = _in_use(models, name)
    past = [version for version in _history(_base(models, name)) if version != in_use]
    if not past:
        raise SettingsError("NAME", f"no other {name} was in use before", "`beckon models promote` names one")
    return past[-1]


def roll_back(models: Path, name: str) -> str:
    """Put the version before in use again and return it; the caller has verified it.

    What was in use is forgotten: rolled back twice, the one before that comes.
    """
    base, version = _base(models, name), previous_version(models, name)
    _must_exist(models, name, version)
    past = _history(base)
    _write(base / CURRENT, [version])
    last = len(past) - 1 - past[::-1].index(version)
    _write(base / HISTORY, past[:last])
    return version


def set_candidate(models: Path, name: str, version: str | None) -> None:
    """Let a version score beside the one in use, or none; the caller has verified it."""
    base = _base(models, name)
    if version is None:
        (base / CANDIDATE).unlink(missing_ok=True)
        return
    _must_exist(models, name, version)
    _write(base / CANDIDATE, [version])


def fingerprint(models: Path, name: str, pointer: str) -> tuple[object, ...]:
    """Return what changes when a pointer (`current`, `candidate`) or a file of what it names does; cheap.

    Nothing is verified here, and a pointer that leads nowhere is fine.
    """
    base = _base(models, name)
    path = base / pointer
    try:
        version = path.read_bytes()[:256].decode(errors="replace").strip()
        stat = path.stat()
        folder = base / version if cards.is_plain_name(version) else None
        files = [] if folder is None else sorted(_stamps(folder))
    except OSError:
        return ()
    return version, stat.st_mtime_ns, stat.st_ino, *files


def _stamps(folder: Path) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            stat = entry.stat()
            yield entry.name, stat.st_size, stat.st_mtime_ns


def _in_use(models: Path, name: str) -> str | None:
    try:
        return current_version(models, name)
    except ModelError:  # none was ever, or the file is broken: a new one mends it
        return None


def _history(base: Path) -> list[str]:
    path = base / HISTORY
    if not path.exists():
        return []
    lines = cards.read_bounded(path, 1 << 20, f"{path}").decode(errors="replace").split()
    return [version for version in lines if cards.is_plain_name(version)]


def _must_exist(models: Path, name: str, version: str) -> None:
    if not version_folder(models, name, version).is_dir():
        raise SettingsError("version", f"there is no {name} {version} in {models}", _LIST)


def _write(path: Path, lines: Sequence[str]) -> None:
    """Replace a small file, atomically."""
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    Path(beside).chmod(0o644)
    Path(beside).replace(path)


def version_folder(models: Path, name: str, version: str) -> Path:
    """Return the folder of a version, there or not; raise `SettingsError` unless both are plain names."""
    if not cards.is_plain_name(version):
        raise SettingsError("version", f"`{version[:64]}` is not a version", _LIST)
    return _base(models, name) / version


def _base(models: Path, name: str) -> Path:
    if not cards.is_plain_name(name):
        raise SettingsError("models.tags", f"`{name[:64]}` is not a model's name", _LIST)
    return models / name

"""Training that can be interrupted: weights and where it stood, in one safetensors file. Needs `beckon[train]`."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from models_onnx.plan import Moment

Tensors = dict[str, Any]


class Standing(Struct, frozen=True):
    """Where a training stands. `key` tells the data and the plan; `random` is the state of its own chance."""

    key: str
    done: int
    best_epoch: int
    best_loss: float
    history: tuple[Moment, ...]
    random: tuple[int, ...]


class Checkpoints:
    """The newest one only. `path` None: none are kept. One of another `key` is as good as none."""

    def __init__(self, path: Path | None, key: str) -> None:
        self._path = path
        self.key = key

    def load(self) -> tuple[Standing, Tensors] | None:
        """Return what was saved, None where nothing was or where it cannot be read."""
        if self._path is None or not self._path.is_file():
            return None
        try:
            with safe_open(self._path, framework="pt") as file:
                standing = msgspec.json.decode(file.metadata()["standing"], type=Standing)
                if standing.key != self.key:
                    return None
                return standing, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- no dict
        except (SafetensorError, msgspec.MsgspecError, KeyError, TypeError):
            return None

    def save(self, standing: Standing, tensors: Tensors) -> None:
        """Put this one in the place of the last one, atomically."""
        if self._path is None:
            return
        # Tied weights share memory, which the format does not know.
        own = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        save_file(own, beside, {"standing": msgspec.json.encode(standing).decode()})
        beside.replace(self._path)

    def clear(self) -> None:
        """Forget it."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def optimizer_tensors(optimizer: Any) -> Tensors:
    """Return what the optimizer remembers, by name."""
    return {
        f"optimizer.{number}.{name}": value
        for number, some in optimizer.state_dict()["state"].items()
        for name, value in some.items()
    }


def restore_optimizer(optimizer: Any, tensors: Tensors) -> None:
    """Give the optimizer its memory back."""
    state: dict[int, Tensors] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, number, name = key.split(".")
            state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})

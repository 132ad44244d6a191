"""Serving stands on its own: no package of training is touched, and what is missing for training is named."""

import subprocess
import sys

import pytest

from models_onnx.extra import require_train_extra
from schemas.errors import SettingsError

SCRIPT = """
import sys
from pathlib import Path
import models_onnx.batcher, models_onnx.invariance, models_onnx.quality, models_onnx.registry
from models_onnx.batcher import Tagger
from models_onnx.registry import load_tag_model
assert Tagger(load_tag_model(Path("models"), "tags", "cpu"), 10, 512, 1.0).tag(["yoga mat"])[0][0][0] == "yoga"
import streams.cli, streams.commands.score, streams.commands.models, streams.commands.train
streams.cli.build()
print([name for name in ("torch", "transformers", "sklearn", "onnxscript", "pandas") if name in sys.modules])
"""


def test_serving_imports_no_package_of_training() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("name", ["torch", "transformers", "onnxscript", "sklearn"])
def test_training_without_its_packages_names_the_extra(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError) as raised:
        require_train_extra()
    assert str(raised.value) == (
        f"beckon train: needs {name}; install the extra: pip install 'beckon[train]'"
    )

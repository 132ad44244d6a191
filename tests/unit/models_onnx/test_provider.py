"""Where a model runs, and that onnxruntime's silences are heard."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from models_onnx import provider
from models_onnx.provider import cuda_is_here, open_session
from schemas.errors import ModelError
from tests.support.models import MODELS, demo_model

GRAPH = (MODELS / "tags" / demo_model().card.version / "model.onnx").read_bytes()


@pytest.mark.skipif(cuda_is_here(), reason="this machine has CUDA: being without it cannot be shown here")
def test_cuda_by_name_where_there_is_none_is_one_line() -> None:
    with pytest.raises(
        ModelError, match=r"^models\.provider: is cuda, but no CUDA device can be used here; set"
    ):
        open_session(GRAPH, "cuda")


def test_auto_takes_cuda_only_where_it_is() -> None:
    _, used = open_session(GRAPH, "auto")
    assert used == ("cuda" if cuda_is_here() else "cpu")


def test_cpu_by_name_is_the_cpu() -> None:
    session, used = open_session(GRAPH, "cpu")
    assert used == "cpu" and session.get_providers() == ["CPUExecutionProvider"]


@pytest.mark.skipif(cuda_is_here(), reason="with CUDA here, onnxruntime would really use it")
def test_cuda_that_onnxruntime_drops_in_silence_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "cuda_is_here", lambda: True)
    with pytest.raises(ModelError, match="onnxruntime could not load CUDA and took the CPU"):
        open_session(GRAPH, "cuda")


def test_both_wheels_at_once_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def both() -> Iterator[SimpleNamespace]:
        for name in ("onnxruntime", "numpy", "onnxruntime_gpu"):
            yield SimpleNamespace(metadata={"Name": name})

    monkeypatch.setattr(provider, "distributions", both)
    with pytest.raises(ModelError, match="both onnxruntime and onnxruntime-gpu are installed") as raised:
        open_session(GRAPH, "cpu")
    assert "\n" not in str(raised.value)

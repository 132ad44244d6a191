"""Where a model runs: CUDA where there is one, else the CPU; asked for by name, it is that or an error."""

import ctypes
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from schemas.errors import ModelError

Asked = Literal["auto", "cpu", "cuda"]
#: What a session takes: tensors by name.
Inputs = Mapping[str, npt.NDArray[np.int64]]
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_WHEELS = ("onnxruntime", "onnxruntime-gpu")
#: Errors of a session come to us as exceptions; its own lines on standard error say less.
_FATAL_ONLY = 4


def check_one_runtime() -> None:
    """Raise `ModelError` when both wheels are installed: they share a folder and the last one wins."""
    names = {str(found.metadata["Name"]).lower().replace("_", "-") for found in distributions()}
    if names.issuperset(_WHEELS):
        raise ModelError(
            "onnxruntime",
            "both onnxruntime and onnxruntime-gpu are installed, in one folder",
            "uninstall both, then install the one that you want",
        )


def cuda_is_here() -> bool:
    """Return whether there is a driver, a device and a runtime built for them."""
    if not Path("/dev/nvidia0").exists() or _CUDA not in ort.get_available_providers():
        return False
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def open_session(graph: bytes, asked: str) -> tuple[Any, str]:
    """Return a session on a checked graph and where it runs, `cpu` or `cuda`; raise `ModelError`.

    onnxruntime falls back to the CPU in silence, so what it says it uses is compared with what was asked.
    """
    check_one_runtime()
    if asked == "cuda" and not cuda_is_here():
        raise ModelError(
            "models.provider", "is cuda, but no CUDA device can be used here", "set it to auto or cpu"
        )
    wanted = "cuda" if asked == "cuda" or (asked == "auto" and cuda_is_here()) else "cpu"
    if wanted == "cuda":
        # CUDA's libraries come as wheels of their own (`beckon[gpu]`), where no loader looks for them.
        with redirect_stdout(None):
            ort.preload_dlls()
        session = _session(
            graph, [(_CUDA, {"use_tf32": "0", "arena_extend_strategy": "kSameAsRequested"}), _CPU]
        )
    else:
        session = _session(graph, [_CPU])
    used = "cuda" if session.get_providers()[0] == _CUDA else "cpu"
    if asked == "cuda" and used != "cuda":
        raise ModelError(
            "models.provider",
            "is cuda, but onnxruntime could not load CUDA and took the CPU",
            "install `onnxruntime-gpu[cuda,cudnn]`, or set it to auto or cpu",
        )
    return session, used


def run_bound(session: Any, inputs: Inputs, output: str, device: str) -> Any:
    """Return one output of a call whose tensors lie on the device `cpu` or `cuda`: one copy there, one back.

    Without binding a session on CUDA copies, waits and allocates for every tensor by itself.
    """
    binding = session.io_binding()
    for name, values in inputs.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(values, device, 0))
    binding.bind_output(output, device)
    session.run_with_iobinding(binding)
    return binding.get_outputs()[0].numpy()


def _session(graph: bytes, providers: list[Any]) -> Any:
    ort.set_default_logger_severity(_FATAL_ONLY)
    options = ort.SessionOptions()
    # One thread per call: threads that call scale better than threads inside one call, and none of them spins.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _FATAL_ONLY
    # This fusion's CPU kernel is a scalar loop: without it the same bits come up to 1.4 times as fast.
    return ort.InferenceSession(
        graph, options, providers=providers, disabled_optimizers=["SkipLayerNormFusion"]
    )

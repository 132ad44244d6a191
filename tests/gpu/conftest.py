"""These tests need a GPU. Without one they are skipped; BECKON_REQUIRE_GPU=1 makes that a failure."""

import os

import pytest

from models_onnx.provider import cuda_is_here


@pytest.fixture(autouse=True)
def gpu() -> None:
    """Skip the test, or fail it, where there is no GPU."""
    if cuda_is_here():
        return
    if os.environ.get("BECKON_REQUIRE_GPU") == "1":
        pytest.fail("no GPU here, and BECKON_REQUIRE_GPU=1", pytrace=False)
    pytest.skip("no GPU here")

"""A text's scores may not depend on its neighbours: checked on the demo's model, and on one where they do."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from models_onnx import registry
from models_onnx.company import check_company, tolerance
from models_onnx.invariance import check_invariance
from models_onnx.sample_titles import titles
from schemas.errors import ModelError
from tests.support.models import copy_demo, demo_model, make_dynamic_int8, unchecked_model

TEXTS = [text for text, _ in titles(11, 60)]


def test_the_demo_model_says_of_a_text_the_same_in_any_company() -> None:
    assert check_invariance(demo_model(), TEXTS, "models/tags/1") > 1000


def test_dynamic_int8_is_found_out_for_its_scale_spans_the_batch(tmp_path: Path) -> None:
    folder = copy_demo(tmp_path)
    make_dynamic_int8(folder)  # no digest and no canary betrays it
    line = r"batch invariance: .* alone and .* in a batch of \d+; export it in"
    with pytest.raises(ModelError, match=line):
        registry.load_tag_model(tmp_path, "tags", "cpu")
    model = unchecked_model(folder)
    with pytest.raises(ModelError, match=line):
        check_invariance(model, TEXTS, str(folder))


def test_on_a_gpu_rounding_may_fall_either_way_and_half_precision_has_fewer_digits() -> None:
    card = demo_model().card
    assert tolerance(card, "cpu") == 0.0
    assert tolerance(card, "cuda") == 1.5e-4
    assert tolerance(msgspec.structs.replace(card, precision="fp16"), "cuda") == 2e-2
    alone, labels = np.array([[0.5, 0.1]]), ("a", "b")
    near = np.array([[0.5001, 0.1]])
    check_company(alone, near, ["`tent`"], labels, 1.5e-4, "model")
    with pytest.raises(
        ModelError, match=r"model: batch invariance: `tent` scores 0\.5000 for a alone and 0\.5001"
    ):
        check_company(alone, near, ["`tent`"], labels, 0.0, "model")

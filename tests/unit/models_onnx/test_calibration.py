"""May a score be taken for a probability: temperatures, bins and thresholds, by their formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss

from models_onnx.calibration import (
    Bin,
    best_bars,
    best_temperature,
    cross_entropy,
    expected_error,
    reliability,
    sigmoid,
    softmax,
    threshold_accepting,
)


def drawn(seed: int, texts: int = 4000, labels: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and truths drawn from exactly the probabilities that they say."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (texts, labels))
    said = softmax(logits).cumsum(axis=1)
    chosen = (rng.random((texts, 1)) > said).sum(axis=1).clip(max=labels - 1)
    return logits, np.eye(labels, dtype=np.bool_)[chosen]


def test_bins_hold_all_texts_once_with_their_mean_score_and_share_of_right_ones() -> None:
    scores = np.array([0.01, 0.05, 0.5, 0.95, 1.0])
    right = np.array([False, True, True, True, False])
    assert reliability(scores, right) == (
        Bin(2, pytest.approx(0.03), 0.5),
        Bin(1, 0.5, 1.0),
        Bin(2, pytest.approx(0.975), 0.5),
    )


def test_a_model_that_says_what_happens_is_calibrated_and_one_that_exaggerates_is_not() -> None:
    logits, truth = drawn(1)
    for factor, low, high in ((1.0, 0.0, 0.03), (3.0, 0.1, 0.5)):
        scores = softmax(factor * logits)
        right = scores.argmax(axis=1) == truth.argmax(axis=1)
        assert low <= expected_error(reliability(scores.max(axis=1), right)) <= high


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_the_temperature_undoes_an_exaggeration(factor: float) -> None:
    logits, truth = drawn(2)
    found, _ = best_temperature(factor * logits, truth, several=False)
    assert found == pytest.approx(factor, rel=0.08)


def test_a_model_without_mistakes_is_never_made_surer() -> None:
    truth = np.eye(3, dtype=np.bool_)
    assert best_temperature(2.0 * truth, truth, several=False)[0] == 1.0
    assert best_temperature(np.where(truth, 1.0, -1.0), truth, several=True)[0] == 1.0


def test_the_loss_is_the_one_of_scikit_learn_and_texts_about_nothing_do_not_count() -> None:
    logits, truth = drawn(3, texts=50)
    expected = log_loss(truth.argmax(axis=1), softmax(logits), labels=range(5))
    assert cross_entropy(logits, truth, several=False) == pytest.approx(expected)
    more = np.vstack([logits, np.ones((1, 5))]), np.vstack([truth, np.zeros((1, 5), dtype=np.bool_)])
    assert cross_entropy(*more, several=False) == pytest.approx(expected)
    by_label = [log_loss(column, sigmoid(said)) for column, said in zip(truth.T, logits.T, strict=True)]
    assert cross_entropy(logits, truth, several=True) == pytest.approx(np.mean(by_label))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.sampled_from([0.5, 0.9, 0.95, 1.0]))
def test_the_threshold_is_reached_by_the_share_that_was_asked_for(scores: list[float], share: float) -> None:
    bar = threshold_accepting(np.array(scores), share)
    assert sum(score >= bar for score in scores) >= share * len(scores)


def test_a_label_gets_the_threshold_with_the_best_f1_of_all_that_were_tried() -> None:
    rng = np.random.default_rng(4)
    truth = rng.random((400, 2)) < [0.5, 0.1]
    scores = np.clip(0.25 * truth + rng.random((400, 2)) * 0.5, 0, 1)
    bars = best_bars(scores, truth, 0.5)
    for column, wanted, bar in zip(scores.T, truth.T, bars, strict=True):
        best = f1_score(wanted, column >= bar)
        others = [f1_score(wanted, column >= other) for other in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]
        assert best >= max(others) and best > f1_score(wanted, column >= 0.9) + 0.2


def test_a_label_without_texts_keeps_the_threshold_that_was_given() -> None:
    assert best_bars(np.array([[0.9, 0.9]]), np.array([[True, False]]), 0.5) == [0.5, 0.5]

"""The population stability index, against numbers worked out by hand, and the bins that it is taken over."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_onnx.drift import TEXTS_MAX, ScoreBins, counts_of, psi

LABELS = ("camping", "yoga")


def test_every_score_falls_in_one_bin_and_an_edge_belongs_to_the_bin_above_it() -> None:
    scores = np.array([[0.0, 1.0], [0.0499, 0.95], [0.05, 0.9499], [0.2, 0.8], [0.5, 0.7999]])
    assert counts_of(scores).tolist() == [[2, 1, 1, 1, 0, 0], [0, 0, 0, 1, 2, 2]]


def test_the_index_is_the_sum_of_the_formula_with_half_a_text_more_in_each_bin() -> None:
    # (19.5 + 20.5 = 40 of 39 + 1; 79.5 + 20.5 of 99 + 1): shares 0.4875 and 0.5125 against 0.795 and 0.205
    expected = (0.795 - 0.4875) * math.log(0.795 / 0.4875) + (0.205 - 0.5125) * math.log(0.205 / 0.5125)
    assert psi([19, 20], [79, 20]) == round(expected, 4) == 0.4321


def test_an_empty_bin_is_finite() -> None:
    assert psi([100, 0], [0, 100]) == pytest.approx(2 * (99 + 1) / 101 * math.log(201), abs=0.02)


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=1, max_size=6))
def test_the_index_is_never_below_0_and_the_same_both_ways(bins: list[tuple[int, int]]) -> None:
    one, other = [pair[0] for pair in bins], [pair[1] for pair in bins]
    assert psi(one, other) == psi(other, one) >= 0


def test_the_traffic_of_training_has_none_and_another_traffic_much() -> None:
    rng = np.random.default_rng(5)
    held_out = counts_of(rng.beta(0.2, 0.6, (800, 2))).tolist()
    known = dict(zip(LABELS, held_out, strict=True))
    same, other = ScoreBins(LABELS), ScoreBins(LABELS)
    same.add(rng.beta(0.2, 0.6, (5000, 2)))
    other.add(np.column_stack([rng.beta(0.2, 0.6, 5000), rng.beta(0.6, 0.2, 5000)]))
    assert max(same.against(known).values()) < 0.05
    assert other.against(known)["camping"] < 0.05 and other.against(known)["yoga"] > 0.25


def test_few_texts_and_labels_without_held_out_scores_say_nothing() -> None:
    bins = ScoreBins(LABELS)
    bins.add(np.full((999, 2), 0.5))
    assert bins.against({"camping": [1, 1, 1, 1, 1, 1]}) == {}
    bins.add(np.full((1, 2), 0.5))
    assert list(bins.against({"camping": [1, 1, 1, 1, 1, 1]})) == ["camping"]


def test_what_is_older_fades_away() -> None:
    bins = ScoreBins(LABELS)
    high, low = np.full((TEXTS_MAX, 2), 0.99), np.full((TEXTS_MAX // 2, 2), 0.01)
    bins.add(high)
    before = bins.against({"yoga": [0, 0, 0, 0, 0, 10_000]})["yoga"]
    for _ in range(20):
        bins.add(low)
    after = bins.against({"yoga": [0, 0, 0, 0, 0, 10_000]})["yoga"]
    assert before < 0.05 and after > 5

"""Who trains, who chooses, who judges: nobody twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_onnx.corpus import Row
from models_onnx.split import split
from schemas.errors import InputError

ROWS = [Row(f"{label} {number}", label) for label in "ab" for number in range(40)]


def test_a_tenth_judges_a_tenth_chooses_and_the_rest_trains() -> None:
    parts = split(ROWS, 1)
    assert (len(parts.judge), len(parts.choose), len(parts.train)) == (8, 8, 64)
    assert parts.labels == ("a", "b") and parts.repeated == 0


def test_the_seed_decides_and_nothing_else() -> None:
    assert split(ROWS, 1) == split(ROWS[::-1], 1)
    assert split(ROWS, 1).judge != split(ROWS, 2).judge


@given(st.lists(st.tuples(st.sampled_from(["x", "X ", "y  y", "Y Y", "z"]), st.sampled_from("ab"))))
def test_no_text_is_in_two_parts_however_often_it_was_said(more: list[tuple[str, str]]) -> None:
    rows = [*ROWS, *(Row(*row) for row in more)]
    parts = split(rows, 3)
    texts = [
        " ".join(row.text.casefold().split())
        for part in (parts.train, parts.choose, parts.judge)
        for row in part
    ]
    assert len(texts) == len(set(texts)) == len(rows) - parts.repeated


def test_of_two_labels_the_more_frequent_counts_and_then_the_first() -> None:
    more = [Row("Mat", "b"), Row("mat", "b"), Row("mat ", "a"), Row("mug", "b"), Row("mug", "a")]
    parts = split([*ROWS, *more], 1)
    labels = {
        row.text.casefold(): row.label for part in (parts.train, parts.choose, parts.judge) for row in part
    }
    assert labels["mat"] == "b" and labels["mug"] == "a"
    assert parts.repeated == 3


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([row for row in ROWS if row.label == "a"], "label: all texts have one label, a"),
        ([*ROWS, *(Row(f"c {number}", "c") for number in range(4))], "label c: has 4 different texts, 5 are needed"),
        ([*ROWS, *(Row("C " * number, "c") for number in range(1, 5))], "label c: has 4 different texts"),
    ],
)  # fmt: skip
def test_a_corpus_that_cannot_be_split_is_one_line(rows: list[Row], problem: str) -> None:
    with pytest.raises(InputError) as raised:
        split(rows, 1)
    assert str(raised.value).startswith(problem)

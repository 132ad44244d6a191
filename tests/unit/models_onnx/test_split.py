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


def test_texts_that_are_given_judge_and_no_others_and_none_of_them_trains() -> None:
    judge = [Row("A 3", "a"), Row("quite new", "b"), Row("b 1", "b")]
    parts = split(ROWS, 1, judge=judge)
    assert sorted(parts.judge) == sorted(judge)
    assert (len(parts.choose), len(parts.train), parts.repeated) == (6, 72, 2)
    assert not {"a 3", "b 1"} & {row.text for row in (*parts.train, *parts.choose)}


def test_at_most_so_many_train_and_the_others_are_as_before() -> None:
    few, all_of_them = split(ROWS, 1, 20), split(ROWS, 1)
    assert len(few.train) == 20 and set(few.train) < set(all_of_them.train)
    assert (few.judge, few.choose) == (all_of_them.judge, all_of_them.choose)


def test_texts_about_nothing_known_are_in_every_part_and_no_label() -> None:
    parts = split([*ROWS, *(Row(f"strange {number}", "") for number in range(20))], 1)
    assert parts.labels == ("a", "b")
    assert [sum(not row.labels for row in part) for part in (parts.train, parts.choose, parts.judge)] == [
        16,
        2,
        2,
    ]


def test_a_text_with_several_labels_is_dealt_with_its_rarest_one() -> None:
    rows = [*ROWS, *(Row(f"both {number}", "a", ("rare",)) for number in range(10))]
    parts = split(rows, 1)
    assert parts.labels == ("a", "b", "rare")
    assert [
        sum("rare" in row.labels for row in part) for part in (parts.train, parts.choose, parts.judge)
    ] == [8, 1, 1]

"""Text to ids as the model was trained: cut where it stops reading, empty where nothing is known."""

import pytest

from tests.support.models import demo_model

TOKENIZER = demo_model().tokenizer
START, END = 2, 3


def test_ids_stand_between_the_opening_and_the_closing_token() -> None:
    (ids,) = TOKENIZER.encode(["Yoga Mat"])
    assert ids[0] == START and ids[-1] == END and len(ids) == 4
    assert TOKENIZER.encode(["yoga  mat", "YOGA MAT"]) == [ids, ids]


def test_a_long_text_keeps_its_start_and_the_closing_token() -> None:
    (short,) = TOKENIZER.encode(["yoga " * 62])
    (cut,) = TOKENIZER.encode(["yoga " * 500])
    assert len(short) == len(cut) == 64 and cut == short


@pytest.mark.parametrize("text", ["", "   ", "\t\n", "東京", "🏕", "\x00", "\u200b"])
def test_a_text_without_a_known_piece_has_no_ids(text: str) -> None:
    assert TOKENIZER.encode([text]) == [[]]


def test_one_known_word_is_enough() -> None:
    (ids,) = TOKENIZER.encode(["東京 tent"])
    assert len(ids) > 3

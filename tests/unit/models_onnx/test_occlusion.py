"""Which words carried a tag."""

from dataclasses import replace

import msgspec
import pytest

from models_onnx.occlusion import Word, carriers, explain
from tests.support.models import demo_model

MODEL = demo_model()


def score(text: str, label: str) -> float:
    (row,) = MODEL.scores(MODEL.encode([text])).tolist()
    return float(row[MODEL.card.labels.index(label)])


def test_the_word_that_carries_the_tag_comes_first_with_the_models_own_scores() -> None:
    (label,) = explain(MODEL, "tent with usb").labels
    assert (label.label, label.is_tag, label.score) == ("camping", True, score("tent with usb", "camping"))
    assert label.words[0] == Word("tent", score("with usb", "camping"), score("tent", "camping"))
    assert label.words[0].alone > 0.9 and label.words[0].without < 0.1
    assert {word.word for word in label.words} == {"tent", "with", "usb"}


def test_where_several_words_say_the_same_none_is_needed_and_each_is_enough() -> None:
    (label,) = explain(MODEL, "tent ultralight").labels
    assert all(word.alone > 0.9 and word.without > 0.9 for word in label.words)


def test_a_word_is_named_as_it_stands_in_the_text() -> None:
    (label,) = explain(MODEL, "NON-stick  WOK 東京").labels
    assert {word.word for word in label.words} == {"NON", "-", "stick", "WOK", "東", "京"}


def test_without_a_tag_the_nearest_label_is_explained() -> None:
    strict = replace(MODEL, card=msgspec.structs.replace(MODEL.card, threshold=1.0))
    (label,) = explain(strict, "wok").labels
    assert (label.label, label.is_tag) == ("kitchen", False)


def test_every_tag_is_explained_the_best_one_first() -> None:
    lenient = replace(MODEL, card=msgspec.structs.replace(MODEL.card, threshold=0.0))
    labels = explain(lenient, "wok tent").labels
    assert len(labels) == 8
    assert [label.score for label in labels] == sorted((label.score for label in labels), reverse=True)


@pytest.mark.parametrize("text", ["", "東京", "   "])
def test_a_text_without_a_known_word_has_nothing_to_explain(text: str) -> None:
    assert explain(MODEL, text).labels == ()


def test_only_words_that_are_read_are_explained() -> None:
    (label,) = explain(MODEL, "wok " * 62 + "tent tent").labels  # 64 ids with both ends: one `tent` is cut
    assert len(label.words) == 62 and {word.word for word in label.words} == {"wok"}


def test_the_words_that_carry_a_tag_alone_come_with_the_models_own_scores_highest_first() -> None:
    found = carriers(MODEL, ["Tent with USB", "tent, wok"], "camping", words_max=5)
    assert found == [("tent", score("tent", "camping"))] and found[0][1] > 0.9
    both = carriers(MODEL, ["Tent", "ultralight wok tent"], "camping", words_max=5)
    assert [word for word, _ in both] == sorted(
        ["tent", "ultralight"], key=lambda word: -score(word, "camping")
    )
    assert len(carriers(MODEL, ["Tent", "ultralight wok tent"], "camping", words_max=1)) == 1

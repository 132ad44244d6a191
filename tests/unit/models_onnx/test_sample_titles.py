"""The project's own corpus: repeatable, balanced, and with combinations that training never shows."""

from collections import Counter
from itertools import product
from random import Random

from models_onnx.sample_titles import LABELS, WORDS, kept_out, queries, titles, training_texts, unseen_titles


def pairs_in(text: str) -> set[tuple[str, str]]:
    found = text.casefold()
    return {
        (trait, thing)
        for words in WORDS.values()
        for trait, thing in product(words.traits, words.things)
        if f" {trait} {thing} ".casefold() in f" {found} "
    }


def test_the_same_seed_gives_the_same_texts_and_another_one_others() -> None:
    for make in (titles, unseen_titles, training_texts):
        assert list(make(7, 50)) == list(make(7, 50)) != list(make(8, 50))


def test_labels_come_in_turn_and_every_one_has_its_share() -> None:
    for make in (titles, unseen_titles, training_texts):
        assert Counter(label for _, label in make(1, 160)) == dict.fromkeys(LABELS, 20)


def test_training_never_shows_a_pair_that_is_kept_out() -> None:
    shown = {pair for text, _ in training_texts(1, 3000) for pair in pairs_in(text)}
    assert len(shown) > 800
    assert not [pair for pair in shown if kept_out(*pair)]


def test_every_unseen_title_holds_such_a_pair_and_the_shop_sells_both_kinds() -> None:
    assert all(any(kept_out(*pair) for pair in pairs_in(text)) for text, _ in unseen_titles(1, 200))
    both = {any(kept_out(*pair) for pair in pairs_in(text)) for text, _ in titles(900_002, 200)}
    assert both == {True, False}


def test_a_fifth_of_all_pairs_is_kept_out() -> None:
    every = [pair for words in WORDS.values() for pair in product(words.traits, words.things)]
    share = sum(kept_out(*pair) for pair in every) / len(every)
    assert 0.15 < share < 0.25


def test_some_words_belong_to_several_interests() -> None:
    owners = Counter(
        word
        for words in WORDS.values()
        for word in {word for thing in words.things for word in thing.casefold().split()}
    )
    assert {"mat", "mug", "filter", "headset", "grinder", "stand"} <= {
        word for word, count in owners.items() if count > 1
    }


def test_searches_are_small_letters_about_the_interest() -> None:
    rng = Random(1)
    said = [queries("coffee", rng) for _ in range(200)]
    assert said == [query.lower() for query in said]
    assert sum("coffee" in query or "espresso" in query for query in said) > 100

"""What accuracy and macro F1 are, by scikit-learn's numbers; and that the demo's model is good."""

from random import Random

from sklearn.metrics import accuracy_score, f1_score

from models_onnx.corpus import Row
from models_onnx.quality import evaluate, quality_of
from models_onnx.sample_titles import LABELS, queries, unseen_titles
from tests.support.models import demo_model


def test_both_measures_are_what_scikit_learn_says() -> None:
    rng = Random(4)
    truth = [rng.choice("abcd") for _ in range(500)]
    said = [one if rng.random() < 0.7 else rng.choice("abcd") for one in truth]
    found = quality_of([frozenset(one) for one in truth], [frozenset(one) for one in said])
    assert abs(found.accuracy - accuracy_score(truth, said)) < 1e-6
    assert abs(found.macro_f1 - f1_score(truth, said, average="macro")) < 1e-6


def test_no_answer_and_an_unknown_label_are_wrong_answers() -> None:
    a, b, none = frozenset("a"), frozenset("b"), frozenset[str]()
    found = quality_of([a, a, b, b], [a, none, frozenset("z"), b])
    assert found.accuracy == 0.5
    assert found.macro_f1 == 0.666667  # both labels: precision 1, recall 1/2


def test_the_demo_model_tags_titles_of_unseen_combinations() -> None:
    found = evaluate(demo_model(), [Row(*pair) for pair in unseen_titles(31, 800)])
    assert found.quality.accuracy >= 0.98 and found.tagged >= 0.98
    assert min(label.f1 for label in found.by_label) >= 0.95
    assert [label.texts for label in found.by_label] == [100] * 8


def test_the_demo_model_tags_searches_typos_included() -> None:
    rng = Random("searches that training never drew")
    found = evaluate(demo_model(), [Row(queries(label, rng), label) for label in LABELS for _ in range(100)])
    assert found.quality.accuracy >= 0.97


def test_a_text_without_a_known_word_is_wrong_and_untagged() -> None:
    found = evaluate(demo_model(), [Row("東京", "yoga"), Row("yoga mat", "yoga")])
    assert found.quality.accuracy == 0.5 and found.tagged == 0.5

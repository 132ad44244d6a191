"""TF-IDF and logistic regression: what a model must beat to be worth its cost. Needs `beckon[train]`."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union

from models_onnx.card import Quality
from models_onnx.corpus import Row
from models_onnx.quality import quality_of

#: So many words and pieces at most; a bound for long texts, where there are millions of them.
_FEATURES_MAX = 150_000


def baseline(train: Sequence[Row], judge: Sequence[Row], seed: int, *, several: bool = False) -> Quality:
    """Return what it gets right on `judge`: words and pairs of words, and 2 to 5 letters inside words.

    `several`: a text may have any number of labels, and one classifier learns each of them. Otherwise texts
    without a label are left out.
    """
    if not several:
        train, judge = [row for row in train if row.labels], [row for row in judge if row.labels]
    labels = sorted({label for row in train for label in row.labels})
    pipeline = make_pipeline(_features(), _classifier(seed, several=several))
    texts = [row.text for row in judge]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it could go on for more digits is no news
        if several:
            wanted = np.array([[label in row.labels for label in labels] for row in train])
            pipeline.fit([row.text for row in train], wanted)
            said = [
                frozenset(label for label, yes in zip(labels, row, strict=True) if yes)
                for row in pipeline.predict(texts)
            ]
        else:
            pipeline.fit([row.text for row in train], [row.label for row in train])
            said = [frozenset([str(label)]) for label in pipeline.predict(texts)]
    return quality_of([frozenset(row.labels) for row in judge], said)


def _features() -> Any:
    return make_union(
        TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode", max_features=_FEATURES_MAX
        ),
        TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2, max_features=_FEATURES_MAX
        ),
    )


def _classifier(seed: int, *, several: bool) -> Any:
    one = LogisticRegression(C=10.0, max_iter=500, random_state=seed)
    return OneVsRestClassifier(one) if several else one

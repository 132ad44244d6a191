"""TF-IDF and logistic regression: what a model must beat to be worth its cost. Needs `beckon[train]`."""

import warnings
from collections.abc import Sequence

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from models_onnx.card import Quality
from models_onnx.corpus import Row
from models_onnx.quality import quality_of


def baseline(train: Sequence[Row], judge: Sequence[Row], seed: int) -> Quality:
    """Return what it gets right on `judge`: words and pairs of words, and 2 to 5 letters inside words."""
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2),
    )
    classifier = make_pipeline(features, LogisticRegression(C=10.0, max_iter=500, random_state=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it could go on for more digits is no news
        classifier.fit([row.text for row in train], [row.label for row in train])
    said = [str(label) for label in classifier.predict([row.text for row in judge])]
    return quality_of([row.label for row in judge], said)

"""From labelled texts to a registered model: split, train, export, measure, write, verify, put in use.

Needs `beckon[train]`. A folder appears under its version only when every check of it has passed.
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from models_onnx import card as cards
from models_onnx import golden, registry
from models_onnx.baseline import baseline
from models_onnx.calibration import (
    best_bars,
    expected_error,
    reliability,
    sigmoid,
    softmax,
    threshold_accepting,
)
from models_onnx.card import Calibration, Card, Metrics, Quality, Training
from models_onnx.corpus import Row, digest_of
from models_onnx.export import OPSET, Shape, export
from models_onnx.fit import Progress
from models_onnx.golden import Canary
from models_onnx.page import page
from models_onnx.pictures import pictures
from models_onnx.plan import Plan, Wish, told
from models_onnx.provider import open_session
from models_onnx.quality import Evaluation, evaluate, scores_of
from models_onnx.register import make_room, register
from models_onnx.runtime import TagModel
from models_onnx.smaller import Refused, smaller
from models_onnx.split import Split, split
from models_onnx.tokenizer import TextTokenizer
from models_onnx.train import Trained, fine_tune

CANARIES_MAX = 32
MISTAKES_MAX = 10
_LEAST = 5e-5
PACKAGES = ("torch", "transformers", "tokenizers", "onnx", "onnxscript", "scikit-learn", "matplotlib")
_CHECKPOINT = ".training.safetensors"
_NOT_MEASURED = Metrics(texts=0, model=Quality(0, 0), tagged=0, baseline=Quality(0, 0))


class Request(Struct, frozen=True):
    """What to make. `data`, `command`, `created_at`, `licence` and `aliases` go into the card as they are.

    `accept`: share of texts in scope that must reach the threshold, which is then sought; None: it is given.
    """

    models: Path
    name: str
    plan: Plan
    data: str
    command: str
    created_at: str
    licence: str
    threshold: float = 0.5
    accept: float | None = None
    out_of_scope: str | None = None
    aliases: dict[str, str] = {}
    wish: Wish = Wish()


@dataclass(frozen=True)
class Made:
    """The model as registered and in use. `difference`: of ONNX to PyTorch, at most, on `compared` texts."""

    folder: Path
    card: Card
    split: Split
    epochs: int
    difference: float
    compared: int
    refused: tuple[Refused, ...]


def make_tag_model(
    rows: Sequence[Row], request: Request, progress: Progress, judge: Sequence[Row] = ()
) -> Made:
    """Train and register a model; raise `InputError` for the texts, `ModelError` when a check fails.

    `judge`: texts that judge it, in place of some of the rows.
    """
    plan = request.plan
    room = make_room(request.models, request.name)
    version = registry.next_version(request.models, request.name)
    parts = split(rows, plan.seed, plan.train_max, judge)
    floor = baseline(parts.train, parts.judge, plan.seed, several=plan.several)
    trained = fine_tune(parts, plan, progress, room / _CHECKPOINT)
    progress("exporting", 0, 1)
    card = _card(request, version, parts, trained, digest_of(rows), len(rows))
    texts = TextTokenizer(trained.tokenizer, card.max_length, cards.TOKENIZER_FILE)
    rows_read = [row for row in texts.encode([row.text for row in parts.judge]) if row]
    shape = Shape(card.labels, card.activation, card.max_length, card.pad_id, texts.words, rows_read)
    exported = export(trained.classifier, shape)
    session, provider = open_session(exported.graph, "cpu")
    card = _with_thresholds(TagModel(card, "", provider, texts, session), request, parts.choose)
    model = TagModel(card, "", provider, texts, session)
    found = evaluate(model, parts.judge)
    card = msgspec.structs.replace(card, metrics=_metrics(model, found, parts, floor, trained.temperature))
    canaries = _canaries(model, parts.judge)
    variants, files, refused = smaller(request.wish, model, exported.graph, parts, canaries, found)
    files = {
        cards.GRAPH_FILE: exported.graph,
        cards.TOKENIZER_FILE: trained.tokenizer,
        cards.GOLDEN_FILE: golden.encode(canaries),
        **files,
        **pictures(found.by_label, found.mistakes, found.reliability, trained.history, trained.epochs),
    }
    card = msgspec.structs.replace(card, variants=tuple(variants))
    files[cards.PAGE_FILE] = page(card)
    folder, card = register(request.models, card, files, [canary.text for canary in canaries])
    (room / _CHECKPOINT).unlink(missing_ok=True)
    progress("exporting", 1, 1)
    return Made(folder, card, parts, trained.epochs, exported.difference, exported.texts, tuple(refused))


def _card(request: Request, version: str, parts: Split, trained: Trained, digest: str, rows: int) -> Card:
    plan = request.plan
    return Card(
        format=cards.FORMAT,
        name=request.name,
        version=version,
        kind="text-classifier",
        labels=parts.labels,
        activation="sigmoid" if plan.several else "softmax",
        threshold=request.threshold,
        inputs=cards.inputs_of(),
        outputs=cards.outputs_of(len(parts.labels)),
        max_length=plan.max_length,
        pad_id=trained.pad_id,
        opset=OPSET,
        precision="fp32",
        files={},
        metrics=_NOT_MEASURED,
        training=training_of(request.command, request.data, digest, rows, plan),
        created_at=request.created_at,
        licence=request.licence,
        out_of_scope=request.out_of_scope,
        aliases={other: label for other, label in request.aliases.items() if label in parts.labels},
    )


def training_of(command: str, data: str, digest: str, rows: int, plan: Plan) -> Training:
    """Return where a model comes from, as its card tells it."""
    base = None if plan.base is None else told(plan.base)
    versions = {"python": platform.python_version()} | {name: installed(name) for name in PACKAGES}
    return Training(command, data, digest, rows, plan.seed, base, versions)


def _with_thresholds(model: TagModel, request: Request, choose: Sequence[Row]) -> Card:
    card = model.card
    scores, read = scores_of(model, choose)
    if request.plan.several:
        wanted = np.array([[label in row.labels for label in card.labels] for row in choose])
        bars = dict(zip(card.labels, best_bars(scores, wanted, card.threshold), strict=True))
        own = {label: bar for label, bar in bars.items() if bar != card.threshold}
        return msgspec.structs.replace(card, thresholds=own)
    if request.accept is None:
        return card
    inside = read & np.array([bool(row.labels) for row in choose])
    bar = threshold_accepting(scores[inside].max(axis=1), request.accept)
    return msgspec.structs.replace(card, threshold=bar)


def _metrics(model: TagModel, found: Evaluation, parts: Split, floor: Quality, temperature: float) -> Metrics:
    before = _ece_without(model, parts.judge, temperature)
    return Metrics(
        texts=found.texts,
        model=found.quality,
        tagged=found.tagged,
        baseline=floor,
        score_bins=found.score_bins,
        calibration=Calibration(temperature=temperature, ece=found.ece, ece_before=before),
        refusal=found.refusal,
        mistakes=found.mistakes[:MISTAKES_MAX],
    )


def _ece_without(model: TagModel, judge: Sequence[Row], temperature: float) -> float:
    # Scores have 4 digits: what they say of one near 0 or 1 is enough here.
    several = model.card.activation == "sigmoid"
    rows = [row for row in judge if row.labels or several]
    scores, read = scores_of(model, rows)
    truth = np.array([[label in row.labels for label in model.card.labels] for row in rows])[read]
    some = np.clip(scores[read], _LEAST, 1 - _LEAST)
    if several:
        undone = sigmoid(temperature * np.log(some / (1 - some)))
        return expected_error(reliability(undone.ravel(), truth.ravel()))
    undone = softmax(temperature * np.log(some))
    right = truth[np.arange(len(truth)), undone.argmax(axis=1)]
    return expected_error(reliability(undone.max(axis=1), right))


def _canaries(model: TagModel, judge: Sequence[Row]) -> list[Canary]:
    texts = texts_of_every_label([row for row in judge if model.encode([row.text])[0]])
    scores = model.scores(model.encode(texts)).tolist()
    labels = model.card.labels
    return [
        Canary(text, dict(zip(labels, row, strict=True))) for text, row in zip(texts, scores, strict=True)
    ]


def texts_of_every_label(rows: Sequence[Row]) -> list[str]:
    """Return some texts, of as many labels as there is room for."""
    queues: dict[str, list[str]] = {}
    for row in rows:
        queues.setdefault(row.label, []).append(row.text)
    turns = [
        text
        for place in range(CANARIES_MAX)
        for queue in queues.values()
        for text in queue[place : place + 1]
    ]
    return turns[:CANARIES_MAX]

"""From labelled texts to a registered model: split, train, export, measure, write, verify, put in use.

Needs `beckon[train]`. A folder appears under its version only when every check of it has passed.
"""

import platform
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version as installed
from pathlib import Path

import msgspec
from msgspec import Struct

from models_onnx import card as cards
from models_onnx import golden, registry
from models_onnx.baseline import baseline
from models_onnx.card import Card, FileEntry, Metrics, Quality, Training
from models_onnx.corpus import Row, digest_of
from models_onnx.export import OPSET, export
from models_onnx.folder import read_folder
from models_onnx.golden import Canary
from models_onnx.invariance import check_invariance
from models_onnx.page import page
from models_onnx.plan import Plan, told
from models_onnx.provider import open_session
from models_onnx.quality import evaluate
from models_onnx.runtime import TagModel, open_model
from models_onnx.split import Split, split
from models_onnx.tokenizer import TextTokenizer
from models_onnx.train import Progress, Trained, fine_tune
from schemas.errors import SettingsError

CANARIES_MAX = 32
_PACKAGES = ("torch", "transformers", "tokenizers", "onnx", "onnxscript", "scikit-learn")
_NOT_MEASURED = Metrics(texts=0, model=Quality(0, 0), tagged=0, baseline=Quality(0, 0))


class Request(Struct, frozen=True):
    """What to make. `data`, `command`, `created_at` and `licence` go into the card as they are."""

    models: Path
    name: str
    plan: Plan
    data: str
    command: str
    created_at: str
    licence: str
    threshold: float = 0.5


@dataclass(frozen=True)
class Made:
    """The model as registered and in use."""

    folder: Path
    card: Card
    split: Split
    epochs: int
    temperature: float


def make_tag_model(rows: Sequence[Row], request: Request, progress: Progress) -> Made:
    """Train and register a model; raise `InputError` for the texts, `ModelError` when a check fails."""
    _make_room(request)
    version = registry.next_version(request.models, request.name)
    parts = split(rows, request.plan.seed)
    floor = baseline(parts.train, parts.judge, request.plan.seed)
    trained = fine_tune(parts, request.plan, progress)
    progress("exporting", 0, 1)
    graph = export(trained.classifier, parts.labels, request.plan.max_length)
    card = _card(request, version, parts, trained, digest_of(rows), len(rows))
    model = _unregistered(card, graph, trained)
    canaries = _canaries(model, parts.judge)
    card = msgspec.structs.replace(card, metrics=_metrics(model, parts, floor))
    files = {
        cards.GRAPH_FILE: graph,
        cards.TOKENIZER_FILE: trained.tokenizer,
        cards.GOLDEN_FILE: golden.encode(canaries),
        cards.PAGE_FILE: page(card),
    }
    entries = {name: FileEntry(sha256(raw).hexdigest(), len(raw)) for name, raw in files.items()}
    card = msgspec.structs.replace(card, files=entries)
    folder = _register(request, card, files, [canary.text for canary in canaries])
    progress("exporting", 1, 1)
    return Made(folder, card, parts, trained.epochs, trained.temperature)


def _make_room(request: Request) -> None:
    # Before minutes of training, not after them.
    folder = request.models / request.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise SettingsError(
            "--out", f"{folder} cannot be written ({error.strerror})", "name another"
        ) from None


def _card(request: Request, version: str, parts: Split, trained: Trained, digest: str, rows: int) -> Card:
    plan = request.plan
    base = None if plan.base is None else told(plan.base)
    versions = {"python": platform.python_version()} | {name: installed(name) for name in _PACKAGES}
    return Card(
        format=cards.FORMAT,
        name=request.name,
        version=version,
        kind="text-classifier",
        labels=parts.labels,
        activation="softmax",
        threshold=request.threshold,
        inputs=cards.inputs_of(),
        outputs=cards.outputs_of(len(parts.labels)),
        max_length=plan.max_length,
        pad_id=trained.pad_id,
        opset=OPSET,
        precision="fp32",
        files={},
        metrics=_NOT_MEASURED,
        training=Training(request.command, request.data, digest, rows, plan.seed, base, versions),
        created_at=request.created_at,
        licence=request.licence,
    )


def _unregistered(card: Card, graph: bytes, trained: Trained) -> TagModel:
    session, provider = open_session(graph, "cpu")
    tokenizer = TextTokenizer(trained.tokenizer, card.max_length, cards.TOKENIZER_FILE)
    return TagModel(card, "", provider, tokenizer, session)


def _metrics(model: TagModel, parts: Split, floor: Quality) -> Metrics:
    found = evaluate(model, parts.judge)
    return Metrics(texts=found.texts, model=found.quality, tagged=found.tagged, baseline=floor)


def _canaries(model: TagModel, judge: Sequence[Row]) -> list[Canary]:
    texts = _of_every_label([row for row in judge if model.encode([row.text])[0]])
    scores = model.scores(model.encode(texts)).tolist()
    labels = model.card.labels
    return [
        Canary(text, dict(zip(labels, row, strict=True))) for text, row in zip(texts, scores, strict=True)
    ]


def _of_every_label(rows: Sequence[Row]) -> list[str]:
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


def _register(request: Request, card: Card, files: dict[str, bytes], texts: Sequence[str]) -> Path:
    folder = registry.version_folder(request.models, request.name, card.version)
    beside = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for name, raw in {**files, cards.FILE: cards.encode(card)}.items():
            (beside / name).write_bytes(raw)
        model = open_model(read_folder(beside), "cpu")
        check_invariance(model, texts, str(folder))
        beside.chmod(0o755)
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    registry.promote(request.models, request.name, card.version)
    return folder

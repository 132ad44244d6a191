"""A text encoder for the shop's own words: texts of one label come to lie together. Needs `beckon[train]`.

In a batch of pairs each text must find its partner among all partners, by cosine. Source: Henderson et al.:
"Efficient Natural Language Response Suggestion for Smart Reply", arXiv 1705.00652; van den Oord, Li, Vinyals:
"Representation Learning with Contrastive Predictive Coding", arXiv 1807.03748. Partners of the same label are no
wrong answers: they are left out of the sum.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from models_onnx import card as cards
from models_onnx import registry
from models_onnx.build import Request, texts_of_every_label, training_of
from models_onnx.card import Card, Metrics, Quality
from models_onnx.checkpoint import Checkpoints
from models_onnx.classifier import Embedder
from models_onnx.corpus import Row, digest_of
from models_onnx.encoder import Place, TextEncoder, encode_places
from models_onnx.epochs import Ids, padded
from models_onnx.export import OPSET, Shape, export_embedder
from models_onnx.fit import Judged, Progress, Rates, fit, set_chance
from models_onnx.page import LEARNING, encoder_page
from models_onnx.pictures import learning
from models_onnx.plan import Plan
from models_onnx.provider import open_session
from models_onnx.quality import quality_of
from models_onnx.register import make_room, register
from models_onnx.scorer import batches
from models_onnx.split import Split, split
from models_onnx.start import Start, start
from models_onnx.tokenizer import TextTokenizer
from models_onnx.train import key_of

#: Cosines are multiplied by this before they compete.
_SHARPNESS = 20.0
_CHECKPOINT = ".embedding.safetensors"
_JUDGE_TOKENS = 4096
_ASKED_AT_ONCE = 256


@dataclass(frozen=True)
class MadeEncoder:
    """The encoder as registered and in use. `difference`: of ONNX to PyTorch, at most, on `compared` texts."""

    folder: Path
    card: Card
    split: Split
    epochs: int
    difference: float
    compared: int


def make_encoder(
    rows: Sequence[Row], request: Request, progress: Progress, judge: Sequence[Row] = ()
) -> MadeEncoder:
    """Train (for no epoch: take as it is) and register a text encoder; raise as `make_tag_model`."""
    plan = request.plan
    room = make_room(request.models, request.name)
    version = registry.next_version(request.models, request.name)
    inside = [[row for row in some if row.labels] for some in (rows, judge)]
    parts = split(inside[0], plan.seed, plan.train_max, inside[1])
    set_chance(plan.seed, plan.threads)
    begun = start([row.text for row in parts.train], plan)
    texts = TextTokenizer(begun.tokenizer, plan.max_length, "tokenizer")
    task = _Pairs(Embedder(begun.encoder).to(plan.device), parts, texts, plan, begun)
    checkpoints = Checkpoints(room / _CHECKPOINT, "embed " + key_of(parts, plan))
    fitted = fit(task, plan.epochs, checkpoints, progress)
    progress("exporting", 0, 1)
    known = [row for row in texts.encode([row.text for row in parts.judge]) if row]
    shape = Shape((), "none", plan.max_length, begun.pad_id, texts.words, known)
    exported = export_embedder(task.module.to("cpu"), shape)
    session, _ = open_session(exported.graph, "cpu")
    card = _card(request, version, begun, len(rows), digest_of(rows))
    encoder = TextEncoder(card, "", texts, session)
    metrics = Metrics(
        texts=len(parts.judge),
        model=neighbour_quality(parts, encoder.vectors),
        tagged=0.0,
        baseline=neighbour_quality(parts, _tf_idf(parts)),
    )
    card = msgspec.structs.replace(card, metrics=metrics)
    some = texts_of_every_label([row for row in parts.judge if texts.encode([row.text])[0]])
    places = [
        Place(text, tuple(vector)) for text, vector in zip(some, encoder.vectors(some).tolist(), strict=True)
    ]
    files = {
        cards.GRAPH_FILE: exported.graph,
        cards.TOKENIZER_FILE: begun.tokenizer,
        cards.GOLDEN_FILE: encode_places(places),
        cards.PAGE_FILE: encoder_page(card),
        LEARNING: learning(fitted.history, fitted.best_epoch),
    }
    folder, card = register(request.models, card, files, some)
    checkpoints.clear()
    progress("exporting", 1, 1)
    return MadeEncoder(folder, card, parts, fitted.best_epoch, exported.difference, exported.texts)


def neighbour_quality(parts: Split, vectors_of: Callable[[Sequence[str]], Any]) -> Quality:
    """Return how often the nearest training text, by cosine, has the label of a held-out text.

    `vectors_of` gives rows of length 1, dense or sparse.
    """
    known = vectors_of([row.text for row in parts.train])
    asked = vectors_of([row.text for row in parts.judge])
    said: list[frozenset[str]] = []
    for first in range(0, len(parts.judge), _ASKED_AT_ONCE):
        cosines = asked[first : first + _ASKED_AT_ONCE] @ known.T
        dense = cosines.toarray() if hasattr(cosines, "toarray") else cosines
        said += [frozenset([parts.train[number].label]) for number in dense.argmax(axis=1).tolist()]
    return quality_of([frozenset([row.label]) for row in parts.judge], said)


class _Pairs:
    """The task of finding a text's partner, another text of its label."""

    def __init__(
        self, module: Embedder, parts: Split, texts: TextTokenizer, plan: Plan, begun: Start
    ) -> None:
        self.module = module
        self.rng = Random(plan.seed)
        self.rates: Rates = [(list(module.parameters()), plan.learning_rate or begun.rate)]
        self._plan, self._pad_id = plan, begun.pad_id
        self._train = self._known(parts.train, texts)
        self._choose = self._known(parts.choose, texts)
        self.calls = len(list(self._pairs(Random(0))))

    def batches(self) -> Sequence[list[tuple[Ids, Ids, str]]]:
        return list(self._pairs(self.rng))

    def loss(self, batch: list[tuple[Ids, Ids, str]]) -> Any:
        one = self.module(*padded([ids for ids, _, _ in batch], self._pad_id, self._plan.device))
        other = self.module(*padded([ids for _, ids, _ in batch], self._pad_id, self._plan.device))
        cosines = _SHARPNESS * one @ other.T
        labels = [label for _, _, label in batch]
        same = torch.tensor([[a == b for b in labels] for a in labels], device=cosines.device)
        same.fill_diagonal_(0)
        cosines = cosines.masked_fill(same, -1e9)
        return torch.nn.functional.cross_entropy(cosines, torch.arange(len(batch), device=cosines.device))

    def judge(self) -> Judged:
        """Judge choosing texts by the nearest training text; the loss is the share of wrong ones."""
        known, asked = self._vectors(self._train), self._vectors(self._choose)
        nearest = (asked @ known.T).argmax(dim=1).tolist()
        right = sum(
            self._train[number][1] == label for number, (_, label) in zip(nearest, self._choose, strict=True)
        )
        share = right / len(self._choose)
        return Judged(1.0 - share, share)

    def _vectors(self, rows: Sequence[tuple[Ids, str]]) -> Any:
        found = torch.zeros(len(rows), self.module.encoder.config.hidden_size)
        for batch in batches([len(ids) for ids, _ in rows], _JUDGE_TOKENS):
            some = padded([rows[number][0] for number in batch], self._pad_id, self._plan.device)
            found[batch] = self.module(*some).cpu()
        return found

    def _pairs(self, rng: Random) -> Sequence[list[tuple[Ids, Ids, str]]]:
        by_label: defaultdict[str, list[Ids]] = defaultdict(list)
        for ids, label in self._train:
            by_label[label].append(ids)
        pairs: list[tuple[Ids, Ids, str]] = []
        for label, some in sorted(by_label.items()):
            rng.shuffle(some)
            pairs += [(one, other, label) for one, other in zip(some[::2], some[1::2], strict=False)]
        rng.shuffle(pairs)
        size = self._plan.batch_texts
        return [pairs[at : at + size] for at in range(0, len(pairs), size)]

    def _known(self, rows: Sequence[Row], texts: TextTokenizer) -> list[tuple[Ids, str]]:
        ids = texts.encode([row.text for row in rows])
        return [(some, row.label) for some, row in zip(ids, rows, strict=True) if some]


def _card(request: Request, version: str, begun: Start, rows: int, digest: str) -> Card:
    plan = request.plan
    return Card(
        format=cards.FORMAT,
        name=request.name,
        version=version,
        kind="text-encoder",
        labels=(),
        activation="none",
        threshold=0.0,
        inputs=cards.inputs_of(),
        outputs=cards.encoder_outputs_of(begun.encoder.config.hidden_size),
        max_length=plan.max_length,
        pad_id=begun.pad_id,
        opset=OPSET,
        precision="fp32",
        files={},
        metrics=Metrics(texts=0, model=Quality(0, 0), tagged=0, baseline=Quality(0, 0)),
        training=training_of(request.command, request.data, digest, rows, plan),
        created_at=request.created_at,
        licence=request.licence,
    )


def _tf_idf(parts: Split) -> Callable[[Sequence[str]], Any]:
    features = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
    features.fit([row.text for row in parts.train])
    transform: Callable[[Sequence[str]], Any] = features.transform
    return transform

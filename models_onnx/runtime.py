"""A verified tag model, ready to score: bytes in, checked, a session out. Raises `ModelError`, and only that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models_onnx import card as cards
from models_onnx import golden
from models_onnx.card import Card
from models_onnx.company import check_company, tolerance
from models_onnx.folder import Folder
from models_onnx.graph import check_graph
from models_onnx.precision import graph_of
from models_onnx.provider import Inputs, open_session, run_bound
from models_onnx.tokenizer import TextTokenizer
from schemas.errors import ModelError

Scores = npt.NDArray[np.float64]
#: Scores leave this package with so many digits; decisions and records hold the same.
DIGITS = 4
_CUDA_STEP = 8
#: Measured with 32 titles of 4 to 14 tokens and 6 layers of 384: a fifth faster than with 64 or more; 2 layers of 64
#: do not care.
_PAD_TOKENS = 8
#: Canaries that are also scored alone. `beckon models verify` looks at many more rows, in many more batches.
_ALONE = 16


@dataclass(frozen=True)
class TagModel:
    """Scores texts; `provider` is where it really runs. Safe to share between threads."""

    card: Card
    digest: str
    provider: str
    tokenizer: TextTokenizer
    session: Any

    @property
    def version(self) -> str:
        """The version with the start of the digest: two models with one number are still told apart.

        So is a graph in another precision than the full one: its scores are others.
        """
        precision = "" if self.card.precision == "fp32" else f"+{self.card.precision}"
        return f"{self.card.version}@{self.digest[:12]}{precision}"

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text; an empty list for one without any known piece."""
        try:
            return self.tokenizer.encode(texts)
        except Exception as error:  # the Rust library raises plain Exception
            raise self._failed(error) from error

    def scores(self, rows: Sequence[Sequence[int]], length: int | None = None) -> Scores:
        """Return float64[n_rows, n_labels] in 0..1, rounded to 4 digits; one call of the model.

        `rows` are token ids, at least one row and one id each; they are padded on the right to the longest,
        or to `length`.
        """
        longest = self._padded(max(map(len, rows))) if length is None else length
        ids = np.full((len(rows), longest), self.card.pad_id, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        try:
            found = self._run({"input_ids": ids, "attention_mask": mask})
        except Exception as error:  # onnxruntime's errors have no common base
            raise self._failed(error) from error
        if found.shape != (len(rows), len(self.card.labels)):
            raise self._failed(ValueError(f"{found.shape} scores for {len(rows)} texts"))
        if not np.isfinite(found).all():
            raise self._failed(ValueError("scores that are not finite"))
        rounded: Scores = np.round(found.astype(np.float64), DIGITS)
        return rounded

    @property
    def pad_tokens(self) -> int | None:
        """How much padding costs what another call costs; None: any padding is cheaper."""
        return _PAD_TOKENS if self.provider == "cpu" else None

    def _padded(self, length: int) -> int:
        # A GPU likes few shapes, in steps of its matrix units; on a CPU padding is what costs.
        if self.provider == "cpu":
            return length
        return min(-(-length // _CUDA_STEP) * _CUDA_STEP, self.card.max_length)

    def _run(self, inputs: Inputs) -> Any:
        if self.provider == "cpu":
            return self.session.run(["scores"], inputs)[0]
        return run_bound(self.session, inputs, "scores", self.provider)

    def _failed(self, error: Exception) -> ModelError:
        text = str(error).partition("\n")[0][:200]
        return ModelError(
            f"model {self.card.name} {self.version}",
            f"failed ({type(error).__name__}: {text})",
            "`beckon models verify` checks the model",
        )


def open_model(folder: Folder, provider: str, precision: str = "auto") -> TagModel:
    """Return the model of a folder after every check that loading makes; raise `ModelError`.

    `precision`: which of its graphs (`models_onnx.precision`).
    """
    where = folder.where
    if folder.card.kind != "text-classifier":
        raise ModelError(f"{where}/{cards.FILE}", f"kind: is {folder.card.kind}", "name a classifier")
    card, graph_file, golden_file, _ = graph_of(folder.card, precision, provider, where)
    graph = folder.files[graph_file]
    check_graph(graph, card, where)
    tokenizer = TextTokenizer(folder.files[cards.TOKENIZER_FILE], card.max_length, where)
    canaries = golden.decode(folder.files[golden_file], card.labels, where)
    try:
        session, used = open_session(graph, provider)
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001 -- onnxruntime's errors have no common base
        text = str(error).partition("\n")[0][:200]
        raise ModelError(f"{where}/{graph_file}", f"onnxruntime refuses it: {text}", cards.REMEDY) from None
    model = TagModel(card, folder.digest, used, tokenizer, session)
    _check_bounds(model, where)
    rows = model.encode([canary.text for canary in canaries])
    if not all(rows):
        text = canaries[rows.index([])].text
        raise ModelError(f"{where}/{cards.GOLDEN_FILE}", f"`{text[:60]}` has no known word", cards.REMEDY)
    scores = model.scores(rows)
    apart = max(golden.TOLERANCE, tolerance(card, used))
    golden.check(canaries, card.labels, scores.tolist(), where, apart)
    alone = np.concatenate([model.scores([row]) for row in rows[:_ALONE]])
    names = [f"`{canary.text[:60]}`" for canary in canaries]
    check_company(alone, scores[:_ALONE], names, card.labels, tolerance(card, used), where)
    return model


def _check_bounds(model: TagModel, where: str) -> None:
    # One text at both bounds. A word or place that the model does not know would fail a whole batch later.
    card, last_word = model.card, model.tokenizer.words - 1
    if card.pad_id > last_word:
        raise ModelError(
            f"{where}/{cards.FILE}", f"pad_id: is {card.pad_id} of {last_word + 1} words", cards.REMEDY
        )
    try:
        model.scores([[last_word] * card.max_length])
    except ModelError as error:
        raise ModelError(
            f"{where}/{cards.FILE}",
            f"max_length: the model cannot read {card.max_length} tokens, or fewer words than {last_word + 1}"
            f" in {cards.TOKENIZER_FILE}; it {error.problem}",
            cards.REMEDY,
        ) from None

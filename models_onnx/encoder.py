"""A verified text encoder: texts -> vectors of length 1, near ones of which mean the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from models_onnx import card as cards
from models_onnx.card import Card
from models_onnx.folder import Folder
from models_onnx.golden import TEXTS_MAX, TOLERANCE
from models_onnx.graph import check_graph
from models_onnx.provider import open_session
from models_onnx.scorer import batches
from models_onnx.tokenizer import TextTokenizer
from schemas.errors import ModelError

Vectors = npt.NDArray[np.float64]
#: Vectors leave with so many digits, as scores do.
DIGITS = 4
_BATCH_TOKENS = 512


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """A text and its vector: a line of an encoder's golden.json."""

    text: str
    vector: tuple[float, ...]


@dataclass(frozen=True)
class TextEncoder:
    """Safe to share between threads."""

    card: Card
    digest: str
    tokenizer: TextTokenizer
    session: Any

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        return int(self.card.outputs[0].axes[-1])

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Return float64[n, width], 4 digits; zeros for a text without any known piece. Raise `ModelError`."""
        rows = self.tokenizer.encode(texts)
        found: Vectors = np.zeros((len(texts), self.width))
        for batch in batches([len(row) for row in rows], _BATCH_TOKENS):
            found[batch] = self.run([rows[number] for number in batch])
        return found

    def run(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """Return the vectors of token ids, one call of the model."""
        longest = max(map(len, rows))
        ids = np.full((len(rows), longest), self.card.pad_id, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        try:
            (found,) = self.session.run(None, {"input_ids": ids, "attention_mask": mask})
        except Exception as error:  # onnxruntime's errors have no common base
            raise self._failed(str(error).partition("\n")[0][:200]) from error
        if found.shape != (len(rows), self.width) or not np.isfinite(found).all():
            raise self._failed(f"{found.shape} numbers, or some that are not finite")
        rounded: Vectors = np.round(found.astype(np.float64), DIGITS)
        return rounded

    def check_company(self, texts: Sequence[str], where: str) -> int:
        """Return how many vectors were compared; raise `ModelError` for the first that depends on its batch."""
        known = [(row, text) for row, text in zip(self.tokenizer.encode(texts), texts, strict=True) if row]
        rows = [row for row, _ in known]
        alone = np.concatenate([self.run([row]) for row in rows])
        rng, compared = Random("company"), 0
        for size in (2, 3, 8, 32):
            order = list(range(len(rows)))
            rng.shuffle(order)
            for start in range(0, len(order), size):
                some = order[start : start + size]
                differ = np.argwhere(alone[some] != self.run([rows[number] for number in some]))
                if len(differ):
                    raise ModelError(
                        f"{where}: batch invariance",
                        f"`{known[some[differ[0][0]]][1][:60]}` has another vector in a batch of {len(some)}",
                        "export it in fp32",
                    )
                compared += len(some)
        return compared

    def _failed(self, text: str) -> ModelError:
        return ModelError(
            f"model {self.card.name} {self.card.version}",
            f"failed ({text})",
            "`beckon models verify` checks the model",
        )


def open_encoder(folder: Folder, asked: str) -> TextEncoder:
    """Return the encoder of a folder after every check that loading makes; raise `ModelError`."""
    card, where = folder.card, folder.where
    if card.kind != "text-encoder":
        raise ModelError(f"{where}/{cards.FILE}", f"kind: is {card.kind}", "name a text-encoder")
    graph = folder.files[cards.GRAPH_FILE]
    check_graph(graph, card, where)
    tokenizer = TextTokenizer(folder.files[cards.TOKENIZER_FILE], card.max_length, where)
    places = decode_places(folder.files[cards.GOLDEN_FILE], where)
    session, _ = open_session(graph, asked)
    encoder = TextEncoder(card, folder.digest, tokenizer, session)
    encoder.run([[tokenizer.words - 1] * card.max_length])  # both bounds: no later batch fails for them
    found = encoder.vectors([place.text for place in places])
    for place, vector in zip(places, found, strict=True):
        stored = np.array(place.vector)
        if stored.shape != vector.shape or not (np.abs(stored - vector) <= TOLERANCE).all():
            raise ModelError(
                f"{where}/{cards.GOLDEN_FILE}", f"`{place.text[:60]}` has another vector", cards.REMEDY
            )
    return encoder


def encode_places(places: Sequence[Place]) -> bytes:
    """Return golden.json of an encoder."""
    return msgspec.json.encode(places) + b"\n"


def decode_places(raw: bytes, where: str) -> list[Place]:
    """Return the texts with their vectors; raise `ModelError` unless there are some."""
    field = f"{where}/{cards.GOLDEN_FILE}"
    try:
        places = msgspec.json.decode(raw, type=list[Place])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(field, str(error), cards.REMEDY) from None
    if not 0 < len(places) <= TEXTS_MAX:
        raise ModelError(field, f"holds {len(places)} texts, 1 to {TEXTS_MAX} are needed", cards.REMEDY)
    return places

"""model.json: what a model says of itself. Typed, closed, checked before anything else of the folder is used."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from schemas.errors import ModelError

#: The only format there is. A change of meaning gets a new number; readers then know both.
FORMAT: Literal[1] = 1
FILE = "model.json"
GRAPH_FILE, TOKENIZER_FILE, GOLDEN_FILE, PAGE_FILE = "model.onnx", "tokenizer.json", "golden.json", "card.md"
REQUIRED_FILES = (GRAPH_FILE, TOKENIZER_FILE, GOLDEN_FILE, PAGE_FILE)
CARD_BYTES_MAX = 1 << 20
REMEDY = "restore the folder, or train the model again with `beckon train tags`"

#: A plain file or folder name: no path, nothing hidden.
PLAIN_NAME = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"

Name = Annotated[str, Meta(pattern=PLAIN_NAME)]
Label = Annotated[str, Meta(min_length=1, max_length=128)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of model.json; unknown fields are an error."""


class FileEntry(_Part, frozen=True):
    """One file of the folder."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    bytes: Count


class Tensor(_Part, frozen=True):
    """An input or output of the graph; an axis is a length or the name of a free one."""

    name: str
    dtype: Literal["int64", "float32"]
    axes: tuple[int | str, ...]


class Quality(_Part, frozen=True):
    """What a classifier got right on texts that it never saw."""

    accuracy: Share
    macro_f1: Share


class Metrics(_Part, frozen=True):
    """On held-out texts. `tagged`: share of them with a tag above the threshold. Baseline: TF-IDF + LR."""

    texts: Count
    model: Quality
    tagged: Share
    baseline: Quality


class Training(_Part, frozen=True):
    """Where the model comes from. `data_digest`: sha256 over the (text, label) rows in their order."""

    command: str
    data: str
    data_digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    rows: Count
    seed: int
    base: str | None
    versions: dict[str, str]


class Card(_Part, frozen=True):
    """model.json. `threshold`: a label is a tag of a text from this score on. `axes` of inputs: batch, tokens."""

    format: Literal[1]
    name: Name
    version: Name
    kind: Literal["text-classifier"]
    labels: Annotated[tuple[Label, ...], Meta(min_length=2, max_length=4096)]
    activation: Literal["softmax", "sigmoid"]
    threshold: Share
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    max_length: Annotated[int, Meta(ge=3, le=4096)]
    pad_id: Count
    opset: Positive
    precision: Literal["fp32", "int8-static", "int8-dynamic", "fp16"]
    files: dict[Name, FileEntry]
    metrics: Metrics
    training: Training
    created_at: str
    licence: str


def inputs_of() -> tuple[Tensor, ...]:
    """Return what every tag model takes: right-padded token ids and their mask."""
    return (
        Tensor("input_ids", "int64", ("batch", "tokens")),
        Tensor("attention_mask", "int64", ("batch", "tokens")),
    )


def outputs_of(labels: int) -> tuple[Tensor, ...]:
    """Return what every tag model gives: a score per label, and what it was before softmax or sigmoid."""
    return Tensor("scores", "float32", ("batch", labels)), Tensor("logits", "float32", ("batch", labels))


def encode(card: Card) -> bytes:
    """Return model.json, readable, its keys in the order of the type."""
    return msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n"


def decode(raw: bytes, where: str) -> Card:
    """Return the card; raise `ModelError` that names the first field that is wrong."""
    try:
        card = msgspec.json.decode(raw, type=Card)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{where}/{FILE}", _words(str(error)), REMEDY) from None
    _check(card, where)
    return card


def digest_of(raw: bytes) -> str:
    """Return a model's digest: sha256 of its model.json, which names the sha256 of every other file."""
    return sha256(raw).hexdigest()


def read(folder: Path, where: str) -> tuple[Card, str]:
    """Return a folder's card and digest."""
    raw = read_bounded(folder / FILE, CARD_BYTES_MAX, f"{where}/{FILE}")
    return decode(raw, where), digest_of(raw)


def read_bounded(path: Path, bytes_max: int, where: str) -> bytes:
    """Return a regular file's bytes, never more than allowed; raise `ModelError`."""
    if not path.is_file():
        raise ModelError(where, "is missing", REMEDY)
    try:
        with path.open("rb") as file:
            raw = file.read(bytes_max + 1)
    except OSError as error:
        raise ModelError(where, f"cannot be read ({error.strerror})", REMEDY) from None
    if len(raw) > bytes_max:
        raise ModelError(where, f"is larger than {bytes_max:,} bytes", REMEDY)
    return raw


def is_plain_name(text: str) -> bool:
    """Return whether a text may be a model's name or version.

    >>> is_plain_name("tags"), is_plain_name("../tags"), is_plain_name(".hidden")
    (True, False, False)
    """
    return re.match(PLAIN_NAME, text) is not None


def _check(card: Card, where: str) -> None:
    problem = _problem(card)
    if problem is not None:
        field, text = problem
        raise ModelError(f"{where}/{FILE}", f"{field}: {text}", REMEDY)


def _problem(card: Card) -> tuple[str, str] | None:
    if len(set(card.labels)) != len(card.labels):
        return "labels", "a label is named twice"
    if missing := [name for name in REQUIRED_FILES if name not in card.files]:
        return "files", f"{missing[0]} is not listed"
    if card.inputs != inputs_of():
        return "inputs", "must be input_ids and attention_mask, int64[batch, tokens]"
    if card.outputs != outputs_of(len(card.labels)):
        return "outputs", f"must be scores and logits, float32[batch, {len(card.labels)}], one per label"
    return None


def _words(message: str) -> str:
    problem, _, path = message.partition(" - at `$.")
    return f"{path.rstrip('`')}: {problem}" if path else problem

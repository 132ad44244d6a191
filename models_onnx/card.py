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


class Calibration(_Part, frozen=True):
    """How far scores may be taken for probabilities, on held-out texts.

    `ece`: expected calibration error, the mean distance of score and share of right answers over 15 bins;
    `ece_before`: the same without the `temperature` that is built into the graph.
    """

    temperature: float
    ece: Share
    ece_before: Share


class Refusal(_Part, frozen=True):
    """Texts about none of the labels, on held-out texts: what keeping `accepted` of the others costs.

    `accepted`: share of texts in scope with a score at the threshold; `recall`: share of the `texts` out of
    scope without one.
    """

    texts: Count
    accepted: Share
    recall: Share


class Metrics(_Part, frozen=True):
    """On held-out texts. `tagged`: share of them with a tag above the threshold. Baseline: TF-IDF + LR.

    `score_bins`: label -> how many of their scores lie in each bin of `models_onnx.drift`; traffic is
    compared with it. `mistakes`: (true, said, how many texts), the most frequent ones.
    """

    texts: Count
    model: Quality
    tagged: Share
    baseline: Quality
    score_bins: dict[Label, tuple[Count, ...]] = {}
    calibration: Calibration | None = None
    refusal: Refusal | None = None
    mistakes: tuple[tuple[str, str, Count], ...] = ()


Precision = Literal["fp32", "int8-static", "int8-dynamic", "fp16"]


class Variant(_Part, frozen=True):
    """The same model in another precision: its graph, its canaries, and its quality on the held-out texts.

    `flips`: share of those texts to which it gives another best label than the graph in fp32.
    """

    precision: Precision
    provider: Literal["cpu", "cuda"]
    graph: Name
    golden: Name
    quality: Quality
    flips: Share


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
    """model.json. `threshold`: a label is a tag of a text from this score on. `axes` of inputs: batch, tokens.

    `thresholds`: labels with a threshold of their own. `out_of_scope`: what files call texts about none of the
    labels; a text without a score at the threshold is taken for one. `aliases`: other spellings of labels in
    files. A text-encoder has no labels; its quality is that of the nearest neighbour's label.
    """

    format: Literal[1]
    name: Name
    version: Name
    kind: Literal["text-classifier", "text-encoder"]
    labels: Annotated[tuple[Label, ...], Meta(max_length=4096)]
    activation: Literal["softmax", "sigmoid", "none"]
    threshold: Share
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    max_length: Annotated[int, Meta(ge=3, le=4096)]
    pad_id: Count
    opset: Positive
    precision: Precision
    files: dict[Name, FileEntry]
    metrics: Metrics
    training: Training
    created_at: str
    licence: str
    thresholds: dict[Label, Share] = {}
    out_of_scope: Label | None = None
    aliases: dict[Label, Label] = {}
    variants: tuple[Variant, ...] = ()

    def bars(self) -> list[float]:
        """Return the threshold of every label, in their order."""
        return [self.thresholds.get(label, self.threshold) for label in self.labels]


def inputs_of() -> tuple[Tensor, ...]:
    """Return what every tag model takes: right-padded token ids and their mask."""
    return (
        Tensor("input_ids", "int64", ("batch", "tokens")),
        Tensor("attention_mask", "int64", ("batch", "tokens")),
    )


def outputs_of(labels: int) -> tuple[Tensor, ...]:
    """Return what every tag model gives: a score per label, and what it was before softmax or sigmoid."""
    return Tensor("scores", "float32", ("batch", labels)), Tensor("logits", "float32", ("batch", labels))


def encoder_outputs_of(width: int) -> tuple[Tensor, ...]:
    """Return what every text encoder gives: a vector of length 1 per text."""
    return (Tensor("sentence_embedding", "float32", ("batch", width)),)


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
    named = [name for variant in card.variants for name in (variant.graph, variant.golden)]
    if missing := [name for name in named if name not in card.files]:
        return "variants", f"{missing[0]} is not listed in files"
    if strangers := [
        label for label in (*card.thresholds, *card.aliases.values()) if label not in card.labels
    ]:
        return "labels", f"{strangers[0]} has a threshold or an alias, but is none of them"
    return _encoder_problem(card) if card.kind == "text-encoder" else _classifier_problem(card)


def _encoder_problem(card: Card) -> tuple[str, str] | None:
    if card.labels or card.activation != "none":
        return "labels", "a text-encoder has neither labels nor an activation"
    (output, *more) = card.outputs or (Tensor("", "float32", ()),)
    width = output.axes[-1] if output.axes else ""
    if more or not isinstance(width, int) or card.outputs != encoder_outputs_of(width):
        return "outputs", "must be sentence_embedding, float32[batch, a number]"
    return None


def _classifier_problem(card: Card) -> tuple[str, str] | None:
    if len(card.labels) < 2:
        return "labels", f"there must be two or more, not {len(card.labels)}"
    if card.activation == "none":
        return "activation", "must be softmax or sigmoid"
    if card.outputs != outputs_of(len(card.labels)):
        return "outputs", f"must be scores and logits, float32[batch, {len(card.labels)}], one per label"
    return None


def _words(message: str) -> str:
    problem, _, path = message.partition(" - at `$.")
    return f"{path.rstrip('`')}: {problem}" if path else problem

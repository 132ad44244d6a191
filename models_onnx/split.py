"""Which texts train a model, which choose its best moment, and which judge it; the same seed, the same split."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from models_onnx.corpus import Row
from schemas.errors import InputError

#: Of each label's texts, this share judges and as many choose; at least one of each.
HELD_OUT_SHARE = 0.1
TEXTS_OF_A_LABEL_MIN = 5


@dataclass(frozen=True)
class Split:
    """No text is in two parts. `repeated` rows said again what another said; labels are sorted.

    Rows about none of the labels are in all parts too.
    """

    labels: tuple[str, ...]
    train: list[Row]
    choose: list[Row]
    judge: list[Row]
    repeated: int


def split(rows: Sequence[Row], seed: int, train_max: int | None = None, judge: Sequence[Row] = ()) -> Split:
    """Return the split of a corpus; raise `InputError` for a label with too few texts, or only one label.

    Texts that differ in case or spaces only are one text; of its labels the most frequent counts. A text with
    several labels is dealt with the others of its rarest one. At most `train_max` texts train, drawn from
    what would. Where `judge` is given, those texts judge and no others; they are taken out of `rows`.
    """
    given = [row for some in _texts_of_labels(judge).values() for row in some]
    known = {_normal(row.text) for row in given}
    by_label = _texts_of_labels(row for row in rows if _normal(row.text) not in known)
    labels = tuple(sorted({label for some in by_label.values() for row in some for label in row.labels}))
    if len(labels) < 2:
        said = f"all texts have one label, {labels[0]}" if labels else "no text has one"
        raise InputError("label", said, "give texts of two labels or more")
    train: list[Row] = []
    choose: list[Row] = []
    judging = list(given)
    for label, some in sorted(by_label.items()):
        texts = sorted(some, key=lambda row: _chance(row.text, seed))
        if len(texts) < TEXTS_OF_A_LABEL_MIN:
            raise InputError(
                f"label {label}" if label else "out of scope",
                f"has {len(texts)} different texts, {TEXTS_OF_A_LABEL_MIN} are needed",
                "add some, or take the label out",
            )
        held_out = max(1, int(len(texts) * HELD_OUT_SHARE))
        own = 0 if given else held_out
        judging += texts[:own]
        choose += texts[own : own + held_out]
        train += texts[own + held_out :]
    repeated = len(rows) + len(judge) - len(train) - len(choose) - len(judging)
    if train_max is not None:
        train = sorted(train, key=lambda row: _chance(row.text, seed + 1))[:train_max]
    return Split(labels, train, choose, judging, repeated)


def _texts_of_labels(rows: Iterable[Row]) -> dict[str, list[Row]]:
    shown: dict[str, str] = {}
    said: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for row in rows:
        normal = _normal(row.text)
        shown.setdefault(normal, row.text)
        said[normal][row.labels] += 1
    chosen = [
        Row(shown[normal], *_first_and_more(min(some, key=lambda labels: (-some[labels], labels))))
        for normal, some in said.items()
    ]
    frequency = Counter(label for row in chosen for label in row.labels)
    by_label: defaultdict[str, list[Row]] = defaultdict(list)
    for row in chosen:
        rarest = min(row.labels, key=lambda label: (frequency[label], label), default="")
        by_label[rarest].append(row)
    return by_label


def _normal(text: str) -> str:
    return " ".join(text.casefold().split())


def _first_and_more(labels: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    return (labels[0], labels[1:]) if labels else ("", ())


def _chance(text: str, seed: int) -> bytes:
    return blake2b(f"{seed} {text}".encode(errors="replace")).digest()[:16]

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
    """No text is in two parts. `repeated` rows said again what another said; labels are sorted."""

    labels: tuple[str, ...]
    train: list[Row]
    choose: list[Row]
    judge: list[Row]
    repeated: int


def split(rows: Sequence[Row], seed: int) -> Split:
    """Return the split of a corpus; raise `InputError` for a label with too few texts, or only one label.

    Texts that differ in case or spaces only are one text; of its labels the most frequent counts.
    """
    by_label = _texts_of_labels(rows)
    labels = tuple(sorted(by_label))
    if len(labels) < 2:
        raise InputError(
            "label", f"all texts have one label, {labels[0]}", "give texts of two labels or more"
        )
    train: list[Row] = []
    choose: list[Row] = []
    judge: list[Row] = []
    for label in labels:
        texts = sorted(by_label[label], key=lambda text: _chance(text, seed))
        if len(texts) < TEXTS_OF_A_LABEL_MIN:
            raise InputError(
                f"label {label}",
                f"has {len(texts)} different texts, {TEXTS_OF_A_LABEL_MIN} are needed",
                "add some, or take the label out",
            )
        some = max(1, int(len(texts) * HELD_OUT_SHARE))
        judge += [Row(text, label) for text in texts[:some]]
        choose += [Row(text, label) for text in texts[some : 2 * some]]
        train += [Row(text, label) for text in texts[2 * some :]]
    repeated = len(rows) - len(train) - len(choose) - len(judge)
    return Split(labels, train, choose, judge, repeated)


def _texts_of_labels(rows: Iterable[Row]) -> dict[str, list[str]]:
    shown: dict[str, str] = {}
    said: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        normal = " ".join(row.text.casefold().split())
        shown.setdefault(normal, row.text)
        said[normal][row.label] += 1
    by_label: defaultdict[str, list[str]] = defaultdict(list)
    for normal, labels in said.items():
        label = min(labels, key=lambda label: (-labels[label], label))
        by_label[label].append(shown[normal])
    return by_label


def _chance(text: str, seed: int) -> bytes:
    return blake2b(f"{seed} {text}".encode(errors="replace")).digest()[:16]

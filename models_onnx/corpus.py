"""Texts with labels, from CSV, TSV, JSONL or JSON files, plain or packed (.gz, .xz)."""

import csv
import gzip
import lzma
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec
from msgspec import Struct

from models_onnx.parts_json import pairs_of
from schemas.errors import InputError

TEXT_MAX, LABEL_MAX = 100_000, 128
LINE_BYTES_MAX = 1 << 20
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_LINES = ".txt"
_FORMS = ".csv, .tsv, .jsonl or .json, and .gz or .xz after it if packed"
_TEXT_FORMS = f"{_LINES}, {_FORMS}"
#: Rows without a text or label are left out; of a file where so many are, the columns are in doubt.
_EMPTY_SHARE_MAX = 0.1


class Row(NamedTuple):
    """A text and what it is about: one label, `more` of them, or none (`label` is empty)."""

    text: str
    label: str
    more: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """All of its labels."""
        return (self.label, *self.more) if self.label else ()


class Columns(Struct, frozen=True):
    """What a file calls things. `label` None: only texts are read.

    `aliases`: other spellings of labels. `out_of_scope`: the label of texts about none of the others.
    `separator`: what stands between several labels of one text, in a table's cell; None: there is one.
    """

    text: str = "text"
    label: str | None = "label"
    aliases: Mapping[str, str] = {}
    out_of_scope: str | None = None
    separator: str | None = None


class Corpus(NamedTuple):
    """The rows of a file, and how many were left out because they lack a text or a label."""

    rows: list[Row]
    empty: int


DEFAULT_COLUMNS = Columns()


def read_corpus(path: Path, columns: Columns = DEFAULT_COLUMNS) -> Corpus:
    """Return the rows of a file; raise `InputError` that names file:line for the first that is wrong."""
    try:
        with _opened(path) as file:
            cells = list(_cells(file, path, columns))
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise InputError(str(path), f"cannot be unpacked ({error})", "pack it again") from None
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})", "give a readable file") from None
    rows = [row for where, values in cells if (row := _row(values, where, columns)) is not None]
    empty = len(cells) - len(rows)
    if not rows or (columns.label is not None and empty > _EMPTY_SHARE_MAX * len(cells)):
        problem = f"holds {empty} rows without a text or label, of {len(cells)}" if cells else "holds no rows"
        raise InputError(str(path), problem, "give a file with texts and labels, or name its columns")
    return Corpus(rows, empty)


def digest_of(rows: Iterable[Row]) -> str:
    """Return sha256 over the rows in their order, hex."""
    digest, encode = sha256(), msgspec.json.Encoder().encode
    for row in rows:
        digest.update(encode([row.text, row.label, *row.more]))
    return digest.hexdigest()


_Cells = tuple[str, Sequence[object]]


def _form_of(path: Path) -> tuple[str, str]:
    suffixes = path.suffixes
    packed = suffixes[-1] if suffixes and suffixes[-1] in _OPENERS else ""
    return (suffixes[-2 if packed else -1] if len(suffixes) > bool(packed) else ""), packed


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, _OPENERS.get(_form_of(path)[1], open)(path, "rb"))


def _cells(file: BinaryIO, path: Path, columns: Columns) -> Iterator[_Cells]:
    """Yield file:line and the values of the columns."""
    form, _ = _form_of(path)
    names = [columns.text] if columns.label is None else [columns.text, columns.label]
    if form == ".jsonl":
        yield from _from_json_lines(_lines(file, path), path, names)
    elif form == ".json":
        yield from pairs_of(file.read(), path, names)
    elif form in _SEPARATORS:
        yield from _from_table(_lines(file, path), path, names, _SEPARATORS[form])
    elif form == _LINES and columns.label is None:
        yield from ((f"{path}:{number}", [line]) for number, line in enumerate(_lines(file, path), 1))
    else:
        wanted = _FORMS if columns.label is not None else _TEXT_FORMS
        raise InputError(str(path), "has a name that does not tell its form", f"name it {wanted}")


def _lines(file: BinaryIO, path: Path) -> Iterator[str]:
    number = 0
    while raw := file.readline(LINE_BYTES_MAX + 1):
        number += 1
        if len(raw) > LINE_BYTES_MAX:
            raise InputError(f"{path}:{number}", "is a line of more than 1 MiB", "take it out")
        try:
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}:{number}", f"is not UTF-8 (byte {error.start} of the line)", "save it as UTF-8"
            ) from None


def _from_json_lines(lines: Iterable[str], path: Path, names: Sequence[str]) -> Iterator[_Cells]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            found = msgspec.json.decode(line, type=dict[str, object])
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
            raise InputError(where, f"is no JSON object ({error})", "one object a line") from None
        yield where, [found.get(name) for name in names]


def _from_table(lines: Iterable[str], path: Path, names: Sequence[str], separator: str) -> Iterator[_Cells]:
    table = csv.reader(lines, delimiter=separator, strict=True)
    try:
        head = next(table, [])
        if absent := [name for name in names if name not in head]:
            raise InputError(
                f"{path}:1",
                f"has no column `{absent[0]}` ({', '.join(head)[:200] or 'nothing'})",
                "name the columns in the first line, or say --text-column and --label-column",
            )
        places = [head.index(name) for name in names]
        for cells in table:
            where = f"{path}:{table.line_num}"
            if not cells:
                continue
            if len(cells) != len(head):
                raise InputError(
                    where, f"has {len(cells)} cells, the first line {len(head)}", "mend the line"
                )
            yield where, [cells[place] for place in places]
    except csv.Error as error:
        raise InputError(f"{path}:{table.line_num}", f"is no table row ({error})", "mend the line") from None


def _row(values: Sequence[object], where: str, columns: Columns) -> Row | None:
    text = _text(values[0], columns.text, TEXT_MAX, where)
    if columns.label is None:
        return Row(text, "") if text else None
    found = values[1]
    several = found if isinstance(found, list) else [found]
    if columns.separator is not None and isinstance(found, str):
        several = found.split(columns.separator)
    labels = [_text(one, columns.label, LABEL_MAX, where) for one in several]
    if not text or not all(labels):
        return None
    known = tuple(dict.fromkeys(columns.aliases.get(label, label) for label in labels))
    return (
        Row(text, "") if known == (columns.out_of_scope,) else Row(text, known[0] if known else "", known[1:])
    )


def _text(value: object, name: str, longest: int, where: str) -> str:
    if not isinstance(value, str):
        problem = "is missing" if value is None else "is not a text"
        raise InputError(where, f"`{name}` {problem}", "every row needs a text and a label")
    text = value.strip()
    if len(text) > longest:
        raise InputError(where, f"`{name}` has more than {longest:,} characters", "shorten it")
    return text

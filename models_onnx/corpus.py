"""Texts with labels, from CSV, TSV or JSONL files, plain or packed (.gz, .xz)."""

import csv
import gzip
import lzma
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import msgspec

from schemas.errors import InputError

TEXT_MAX, LABEL_MAX = 100_000, 128
LINE_BYTES_MAX = 1 << 20
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_FORMS = ".csv, .tsv or .jsonl, and .gz or .xz after it if packed"


class Row(NamedTuple):
    """A text and what it is about."""

    text: str
    label: str


class Columns(NamedTuple):
    """What the text and the label are called in the file."""

    text: str = "text"
    label: str = "label"


DEFAULT_COLUMNS = Columns()


def read_corpus(path: Path, columns: Columns = DEFAULT_COLUMNS) -> list[Row]:
    """Return the rows of a file; raise `InputError` that names file:line for the first that is wrong."""
    suffixes = path.suffixes
    packed = suffixes[-1] if suffixes and suffixes[-1] in _OPENERS else ""
    form = suffixes[-2 if packed else -1] if len(suffixes) > bool(packed) else ""
    if form != ".jsonl" and form not in _SEPARATORS:
        raise InputError(str(path), "has a name that does not tell its form", f"name it {_FORMS}")
    try:
        with cast(BinaryIO, _OPENERS.get(packed, open)(path, "rb")) as file:
            lines = _lines(file, path)
            rows = (
                list(_from_json(lines, path, columns))
                if form == ".jsonl"
                else list(_from_table(lines, path, columns, _SEPARATORS[form]))
            )
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise InputError(str(path), f"cannot be unpacked ({error})", "pack it again") from None
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})", "give a readable file") from None
    if not rows:
        raise InputError(str(path), "holds no rows", "give a file with texts and labels")
    return rows


def digest_of(rows: Iterable[Row]) -> str:
    """Return sha256 over the rows in their order, hex."""
    digest, encode = sha256(), msgspec.json.Encoder().encode
    for row in rows:
        digest.update(encode(row))
    return digest.hexdigest()


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


def _from_json(lines: Iterable[str], path: Path, columns: Columns) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            found = msgspec.json.decode(line, type=dict[str, object])
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
            raise InputError(where, f"is no JSON object ({error})", "one object a line") from None
        values = [found.get(column) for column in columns]
        for column, value in zip(columns, values, strict=True):
            if not isinstance(value, str):
                problem = "is missing" if value is None else "is not a text"
                raise InputError(where, f"`{column}` {problem}", "every line needs a text and a label")
        yield _row(cast(Sequence[str], values), where, columns)


def _from_table(lines: Iterable[str], path: Path, columns: Columns, separator: str) -> Iterator[Row]:
    table = csv.reader(lines, delimiter=separator, strict=True)
    try:
        head = next(table, [])
        if absent := [column for column in columns if column not in head]:
            raise InputError(
                f"{path}:1",
                f"has no column `{absent[0]}` ({', '.join(head)[:200] or 'nothing'})",
                "name the columns in the first line, or say --text-column and --label-column",
            )
        places = [head.index(column) for column in columns]
        for cells in table:
            where = f"{path}:{table.line_num}"
            if not cells:
                continue
            if len(cells) != len(head):
                raise InputError(
                    where, f"has {len(cells)} cells, the first line {len(head)}", "mend the line"
                )
            yield _row([cells[place] for place in places], where, columns)
    except csv.Error as error:
        raise InputError(f"{path}:{table.line_num}", f"is no table row ({error})", "mend the line") from None


def _row(values: Sequence[str], where: str, columns: Columns) -> Row:
    text, label = (value.strip() for value in values)
    for name, value, longest in ((columns.text, text, TEXT_MAX), (columns.label, label, LABEL_MAX)):
        if not value:
            raise InputError(where, f"`{name}` is empty", "fill it, or take the line out")
        if len(value) > longest:
            raise InputError(where, f"`{name}` has more than {longest:,} characters", "shorten it")
    return Row(text, label)

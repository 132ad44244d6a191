"""Labelled texts in one JSON document: a list of rows, or parts by name with a list each, as CLINC150 comes.

A row is an object, or a list of the text and its label.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from schemas.errors import InputError

_REMEDY = "give a list of rows, or an object of such lists; a row is an object or [text, label]"


def pairs_of(raw: bytes, path: Path, names: Sequence[str]) -> Iterator[tuple[str, Sequence[object]]]:
    """Yield the place of each row and its values of `names`; raise `InputError`."""
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InputError(str(path), f"is no JSON ({error})", _REMEDY) from None
    parts = document if isinstance(document, dict) else {"": document}
    for part, rows in parts.items():
        where = f"{path}:{part}" if part else str(path)
        if not isinstance(rows, list):
            raise InputError(where, "is not a list", _REMEDY)
        for number, row in enumerate(rows):
            yield f"{where}[{number}]", _values(row, f"{where}[{number}]", names)


def _values(row: object, where: str, names: Sequence[str]) -> Sequence[object]:
    if isinstance(row, dict):
        return [row.get(name) for name in names]
    if isinstance(row, list) and len(row) >= len(names):
        return row[: len(names)]
    raise InputError(where, "is no row", _REMEDY)

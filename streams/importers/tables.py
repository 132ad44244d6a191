"""Tables of a data set: CSV with a header line, compressed or not, whose columns are known."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path

from schemas.errors import InputError
from streams.sources import open_bytes


def rows_of(table: Path, columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the rows with their line numbers; raise `InputError` where one of `columns` is missing."""
    with open_bytes(table) as file:
        reader = csv.DictReader(TextIOWrapper(file, encoding="utf-8-sig", newline=""), restval="")
        try:
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise InputError(
                    str(table), f"has no column {missing[0]}", "give the CSV with its header line"
                )
            for row in reader:
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            place = f"{table}:{reader.line_num + 1}"
            raise InputError(
                place, f"is no CSV in UTF-8: {error}", "give the data set as published"
            ) from None

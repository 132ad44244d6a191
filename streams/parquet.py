"""Parquet in and out, with polars, which only the extra `beckon[parquet]` brings."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import InputError

if TYPE_CHECKING:
    from polars import DataFrame

#: Rows that are turned into lines at once.
ROWS_AT_ONCE = 16_384
#: A file with this column alone holds whole records, as a dump of a topic does.
RAW_COLUMN = "value"


def require_parquet_extra(what: str) -> None:
    """Raise `InputError` that names the extra when polars is missing; `what` needs it."""
    if find_spec("polars") is None:
        raise InputError(what, "needs polars", "install the extra: pip install 'beckon[parquet]'")


def parquet_blocks(path: Path) -> Iterator[bytes]:
    """Yield the rows of a file as lines of JSON, many at once, without a line break after the last.

    A row is one event, its columns the envelope's fields (`properties` a struct); a file whose only column is
    `value` holds the records themselves. Raise `InputError` for a damaged file or a column that JSON cannot say.
    """
    require_parquet_extra(str(path))
    import polars as pl
    from polars.exceptions import PolarsError

    try:
        rows = pl.scan_parquet(path, glob=False)
        count: int = rows.select(pl.len()).collect().item()
        raw = rows.collect_schema().names() == [RAW_COLUMN]
        for start in range(0, count, ROWS_AT_ONCE):
            some = rows.slice(start, ROWS_AT_ONCE).collect()
            yield _records(some) if raw else some.write_ndjson().encode().removesuffix(b"\n")
    except (PolarsError, OSError) as error:
        problem = f"cannot be read as Parquet ({str(error).partition(chr(10))[0][:200]})"
        raise InputError(str(path), problem, "give a readable file, or JSON lines") from None


def _records(rows: "DataFrame") -> bytes:
    """Return whole records, one a line; JSON has no line break but between its parts."""
    values = (value if value is not None else b"" for value in rows.get_column(RAW_COLUMN))
    lines = (value.encode() if isinstance(value, str) else bytes(value) for value in values)
    return b"\n".join(line.replace(b"\n", b" ") for line in lines)

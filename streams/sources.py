"""Lines of event files, plain or compressed. Only a line feed ends a line; no line fills the memory."""

import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from schemas.errors import InputError
from schemas.exact import RECORD_BYTES_MAX

CHUNK_BYTES = 1 << 20
_DAMAGED = (OSError, EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError)


class HugeLine:
    """A line above the record limit: it can only be kept, not read, so it is passed on in pieces.

    `chunks` gives its bytes once, without the line break. What is not taken is skipped.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks = chunks


def lines_of(path: Path) -> Iterator[bytes | HugeLine]:
    """Yield the lines of a file without their line break; an empty rest after the last one is none.

    Raise `InputError` for a file that is missing, damaged or of another kind.
    """
    if path.suffix == ".parquet":
        raise InputError(
            str(path), "Parquet is not read yet", "write it as JSON lines, .gz, .xz or .zst if you like"
        )
    with open_bytes(path) as file:
        yield from _split(file)


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a file by the ending of its name: .gz, .xz, .zst, anything else is plain.

    Raise `InputError` where it cannot be opened, or later be read.
    """
    openers: dict[str, Callable[[Path], object]] = {".gz": gzip.open, ".xz": lzma.open, ".zst": _open_zst}
    opener = openers.get(path.suffix, lambda plain: plain.open("rb"))
    try:
        with cast(BinaryIO, opener(path)) as file:
            yield file
    except _DAMAGED as error:
        problem = getattr(error, "strerror", None) or f"is damaged: {error}"
        raise InputError(str(path), f"cannot be read ({problem})", "give a readable file") from None


def _open_zst(path: Path) -> object:
    # Several frames one after the other are one stream, as `zstd -c a b > both` makes them.
    return zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True, closefd=True)


def _split(file: BinaryIO) -> Iterator[bytes | HugeLine]:
    rest = b""
    while chunk := file.read(CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > RECORD_BYTES_MAX:
            huge = _Huge(file, rest)
            yield HugeLine(huge.pieces())
            for _ in huge.pieces():
                pass
            *whole, rest = huge.behind.split(b"\n")
            yield from whole
    if rest:
        yield rest


class _Huge:
    """Reads on to the end of one line; `behind` is then what was read after it."""

    def __init__(self, file: BinaryIO, head: bytes) -> None:
        self.behind = head
        self._file = file
        self._ended = False

    def pieces(self) -> Iterator[bytes]:
        while not self._ended:
            piece, line_break, behind = self.behind.partition(b"\n")
            self.behind = behind if line_break else self._file.read(CHUNK_BYTES)
            self._ended = bool(line_break) or not self.behind
            yield piece

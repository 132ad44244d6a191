"""Lines of event files, plain, compressed or Parquet. Only a line feed ends a line; no line fills the memory."""

import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import zstandard

from schemas.errors import InputError
from schemas.exact import RECORD_BYTES_MAX
from streams.parquet import parquet_blocks, require_parquet_extra

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES = 1 << 20
PARQUET = ".parquet"
#: No usual event is written in fewer bytes, nor packed into fewer.
_EVENT_BYTES, _PACKED_EVENT_BYTES = 200, 16
#: Read at once of a .zst file. What comes out of it is held whole: at worst 128 KiB for every 4 bytes.
_ZST_BYTES = 256
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
    for block in blocks_of(path):
        if isinstance(block, HugeLine):
            yield block
        else:
            yield from block.split(b"\n")


def blocks_of(path: Path) -> Iterator[bytes | HugeLine]:
    """Yield the lines of a file, many at once: whole lines with breaks between them, but none after the last.

    Raise `InputError` as `lines_of` does.
    """
    if path.suffix == PARQUET:
        yield from parquet_blocks(path)
        return
    with open_bytes(path) as file:
        yield from _split(file)


def check_readable(path: Path) -> None:
    """Raise `InputError` for a file that cannot be opened; whether it is damaged shows when it is read."""
    if path.suffix == PARQUET:
        require_parquet_extra(str(path))
    with open_bytes(path):
        pass


def lines_at_most(path: Path) -> int:
    """Return about how many events a file can hold; rather too many than too few."""
    packed = path.suffix in {".gz", ".xz", ".zst", PARQUET}
    return path.stat().st_size // (_PACKED_EVENT_BYTES if packed else _EVENT_BYTES)


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a file by the ending of its name: .gz, .xz, .zst, anything else is plain.

    Raise `InputError` where it cannot be opened, or later be read.
    """
    openers: dict[str, Callable[[Path], object]] = {".gz": gzip.open, ".xz": lzma.open, ".zst": _open_zst}
    opener = openers.get(path.suffix, _open_plain)
    try:
        with cast(BinaryIO, opener(path)) as file:
            yield file
    except _DAMAGED as error:
        reason = getattr(error, "strerror", None)
        problem = f"cannot be read ({reason})" if reason else f"is damaged ({error})"
        raise InputError(str(path), problem, "give a readable file") from None


def _open_plain(path: Path) -> object:
    return path.open("rb")


def _open_zst(path: Path) -> object:
    return BufferedReader(_Zst(path), CHUNK_BYTES)


class _Zst(RawIOBase):
    """One zstd stream after the other; unlike the library's own reader it notices that the last one is cut."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._raw = b""
        self._ready = BytesIO()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        while not (taken := self._ready.readinto(buffer)) and (self._raw or self._more()):
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._ready = BytesIO(self._frame.decompress(self._raw))
            self._raw = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
        return taken

    def close(self) -> None:
        self._file.close()
        super().close()

    def _more(self) -> bool:
        self._raw = self._file.read(_ZST_BYTES)
        if not self._raw and self._frame is not None:
            raise EOFError("the end is missing")
        return bool(self._raw)


def _split(file: BinaryIO) -> Iterator[bytes | HugeLine]:
    rest = b""
    while chunk := file.read(CHUNK_BYTES):
        whole, line_break, rest = (rest + chunk).rpartition(b"\n")
        if line_break:
            yield whole
        if len(rest) > RECORD_BYTES_MAX:
            huge = _Huge(file, rest)
            yield HugeLine(huge.pieces())
            for _ in huge.pieces():
                pass
            whole, line_break, rest = huge.behind.rpartition(b"\n")
            if line_break:
                yield whole
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

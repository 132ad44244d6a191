"""A replay folder: five files, or six, that appear together, or not at all.

Everything is written under temporary names and renamed at the end, the summary last: a folder with a
summary is whole.
"""

from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from schemas.errors import InputError
from schemas.events import DeadLetter, Rejection
from streams.sources import HugeLine

PROFILES = "profiles.jsonl"
DECISIONS = "decisions.jsonl"
PROMOTIONS = "promotions.jsonl"
DEAD_LETTERS = "dead_letters.jsonl"
SUMMARY = "summary.json"
#: Only where rows were asked for.
ROWS = "rows.parquet"
FILES = (PROFILES, DECISIONS, PROMOTIONS, DEAD_LETTERS, SUMMARY)
_PART = ".part"
#: A folder for what is in the way between reading and writing.
_TEMPORARY = "temporary.part"
_BLANK = b" \t\r"
_json = msgspec.json.Encoder().encode


class ReplayFolder:
    """Writes one; use it in a `with`. Without `finish` it leaves the folder as it was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: dict[str, BinaryIO] = {}
        self._made = False

    def __enter__(self) -> Self:
        check_replaceable(self.path)
        try:
            self._made = not self.path.exists()
            self.path.mkdir(parents=True, exist_ok=True)
            rmtree(self.temporary, ignore_errors=True)  # of a run that was killed
            self.part(ROWS).unlink(missing_ok=True)
            self.temporary.mkdir()
            for name in FILES:
                self._open[name] = self.part(name).open("wb")
        except OSError as error:
            self._drop_parts()
            raise _not_writable(self.path, error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop_parts()
        if isinstance(error, OSError):  # files that are read say so in their own words
            raise _not_writable(self.path, error) from None

    @property
    def temporary(self) -> Path:
        """An empty folder that is deleted in the end."""
        return self.path / _TEMPORARY

    def part(self, name: str) -> Path:
        """Return the temporary name of a file of the folder."""
        return self.path / (name + _PART)

    def file(self, name: str) -> BinaryIO:
        """Return the open temporary file of one of `FILES`."""
        return self._open[name]

    def finish(self, summary: dict[str, Any]) -> None:
        """Write the summary and give all files their names."""
        self.file(SUMMARY).write(
            msgspec.json.format(msgspec.json.encode(summary, order="sorted"), indent=2) + b"\n"
        )
        try:
            for file in self._open.values():
                file.close()
            (self.path / SUMMARY).unlink(
                missing_ok=True
            )  # until the new one is there, the folder is not whole
            (self.path / ROWS).unlink(missing_ok=True)
            for name in FILES if not self.part(ROWS).exists() else (ROWS, *FILES):
                self.part(name).replace(self.path / name)
        except OSError as error:
            raise _not_writable(self.path, error) from None
        self._open.clear()
        self._made = False
        rmtree(self.temporary, ignore_errors=True)

    def _drop_parts(self) -> None:
        for name, file in self._open.items():
            with suppress(
                OSError
            ):  # a full disk refuses what is still in the buffer; it is not wanted anyway
                file.close()
            self.part(name).unlink(missing_ok=True)
        self._open.clear()
        if self.path.is_dir():
            self.part(ROWS).unlink(missing_ok=True)
        rmtree(self.temporary, ignore_errors=True)
        if self._made:
            with suppress(OSError):
                self.path.rmdir()


def check_replaceable(path: Path) -> None:
    """Raise `InputError` unless `path` is free, empty or an earlier replay's folder."""
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError(str(path), "is a file", "give --out a folder")
    ours = {*FILES, ROWS, _TEMPORARY.removesuffix(_PART)}
    foreign = sorted(entry.name for entry in path.iterdir() if entry.name.removesuffix(_PART) not in ours)
    if foreign:
        raise InputError(
            str(path),
            f"holds {foreign[0]}, which no replay wrote",
            "give --out a new folder or an old replay's",
        )


def write_dead_letter(
    file: BinaryIO, source: str, line: int, raw: bytes | HugeLine, letter: DeadLetter
) -> DeadLetter:
    """Write one line of dead_letters.jsonl with the whole record; return what it was rejected for."""
    # Keys are sorted by hand, so that a huge line goes through in pieces.
    file.write(b'{"field":%b,"line":%d,"raw":"' % (_json(letter.field), line))
    if isinstance(raw, HugeLine):
        if _copy(raw, file):
            letter = DeadLetter(Rejection.TOMBSTONE, "", "has no value")
    else:
        file.write(b64encode(raw))
    file.write(b'","reason":%b,"source":%b}\n' % (_json(letter.reason), _json(source)))
    return letter


def _copy(huge: HugeLine, file: BinaryIO) -> bool:
    """Write a huge line in base64; return whether it was blank."""
    blank, rest = True, b""
    for piece in huge.chunks:
        blank = blank and not piece.strip(_BLANK)
        rest += piece
        whole = len(rest) - len(rest) % 3  # base64 has no padding inside
        file.write(b64encode(rest[:whole]))
        rest = rest[whole:]
    file.write(b64encode(rest))
    return blank


def _not_writable(path: Path, error: OSError) -> InputError:
    return InputError(str(path), f"cannot be written ({error.strerror})", "give --out another folder")

"""An import's folder: a file of events per topic, what was left out, and a report.

Every event passes the border before it is written, so what an import wrote, a replay accepts. Files appear
together at the end, the report last. What was rejected lies one folder deeper, so that
`beckon replay OUT/*.jsonl` reads events only.
"""

import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec
from msgspec import Struct

from schemas import topics
from schemas.adapters.drafts import Adapted
from schemas.decode import Border
from schemas.errors import InputError
from schemas.events import DeadLetter, ShopEvent, Skipped
from schemas.timestamps import iso_utc
from streams.replay_folder import write_dead_letter
from streams.sources import HugeLine

REPORT = "report.json"
REJECTED = Path("rejected") / "dead_letters.jsonl"
EVENT_FILES = tuple(
    f"{topic.name}.jsonl" for topic in (topics.CLICKS, topics.PURCHASES, topics.FEEDBACK, topics.IDENTITIES)
)
_PART = ".part"
_EXAMPLES_MAX = 3


class Report(Struct):
    """What an import read and wrote.

    `lines`: records read. `rows`: records per event that they were read as. `written`: events per name.
    `left_out`: records that are no event, by what they are. `dead_letters`: records or events that are
    against a rule, by `reason field`, with `examples` of them. `notes`: what an importer counts besides.
    """

    lines: int = 0
    rows: Counter[str] = msgspec.field(default_factory=Counter)
    written: Counter[str] = msgspec.field(default_factory=Counter)
    shoppers: int = 0
    first: str = ""
    last: str = ""
    left_out: Counter[str] = msgspec.field(default_factory=Counter)
    dead_letters: Counter[str] = msgspec.field(default_factory=Counter)
    examples: list[str] = msgspec.field(default_factory=list)
    notes: dict[str, int] = msgspec.field(default_factory=dict)

    def page(self) -> str:
        """Return the report for people."""
        lines = [("records read", f"{self.lines:,}")]
        lines += [(f"  read as {name}", f"{count:,}") for name, count in sorted(self.rows.items())]
        lines += [(f"  left out: {what}", f"{count:,}") for what, count in sorted(self.left_out.items())]
        lines += [(f"  dead letter: {why}", f"{count:,}") for why, count in sorted(self.dead_letters.items())]
        lines += [(what, f"{count:,}") for what, count in self.notes.items()]
        lines += [(f"written: {name}", f"{count:,}") for name, count in sorted(self.written.items())]
        lines += [("shoppers", f"{self.shoppers:,}"), ("from", self.first), ("to", self.last)]
        width = max(len(name) for name, _ in lines)
        shown = [f"{name:<{width}}  {value}".rstrip() for name, value in lines]
        return "\n".join([*shown, *(f"for example {example}" for example in self.examples)])

    def json(self) -> bytes:
        """Return the text of report.json."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=2) + b"\n"


class EventFolder:
    """Writes one; use it in a `with`. Without `finish` it leaves the folder as it was."""

    def __init__(self, out: Path, border: Border) -> None:
        self.out = out
        self.report = Report()
        self._border = border
        self._wall_ms = time.time_ns() // 1_000_000
        self._encode = msgspec.json.Encoder().encode
        self._files: dict[str, BinaryIO] = {}
        self._shoppers: set[str] = set()
        self._span: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        try:
            foreign = self.out.is_dir() and any(self.out.iterdir()) and not (self.out / REPORT).exists()
            if foreign:
                raise InputError(str(self.out), "is a folder that no import wrote", "give --out a new folder")
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_writable(self.out, error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, file in self._files.items():
            with suppress(OSError):  # a full disk refuses the rest of the buffer; it is not wanted anyway
                file.close()
            (self.out / (name + _PART)).unlink(missing_ok=True)

    def put(self, adapted: Adapted) -> DeadLetter | None:
        """Write one event, or return why the border refuses it, with the field's path in the source."""
        raw = self._encode(adapted.envelope)
        read = self._border.read(raw, self._wall_ms)
        if isinstance(read, DeadLetter):
            return adapted.in_origin(read)
        if isinstance(read, Skipped):
            self.report.left_out[read.kind] += 1
            return None
        self._write(f"{topics.topic_of(read.name).name}.jsonl", raw + b"\n")
        self._count(read)
        return None

    def reject(self, source: Path, line: int, raw: bytes | HugeLine, letter: DeadLetter) -> None:
        """Keep a record that is against a rule."""
        letter = write_dead_letter(self._file(str(REJECTED)), source.name, line, raw, letter)
        self.report.dead_letters[f"{letter.reason} {letter.field}".rstrip()] += 1
        if len(self.report.examples) < _EXAMPLES_MAX:
            field = f"{letter.field}: " if letter.field else ""
            self.report.examples.append(f"{source}:{line}: {field}{letter.detail}")

    def finish(self) -> Report:
        """Give all files their names and write the report."""
        self.report.shoppers = len(self._shoppers)
        if self._span is not None:
            self.report.first, self.report.last = (iso_utc(at) for at in self._span)
        try:
            (self.out / REPORT).unlink(missing_ok=True)
            for file in self._files.values():
                file.close()
            for name in (*EVENT_FILES, str(REJECTED)):
                if name in self._files:
                    (self.out / (name + _PART)).replace(self.out / name)
                else:
                    (self.out / name).unlink(missing_ok=True)  # of an earlier import
            self._files.clear()
            (self.out / REPORT).write_bytes(self.report.json())
        except OSError as error:
            raise _not_writable(self.out, error) from None
        return self.report

    def _count(self, event: ShopEvent) -> None:
        at = event.envelope.at
        self.report.written[event.name] += 1
        self._shoppers.add(event.envelope.shopper)
        first, last = self._span or (at, at)
        self._span = (min(first, at), max(last, at))

    def _file(self, name: str) -> BinaryIO:
        file = self._files.get(name)
        if file is None:
            path = self.out / (name + _PART)
            path.parent.mkdir(exist_ok=True)
            file = self._files[name] = path.open("wb")
        return file

    def _write(self, name: str, line: bytes) -> None:
        try:
            self._file(name).write(line)
        except OSError as error:
            raise _not_writable(self.out, error) from None


def _not_writable(out: Path, error: OSError) -> InputError:
    return InputError(str(out), f"cannot be written ({error.strerror})", "give --out another folder")

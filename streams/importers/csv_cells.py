"""Cells of a CSV row into values: which event, when, and what; compiled once per mapping."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from schemas.events import DeadLetter, EventName, Rejection, Skipped
from schemas.ids import MS_PER_DAY
from schemas.timestamps import parse_time
from streams.importers.csv_mapping import (
    ENVELOPE,
    NUMBERS,
    PROPERTIES,
    CsvMapping,
    EventRule,
    TimeRule,
    columns_in,
)

#: What iso_utc can write, and more than any rule accepts.
_MS_MAX = 253_402_300_799_999
_ZONED = re.compile(r".*(?:Z|[+-][0-9]{2}:?[0-9]{2})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(Struct, frozen=True):
    """One row as read. `places`: column -> index. `problem`: why it cannot be used at all."""

    file: Path
    number: int
    cells: list[str]
    places: dict[str, int]
    problem: DeadLetter | None = None

    def text(self, column: str) -> str:
        """Return a cell without the blanks around it."""
        return self.cells[self.places[column]].strip()


def event_reader(rule: EventRule) -> Callable[[Row], EventName | Skipped]:
    """Return a function from row to event; without `names` the column has our own."""
    names = {text: EventName(name) for text, name in rule.names.items()}
    names = names or {name.value: name for name in PROPERTIES}
    constant = None if rule.constant is None else EventName(rule.constant)

    def read(row: Row) -> EventName | Skipped:
        if constant is not None or rule.column is None:
            return constant or Skipped("nothing")
        text = row.text(rule.column)
        return names.get(text) or Skipped(text[:64] or "nothing")

    return read


def time_reader(rule: TimeRule) -> Callable[[Row], int | DeadLetter]:
    """Return a function from row to milliseconds since 1970 UTC, or to what is wrong with its time."""
    parse = lru_cache(maxsize=1024)(_parser(rule))  # rows next to each other share their second

    def read(row: Row) -> int | DeadLetter:
        text = row.text(rule.column)
        at = parse(text) if text else None
        if at is None:
            detail = f"is `{text[:40]}`, which is not {rule.format}" if text else "is empty"
            return DeadLetter(Rejection.BAD_TIMESTAMP, rule.column, detail)
        if rule.within_day_ms is not None:
            since = row.text(rule.within_day_ms)
            if not since.isdecimal():
                return DeadLetter(
                    Rejection.BAD_TIMESTAMP, rule.within_day_ms, f"is `{since[:40]}`, not milliseconds"
                )
            at += int(since[-18:]) % MS_PER_DAY
        if not 0 <= at <= _MS_MAX:
            return DeadLetter(Rejection.BAD_TIMESTAMP, rule.column, "is out of range")
        return at

    return read


def value_reader(mapping: CsvMapping, event: EventName) -> Callable[[Row], dict[str, Any]]:
    """Return a function from a row that is `event` to the values of its fields; empty cells are left out."""
    used = (*ENVELOPE, *PROPERTIES[event])
    nothing = {"", *mapping.file.nothing}
    comma = mapping.file.decimal
    constants = {field: value for field, value in mapping.constants.items() if field in used}
    plan = [
        (field, columns_in(text), field in NUMBERS) for field, text in mapping.fields.items() if field in used
    ]

    def read(row: Row) -> dict[str, Any]:
        values: dict[str, Any] = dict(constants)
        for field, pieces, number in plan:
            cells = [(literal, "" if column is None else row.text(column)) for literal, column in pieces]
            if all(cell in nothing for _, cell in cells):
                continue
            text = "".join([literal + cell for literal, cell in cells])
            values[field] = _number(text.replace(comma, ".")) if number else text
        return values

    return read


def _number(text: str) -> int | float | str:
    """Return a number; what is none stays a text, for the border to refuse."""
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text or len(text) > 15 else int(text)


def _parser(rule: TimeRule) -> Callable[[str], int | None]:
    zone = ZoneInfo(rule.zone)
    match rule.format:
        case "epoch_s":
            return lambda text: _epoch(text, 1000)
        case "epoch_ms":
            return lambda text: _epoch(text, 1)
        case "iso":
            return lambda text: _iso(text, zone)
    return lambda text: _pattern(text, rule.format, zone)


def _epoch(text: str, factor: int) -> int | None:
    # By decimals: 1396437466.94 s has no exact float.
    return int(Decimal(text) * factor // 1) if _NUMBER.fullmatch(text) and len(text) < 32 else None


def _iso(text: str, zone: ZoneInfo) -> int | None:
    text = f"{text[:-4]}Z" if text.endswith(" UTC") else text
    if text.isdecimal():
        return None  # digits alone are an epoch, and the mapping has a word for each kind
    at = parse_time(text)
    if at is None or _ZONED.fullmatch(text, 10):
        return at
    return _in_zone(datetime.fromtimestamp(at // 1000, UTC).replace(tzinfo=None), zone) + at % 1000


def _pattern(text: str, pattern: str, zone: ZoneInfo) -> int | None:
    try:
        when = datetime.strptime(text, pattern)  # noqa: DTZ007 -- the zone follows
    except ValueError:
        return None
    if when.tzinfo is not None:
        return (when - _EPOCH) // (_EPOCH.resolution * 1000)
    return _in_zone(when, zone)


def _in_zone(when: datetime, zone: ZoneInfo) -> int:
    """Return the ms of a local time; an hour that comes twice is the first one."""
    return (when.replace(tzinfo=zone).astimezone(UTC) - _EPOCH) // (_EPOCH.resolution * 1000)

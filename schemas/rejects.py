"""The one way out of the border's checks, and the checks of single values."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, NoReturn

from schemas.events import DeadLetter, Rejection
from schemas.money import Amount

Json = Mapping[str, Any]

AMOUNT_MAX = 1e9
QUANTITY_MAX = 10_000
JSON_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_is_json_number = re.compile(JSON_NUMBER).fullmatch


class Reject(Exception):
    """An event that cannot be used; carries its dead letter. Never leaves `schemas`."""

    def __init__(self, reason: Rejection, field: str, detail: str) -> None:
        super().__init__(detail)
        self.letter = DeadLetter(reason, field, detail)


def missing(field: str) -> NoReturn:
    """Reject an event that lacks a required field."""
    raise Reject(Rejection.MISSING_FIELD, field, "is required")


def wrong_type(field: str, wanted: str, value: object) -> NoReturn:
    """Reject a value of another JSON type than the field takes."""
    raise Reject(Rejection.WRONG_TYPE, field, f"wants {wanted}, got {_kind(value)}")


def bad_value(field: str, problem: str) -> NoReturn:
    """Reject a value of the right type that is out of bounds."""
    raise Reject(Rejection.BAD_VALUE, field, problem)


def text(source: Json, key: str, path: str, longest: int) -> str | None:
    """Return an optional text; null and "" are absent."""
    value = source.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        wrong_type(path, "a text", value)
    if len(value) > longest:
        bad_value(path, f"is longer than {longest} characters")
    return value


def identifier(source: Json, key: str, path: str, longest: int = 128) -> str | None:
    """Return an optional id; integers are taken as ids, floats and booleans are not (ruling 41)."""
    value = source.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        value = _digits_of(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        wrong_type(path, "an id", value)
    if len(value) > longest:
        bad_value(path, f"is longer than {longest} characters")
    return value


def required(value: str | None, path: str) -> str:
    """Return the value, or reject the event for its absence."""
    if value is None:
        missing(path)
    return value


def amount(source: Json, key: str, path: str) -> Amount | None:
    """Return an optional amount: a number, or a text that is exactly a JSON number, 0 to 1e9."""
    value = _number(source, key, path)
    if value is None:
        return None
    size = float(value)
    if not isfinite(size) or size < 0 or size > AMOUNT_MAX:
        bad_value(path, "is not between 0 and 1e9")
    return 0 if size == 0 else value


def quantity(source: Json, key: str, path: str) -> int | None:
    """Return an optional quantity: a whole number from 1 to 10,000; `2.0` and `"2"` are 2."""
    value = _number(source, key, path)
    if value is None:
        return None
    size = float(value)
    if not isfinite(size) or size != int(size) or not 1 <= size <= QUANTITY_MAX:
        bad_value(path, f"is not a whole number from 1 to {QUANTITY_MAX}")
    return int(size)


def array(source: Json, key: str, path: str) -> list[Any] | None:
    """Return an optional array, not looked into."""
    value = source.get(key)
    if value is not None and not isinstance(value, list):
        wrong_type(path, "an array", value)
    return value


def _number(source: Json, key: str, path: str) -> Amount | None:
    value = source.get(key)
    if value is None:
        return None
    if isinstance(value, str) and _is_json_number(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        wrong_type(path, "a number", value)
    if isinstance(value, int) and abs(value) > AMOUNT_MAX:
        bad_value(path, "is not between 0 and 1e9")  # also keeps float() from overflowing
    return value


def _digits_of(value: int) -> str:
    # Longer ones are out of bounds anyway, and str() of a huge integer is slow or refused.
    return str(value) if value.bit_length() < 1000 else "9" * 400


def _kind(value: object) -> str:
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "an array"
        case None:
            return "null"
    return "an object"

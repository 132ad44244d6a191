"""The mapping file of `beckon import csv`: which column is which field. TOML or YAML; docs/imports.md."""

import codecs
import tomllib
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from schemas.errors import InputError
from schemas.events import EventName

#: Fields of the envelope; all others in `FIELDS` are properties.
ENVELOPE = ("messageId", "userId", "anonymousId")
#: Fields that are amounts or counts, so that a decimal comma in them can be read.
NUMBERS = ("price", "quantity", "total", "revenue", "discount", "value")
#: Fields of a line of an order; they are also the fields of an event about one product.
LINE = ("product_id", "name", "category", "brand", "price", "quantity")
FIELDS = (
    *ENVELOPE,
    *LINE,
    *("currency", "order_id", "total", "revenue", "discount", "value", "coupon", "query", "list_id"),
    *("coupon_id", "promotion_id", "decision_id", "creative"),
)
_ORDER_CHANGE = ("order_id", "total", "revenue", "currency")
_PROMOTION = ("promotion_id", "decision_id", "creative")
_COUPON = ("coupon_id", "order_id", "decision_id")
#: What a row can be, with the properties that it can have; identities and consents have no flat form.
PROPERTIES: Mapping[EventName, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            EventName.PRODUCT_VIEWED,
            EventName.PRODUCT_CLICKED,
            EventName.PRODUCT_ADDED,
            EventName.PRODUCT_REMOVED,
            EventName.PRODUCT_WISHED,
        ),
        (*LINE, "currency"),
    ),
    EventName.PRODUCTS_SEARCHED: ("query", "category"),
    EventName.LIST_VIEWED: ("list_id", "category"),
    EventName.LIST_FILTERED: ("list_id", "category"),
    EventName.CART_VIEWED: ("value", "currency"),
    EventName.CHECKOUT_STARTED: ("value", "currency"),
    EventName.ORDER_COMPLETED: (*LINE, *_ORDER_CHANGE, "coupon", "discount"),
    EventName.ORDER_REFUNDED: _ORDER_CHANGE,
    EventName.ORDER_CANCELLED: _ORDER_CHANGE,
    EventName.ORDER_UPDATED: _ORDER_CHANGE,
    EventName.PROMOTION_VIEWED: _PROMOTION,
    EventName.PROMOTION_CLICKED: _PROMOTION,
    EventName.COUPON_APPLIED: _COUPON,
    EventName.COUPON_DENIED: _COUPON,
    EventName.COUPON_REMOVED: _COUPON,
}
#: What an event needs: one field of each group.
_NEEDS: Mapping[EventName, tuple[tuple[str, ...], ...]] = {
    event: ((names[0],),)
    for event, names in PROPERTIES.items()
    if names[0] not in ("list_id", "value")  # lists and carts need nothing
} | {
    EventName.ORDER_COMPLETED: (
        ("order_id",),
        ("product_id",),
        ("currency",),
        ("total", "revenue", "price"),
    )
}
_REMEDY = "docs/imports.md shows a mapping"


class FileRule(Struct, frozen=True, forbid_unknown_fields=True):
    """How the file is written. `columns` names them where there is no header line; `nothing` lists texts
    that mean "no value"."""

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8-sig"
    decimal: str = "."
    columns: tuple[str, ...] = ()
    nothing: tuple[str, ...] = ()


class EventRule(Struct, frozen=True, forbid_unknown_fields=True):
    """What a row is: a `constant` event, or what `names` says about the text in `column`."""

    column: str | None = None
    constant: str | None = None
    names: dict[str, str] = {}


class TimeRule(Struct, frozen=True, forbid_unknown_fields=True):
    """When it was. `format`: iso, epoch_s, epoch_ms or a strptime pattern. `zone` holds where the text names
    none. `within_day_ms`: a column with milliseconds since some start, added modulo one day."""

    column: str
    format: str = "iso"
    zone: str = "UTC"
    within_day_ms: str | None = None


class CsvMapping(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole mapping. `fields`: our field -> a column, or a text with `{columns}`."""

    name: str
    event: EventRule
    time: TimeRule
    fields: dict[str, str]
    file: FileRule = FileRule()
    constants: dict[str, str | int | float] = {}


def load_mapping(path: Path) -> CsvMapping:
    """Return the mapping of a TOML or YAML file; raise `InputError` that names file and field."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})", "give a readable file") from None
    except UnicodeDecodeError:
        raise InputError(str(path), "is not UTF-8", _REMEDY) from None
    try:
        mapping = msgspec.convert(_parse(path, text), CsvMapping)
    except msgspec.ValidationError as error:
        raise InputError(str(path), _field_first(str(error)), _REMEDY) from None
    check(mapping, str(path))
    return mapping


def check(mapping: CsvMapping, source: str) -> None:
    """Raise `InputError` for a mapping that can make no event."""
    _check_file(mapping, source)
    _check_event(mapping.event, source)
    try:
        ZoneInfo(mapping.time.zone)
    except (KeyError, OSError, ValueError):
        raise _wrong(source, "time.zone", f"`{mapping.time.zone}` is no time zone", "Europe/Berlin") from None
    for table, names in (("fields", mapping.fields), ("constants", mapping.constants)):
        for name in names:
            if name not in FIELDS:
                raise _unknown(source, f"{table}.{name}", "is not a field that events have", name, FIELDS)
    for field, text in mapping.fields.items():
        try:
            columns_in(text)
        except ValueError as error:
            raise _wrong(source, f"fields.{field}", f"`{text}`: {error}", '"{user}-{time}"') from None
    has = {*mapping.fields, *mapping.constants}
    for event in events_of(mapping):
        for group in (*_NEEDS.get(event, ()), ("userId", "anonymousId")):
            if has.isdisjoint(group):
                problem = f"is missing; {event} needs it"
                raise InputError(source, f"fields.{' or fields.'.join(group)} {problem}", _REMEDY)


def events_of(mapping: CsvMapping) -> set[EventName]:
    """Return the events that a mapping can make; none where the column itself has our names."""
    rule = mapping.event
    return {EventName(rule.constant)} if rule.constant else {EventName(name) for name in rule.names.values()}


def columns_in(text: str) -> list[tuple[str, str | None]]:
    """Return the pieces of a field's text: (literal, column after it). A plain text is a column.

    >>> columns_in("price"), columns_in("{user}-{time}")
    ([('', 'price')], [('', 'user'), ('-', 'time')])
    """
    if "{" not in text and "}" not in text:
        return [("", text)]
    pieces = []
    for literal, column, form, conversion in Formatter().parse(text):
        if form or conversion or column == "":
            raise ValueError("only plain {columns} may stand in it")
        pieces.append((literal, column))
    return pieces


def columns_used(mapping: CsvMapping) -> list[tuple[str, str]]:
    """Return (place in the mapping, column) for every column that the mapping names."""
    used = [("time.column", mapping.time.column)]
    if mapping.time.within_day_ms is not None:
        used.append(("time.within_day_ms", mapping.time.within_day_ms))
    if mapping.event.column is not None:
        used.append(("event.column", mapping.event.column))
    for field, text in mapping.fields.items():
        used += [(f"fields.{field}", column) for _, column in columns_in(text) if column is not None]
    return used


def check_columns(mapping: CsvMapping, source: str, columns: Collection[str], file: Path) -> None:
    """Raise `InputError` for a column that `file` does not have."""
    for place, column in columns_used(mapping):
        if column not in columns:
            raise _unknown(source, place, f"names a column that {file.name} does not have", column, columns)


def _parse(path: Path, text: str) -> Any:
    try:
        if path.suffix in (".yaml", ".yml"):
            return YAML(typ="safe", pure=True).load(text)
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, YAMLError) as error:
        problem = " ".join(str(error).split())
        raise InputError(str(path), f"cannot be read: {problem}"[:300], _REMEDY) from None


def _check_file(mapping: CsvMapping, source: str) -> None:
    rule = mapping.file
    for name, value in (("delimiter", rule.delimiter), ("quote", rule.quote), ("decimal", rule.decimal)):
        if len(value) != 1 or value in "\r\n":
            raise _wrong(source, f"file.{name}", "is not one character", '";"')
    try:
        codecs.lookup(rule.encoding)
    except LookupError:
        raise _wrong(source, "file.encoding", f"`{rule.encoding}` is not known", '"utf-8"') from None


def _check_event(rule: EventRule, source: str) -> None:
    if (rule.column is None) == (rule.constant is None):
        raise _wrong(source, "event", "needs either `column` or `constant`", 'constant = "Product Viewed"')
    known = [name.value for name in PROPERTIES]
    named: Iterable[tuple[str, str]] = [(f"names.{key}", name) for key, name in rule.names.items()]
    if rule.constant is not None:
        named = [("constant", rule.constant)]
    for place, name in named:
        if name not in known:
            raise _unknown(source, f"event.{place}", f"`{name}` is not an event", name, known)


def _unknown(source: str, place: str, problem: str, name: str, known: Collection[str]) -> InputError:
    near = get_close_matches(name, known, 1) or get_close_matches(name.lower(), known, 1)
    remedy = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known)}"
    return InputError(source, f"{place} {problem}", remedy)


def _wrong(source: str, place: str, problem: str, example: str) -> InputError:
    return InputError(source, f"{place} {problem}", f"write it like {example}")


def _field_first(problem: str) -> str:
    """Return msgspec's words with the field before them.

    >>> _field_first("Expected `str`, got `int` - at `$.time.zone`")
    'time.zone: Expected `str`, got `int`'
    """
    words, _, path = problem.partition(" - at `$")
    return f"{path.strip('.`')}: {words}" if path.strip(".`") else words

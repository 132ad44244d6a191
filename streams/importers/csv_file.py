"""Any CSV of events or order lines into events, by a mapping file (`streams.importers.csv_mapping`).

Rows become events one by one, except those of an order: all rows of a shopper with one order_id are the lines
of one Order Completed, at the time of the earliest; without a total it is the sum of its lines.

messageId is the mapped one, else a digest of the row, so an export that overlaps an earlier one repeats no
event. Equal rows within `REPEATS_KEPT` rows of each other are told apart by a number: nothing says that the
second is no second click.
"""

import csv
from collections import OrderedDict
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum, auto
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

from msgspec import Struct

from schemas.adapters.drafts import Adapted, digest_id, numbered
from schemas.decode import Border
from schemas.errors import InputError
from schemas.events import DeadLetter, EventName, Rejection, Skipped
from schemas.timestamps import iso_utc
from streams.importers import csv_cells
from streams.importers.csv_cells import Row
from streams.importers.csv_mapping import (
    ENVELOPE,
    FIELDS,
    LINE,
    PROPERTIES,
    CsvMapping,
    check_columns,
    columns_in,
)
from streams.importers.folder import EventFolder, Report
from streams.sources import open_bytes

REPEATS_KEPT = 65_536


class OnBadLine(Enum):
    """What a line that is against a rule does: stop the import, or be left out and counted."""

    STOP = auto()
    LEAVE_OUT = auto()


class _Line(Struct):
    """A row on its way: where it stands, what it is, its values by field."""

    file: Path
    number: int
    cells: list[str]
    at: int
    values: dict[str, Any]


class _Order(Struct):
    """The rows of one order, in their order."""

    message_id: str
    lines: list[_Line]


def import_csv(
    files: list[Path], out: Path, mapping: CsvMapping, source: str, border: Border, on_bad: OnBadLine
) -> Report:
    """Write `out`; raise `InputError` that names file and line, or `source` and the mapping's field."""
    run = _Import(mapping, on_bad)
    with EventFolder(out, border) as folder:
        for file in files:
            for row in _rows(file, mapping, source):
                folder.report.lines += 1
                run.take(folder, row)
        run.take_orders(folder)
        if folder.report.lines and not folder.report.rows:
            seen = ", ".join(list(folder.report.left_out)[:5])
            place = f"event.names knows none of what column {mapping.event.column} says"
            raise InputError(source, f"{place} ({seen})", "add the names of your events")
        return folder.finish()


class _Import:
    """One run: the mapping compiled, the orders that are not complete before the end."""

    def __init__(self, mapping: CsvMapping, on_bad: OnBadLine) -> None:
        self._mapping = mapping
        self._on_bad = on_bad
        self._time = csv_cells.time_reader(mapping.time)
        self._values = {event: csv_cells.value_reader(mapping, event) for event in PROPERTIES}
        self._event = csv_cells.event_reader(mapping.event)
        self._origins = _origins(mapping, "properties.")
        self._orders: dict[tuple[object, object], _Order] = {}
        self._repeats: OrderedDict[str, int] = OrderedDict()

    def take(self, folder: EventFolder, row: Row) -> None:
        """Turn one row into an event, keep it for its order, or leave it out."""
        if row.problem is not None:
            self._refuse(folder, _Line(row.file, row.number, row.cells, 0, {}), row.problem)
            return
        name = self._event(row)
        if isinstance(name, Skipped):
            folder.report.left_out[name.kind] += 1
            return
        folder.report.rows[name] += 1
        at = self._time(row)
        line = _Line(
            row.file, row.number, row.cells, at if isinstance(at, int) else 0, self._values[name](row)
        )
        if isinstance(at, DeadLetter):
            self._refuse(folder, line, at)
        elif name is EventName.ORDER_COMPLETED:
            self._keep(line)
        else:
            message_id = line.values.get("messageId") or self._row_id(row)
            letter = folder.put(Adapted(_event(line, name, message_id), self._origins))
            if letter is not None:
                self._refuse(folder, line, letter)

    def take_orders(self, folder: EventFolder) -> None:
        """Write the orders, in the order of their first lines."""
        for order in self._orders.values():
            adapted = Adapted(_order(order), {})
            letter = folder.put(adapted)
            if letter is not None:
                origins = _order_origins(self._mapping, order)
                self._refuse(folder, order.lines[0], Adapted(adapted.envelope, origins).in_origin(letter))
        self._orders.clear()

    def _keep(self, line: _Line) -> None:
        shopper = line.values.get("userId") or line.values.get("anonymousId")
        # A row without an order_id is refused for itself, not with others like it.
        key = (shopper, line.values.get("order_id") or f"{line.file.name}:{line.number}")
        order = self._orders.get(key)
        if order is None:
            mapped = line.values.get("messageId")
            order = self._orders[key] = _Order(mapped or digest_id(self._mapping.name, "order", *key), [])
        order.lines.append(line)

    def _row_id(self, row: Row) -> str:
        plain = digest_id(self._mapping.name, row.cells)
        before = self._repeats.get(plain, 0)
        self._repeats[plain] = before + 1
        if len(self._repeats) > REPEATS_KEPT:
            self._repeats.popitem(last=False)
        return numbered(plain, before)

    def _refuse(self, folder: EventFolder, line: _Line, letter: DeadLetter) -> None:
        if self._on_bad is OnBadLine.LEAVE_OUT:
            raw = _written(line.cells, self._mapping.file.delimiter)
            folder.reject(line.file, line.number, raw, letter)
            return
        problem = f"{letter.field} {letter.detail}".lstrip()
        raise InputError(
            f"{line.file}:{line.number}", problem, "mend the line or its mapping, or give --leave-out-bad"
        )


def _rows(file: Path, mapping: CsvMapping, source: str) -> Iterator[Row]:
    rule = mapping.file
    with open_bytes(file) as opened:
        text = TextIOWrapper(opened, encoding=rule.encoding, newline="")
        reader = csv.reader(text, delimiter=rule.delimiter, quotechar=rule.quote)
        try:
            columns = list(rule.columns) or next(reader, [])
            check_columns(mapping, source, columns, file)
            places = {name: index for index, name in enumerate(columns)}
            for cells in reader:
                if not cells:  # an empty line, as editors leave at the end
                    continue
                yield Row(file, reader.line_num, cells, places, _width_problem(cells, columns))
        except (csv.Error, UnicodeError) as error:
            place = f"{file}:{reader.line_num + 1}"
            raise InputError(
                place, f"is no CSV in {rule.encoding}: {error}", "see `file` in the mapping"
            ) from None


def _written(cells: list[str], delimiter: str) -> bytes:
    out = StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow(cells)
    return out.getvalue().encode("utf-8", "surrogateescape")


def _width_problem(cells: list[str], columns: list[str]) -> DeadLetter | None:
    if len(cells) == len(columns):
        return None
    return DeadLetter(Rejection.BAD_VALUE, "", f"has {len(cells)} cells for {len(columns)} columns")


def _event(line: _Line, name: EventName, message_id: Any) -> dict[str, Any]:
    properties = {field: value for field, value in line.values.items() if field not in ENVELOPE}
    return _envelope(name, line, message_id, line.at, properties)


def _order(order: _Order) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    products = []
    for line in order.lines:
        for field, value in line.values.items():
            if field not in ENVELOPE and field not in LINE:
                properties.setdefault(field, value)
        products.append({"quantity": 1, **{f: line.values[f] for f in LINE if f in line.values}})
    properties["products"] = products
    if "total" not in properties and "revenue" not in properties:
        total = _sum(products)
        if total is not None:
            properties["total"] = total
    at = min(line.at for line in order.lines)
    return _envelope(EventName.ORDER_COMPLETED, order.lines[0], order.message_id, at, properties)


def _order_origins(mapping: CsvMapping, order: _Order) -> dict[str, str]:
    origins = _origins(mapping, "properties.")
    for index, line in enumerate(order.lines):
        path = f"properties.products[{index}]."
        origins |= {ours: f"line {line.number}, {theirs}" for ours, theirs in _origins(mapping, path).items()}
    return origins


def _sum(products: list[dict[str, Any]]) -> float | None:
    """Return what the lines cost, None where one has no price.

    A line that cannot be right makes it 0: then the border names that line, not a total that nobody wrote.
    """
    total = Decimal(0)
    for product in products:
        price, quantity = product.get("price"), product["quantity"]
        if price is None:
            return None
        if isinstance(price, str) or isinstance(quantity, str) or price < 0:
            return 0.0
        total += Decimal(repr(price)) * Decimal(repr(quantity))
    return float(total)


def _envelope(
    name: EventName, line: _Line, message_id: Any, at: int, properties: dict[str, Any]
) -> dict[str, Any]:
    ids = {field: line.values[field] for field in ENVELOPE[1:] if field in line.values}
    head = {"type": "track", "event": name.value, "messageId": message_id, "timestamp": iso_utc(at)}
    return {**head, **ids, "properties": properties}


def _origins(mapping: CsvMapping, target: str) -> dict[str, str]:
    """Return where the border's fields come from: the column, or the mapping's own field."""
    origins = {"timestamp": mapping.time.column}
    for field in FIELDS:
        text = mapping.fields.get(field)
        names = [] if text is None else [column for _, column in columns_in(text) if column is not None]
        place = names[0] if len(names) == 1 else f"fields.{field}"
        place = f"constants.{field}" if text is None and field in mapping.constants else place
        origins[field if field in ENVELOPE else target + field] = place
    return origins

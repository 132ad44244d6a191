"""UCI Online Retail (Chen, Sain, Guo 2012): invoice lines of a British gift wholesaler into events.

What the data says, and what becomes of it:

- One invoice is one Order Completed; its time is the earliest of its lines (a few span two minutes),
  British local time made UTC. `product_id` is StockCode as written, postage and the like included.
- An invoice whose number starts with C took goods back. It names no earlier invoice and often takes
  back part of one, or of several. So it is one Order Refunded under its own number, with the amount
  given back: it counts in `refunds`, and in `spend` nothing is guessed.
- Lines without a customer have no shopper: left out, counted.
- Lines with a price or (outside C invoices) a quantity of 0 or less are corrections and samples: left
  out, counted. An order of which no line remains is left out.
- Exact duplicate lines stay: a till writes two equal lines for two scans, and nothing tells them apart.
- A quantity above 10,000, which no event may carry, is written as 10,000; the order's total is exact.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from schemas.errors import InputError
from schemas.ids import Minor
from schemas.money import Money
from schemas.rejects import QUANTITY_MAX
from streams.sources import check_readable, open_bytes

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")
CURRENCY = "GBP"
EVENTS = "purchases.jsonl"
_SHOP_TIME = ZoneInfo("Europe/London")
_CENT = Money(CURRENCY)


class Line(Struct, gc=False):
    """One line of an invoice, quantities and prices as written."""

    code: str
    title: str
    quantity: int
    price: Decimal


class Invoice(Struct):
    """One invoice. `customer` "" when the data names none."""

    number: str
    customer: str
    at: datetime
    lines: list[Line]

    @property
    def takes_back(self) -> bool:
        """Whether it gives money back instead of selling."""
        return self.number.startswith("C")


class Report(Struct):
    """What was read, what was written, what was left out.

    `lines` = without customer + price or quantity not above 0 (of a customer's) + written.
    `invoices` = without customer + without a line that counts + Order Completed + Order Refunded.
    `total_minor` is in pence, before refunds: the sum of quantity * price over the lines written.
    `spend_minor` is the same, rounded order by order.
    """

    lines: int = 0
    lines_written: int = 0
    lines_without_customer: int = 0
    lines_of_customers_left_out: int = 0
    lines_price_not_above_0: int = 0
    lines_quantity_not_above_0: int = 0
    lines_exact_duplicates: int = 0
    lines_quantity_cut: int = 0
    product_codes: int = 0
    customers: int = 0
    invoices: int = 0
    invoices_cancelled: int = 0
    invoices_without_customer: int = 0
    invoices_without_a_line: int = 0
    order_completed: int = 0
    order_refunded: int = 0
    buyers: int = 0
    repeat_buyers: int = 0
    total_minor: int = 0
    spend_minor: int = 0
    refunded_minor: int = 0

    def page(self) -> str:
        """Return the report for people."""
        share = 100 * self.repeat_buyers / self.buyers if self.buyers else 0.0
        rows = (
            ("lines", f"{self.lines:,}"),
            ("  without a customer, left out", f"{self.lines_without_customer:,}"),
            ("  without a price or a quantity, left out", f"{self.lines_of_customers_left_out:,}"),
            ("  written", f"{self.lines_written:,}"),
            ("among all lines", ""),
            ("  price of 0 or less", f"{self.lines_price_not_above_0:,}"),
            ("  quantity of 0 or less, not cancelled", f"{self.lines_quantity_not_above_0:,}"),
            ("  exact duplicates, kept", f"{self.lines_exact_duplicates:,}"),
            (f"  quantity cut to {QUANTITY_MAX:,}", f"{self.lines_quantity_cut:,}"),
            ("invoices", f"{self.invoices:,}, of which {self.invoices_cancelled:,} cancelled"),
            ("  without a customer, left out", f"{self.invoices_without_customer:,}"),
            ("  without a line that counts, left out", f"{self.invoices_without_a_line:,}"),
            ("  written as Order Completed", f"{self.order_completed:,}"),
            ("  written as Order Refunded", f"{self.order_refunded:,}"),
            ("customers", f"{self.customers:,}"),
            ("  bought more than once", f"{self.repeat_buyers:,} ({share:.1f} % of {self.buyers:,} buyers)"),
            ("product codes", f"{self.product_codes:,}"),
            ("total of the orders", _money(self.total_minor)),
            ("  as profiles add it up", _money(self.spend_minor)),
            ("given back", _money(self.refunded_minor)),
        )
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)


def import_online_retail(sources: Sequence[Path], out: Path) -> Report:
    """Write `out`/purchases.jsonl and `out`/report.json; raise `InputError` that names line and column.

    Several files are read as one after the other: an invoice may begin in one and end in the next.
    """
    for source in sources:
        check_readable(source)
    report = Report()
    invoices = _read(sources, report)
    events = _events(invoices, report)
    _count_buyers(invoices, report)
    write_events(out, EVENTS, events, report)
    return report


def report_json(report: Report) -> bytes:
    """Return the text of report.json."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def write_events(out: Path, name: str, events: list[dict[str, Any]], report: Report) -> None:
    """Write events and report under temporary names, then rename them."""
    encode = msgspec.json.Encoder().encode
    try:
        out.mkdir(parents=True, exist_ok=True)
        with (out / f"{name}.part").open("wb") as file:
            for event in events:
                file.write(encode(event) + b"\n")
        (out / f"{name}.part").replace(out / name)
        (out / "report.json").write_bytes(report_json(report))
    except OSError as error:
        raise InputError(
            str(out), f"cannot be written ({error.strerror})", "give --out another folder"
        ) from None


def _money(minor: int) -> str:
    return f"{CURRENCY} {Decimal(minor).scaleb(-_CENT.digits):,.{_CENT.digits}f}"


def _read(sources: Sequence[Path], report: Report) -> dict[str, Invoice]:
    invoices: dict[str, Invoice] = {}
    codes: set[str] = set()
    seen: set[tuple[str, ...]] = set()
    for source, number, row in chain.from_iterable(map(_rows, sources)):
        report.lines += 1
        key = tuple(row.values())
        report.lines_exact_duplicates += key in seen
        seen.add(key)
        codes.add(row["StockCode"])
        line = Line(
            row["StockCode"],
            row["Description"].strip(),
            _quantity(row, number, source),
            _price(row, number, source),
        )
        at = _time(row, number, source)
        customer = row["CustomerID"].removesuffix(".0")
        invoice = invoices.get(row["InvoiceNo"])
        if invoice is None:
            invoice = invoices[row["InvoiceNo"]] = Invoice(row["InvoiceNo"], customer, at, [])
        invoice.at = min(invoice.at, at)
        invoice.lines.append(line)
        report.lines_without_customer += not customer
        report.lines_price_not_above_0 += line.price <= 0
        report.lines_quantity_not_above_0 += line.quantity <= 0 and not invoice.takes_back
    report.product_codes = len(codes)
    report.invoices = len(invoices)
    report.invoices_cancelled = sum(invoice.takes_back for invoice in invoices.values())
    return invoices


def _rows(source: Path) -> Iterator[tuple[Path, int, Mapping[str, str]]]:
    with open_bytes(source) as file:
        # Excel and the copies of this set in circulation differ in a byte order mark only.
        reader = csv.DictReader(TextIOWrapper(file, encoding="utf-8-sig", newline=""), restval="")
        try:
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise InputError(
                    str(source), f"has no column {missing[0]}", "give the CSV with its header line"
                )
            for row in reader:
                if None in row:
                    raise InputError(
                        f"{source}:{reader.line_num}", "has more columns than the header", "mend the line"
                    )
                yield source, reader.line_num, row
        except UnicodeDecodeError:
            raise InputError(f"{source}:{reader.line_num + 1}", "is not UTF-8", "save it as UTF-8") from None
        except csv.Error as error:
            raise InputError(
                f"{source}:{reader.line_num}", f"is not CSV ({error})", "mend the line"
            ) from None


def _quantity(row: Mapping[str, str], number: int, source: Path) -> int:
    try:
        return int(row["Quantity"])
    except ValueError:
        raise _bad(source, number, "Quantity", row["Quantity"]) from None


def _price(row: Mapping[str, str], number: int, source: Path) -> Decimal:
    try:
        price = Decimal(row["UnitPrice"])
    except InvalidOperation:
        raise _bad(source, number, "UnitPrice", row["UnitPrice"]) from None
    if not price.is_finite():
        raise _bad(source, number, "UnitPrice", row["UnitPrice"])
    return price


def _time(row: Mapping[str, str], number: int, source: Path) -> datetime:
    try:
        return datetime.fromisoformat(row["InvoiceDate"])
    except ValueError:
        raise _bad(source, number, "InvoiceDate", row["InvoiceDate"]) from None


def _bad(source: Path, number: int, column: str, value: str) -> InputError:
    return InputError(f"{source}:{number}", f"{column} is {value[:40]!r}", "mend or remove the line")


def _events(invoices: Mapping[str, Invoice], report: Report) -> list[dict[str, Any]]:
    events = []
    total = Decimal(0)
    for invoice in sorted(invoices.values(), key=lambda invoice: (invoice.at, invoice.number)):
        if not invoice.customer:
            report.invoices_without_customer += 1
            continue
        wanted = -1 if invoice.takes_back else 1
        lines = [line for line in invoice.lines if line.price > 0 and line.quantity * wanted > 0]
        report.lines_of_customers_left_out += len(invoice.lines) - len(lines)
        if not lines:
            report.invoices_without_a_line += 1
            continue
        report.lines_written += len(lines)
        amount = sum((line.price * abs(line.quantity) for line in lines), Decimal(0))
        minor: Minor = _CENT.minor(str(amount))
        report.lines_quantity_cut += sum(abs(line.quantity) > QUANTITY_MAX for line in lines)
        if invoice.takes_back:
            report.order_refunded += 1
            report.refunded_minor += minor
        else:
            report.order_completed += 1
            report.spend_minor += minor
            total += amount
        events.append(_event(invoice, lines, amount))
    report.total_minor = _CENT.minor(str(total))
    return events


def _event(invoice: Invoice, lines: list[Line], amount: Decimal) -> dict[str, Any]:
    at = invoice.at.replace(tzinfo=_SHOP_TIME).astimezone(UTC)
    return {
        "type": "track",
        "event": "Order Refunded" if invoice.takes_back else "Order Completed",
        "messageId": f"online-retail-{invoice.number}",
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "userId": invoice.customer,
        "properties": {
            "order_id": invoice.number,
            "total": float(amount),
            "currency": CURRENCY,
            "products": [_product(line) for line in lines],
        },
    }


def _product(line: Line) -> dict[str, Any]:
    product = {
        "product_id": line.code,
        "name": line.title,
        "price": float(line.price),
        "quantity": min(abs(line.quantity), QUANTITY_MAX),
    }
    if not line.title:
        del product["name"]
    return product


def _count_buyers(invoices: Mapping[str, Invoice], report: Report) -> None:
    customers = {invoice.customer for invoice in invoices.values() if invoice.customer}
    orders = Counter(i.customer for i in invoices.values() if i.customer and not i.takes_back)
    report.customers = len(customers)
    report.buyers = len(orders)
    report.repeat_buyers = sum(count >= 2 for count in orders.values())

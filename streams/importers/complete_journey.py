"""Complete Journey (84.51, "Complete Journey 2.0"): baskets and coupons of households into events.

The set is a folder of CSV tables; `transactions...` must be there, `products...` and `coupon_redemptions...`
are used where they are. What the data says, and what becomes of it:

- One basket is one Order Completed of its household; order_id is basket_id.
- `sales_value` is what the store received for a line, so `total` is its sum and a line's price is its value
  by its quantity, in US dollars. Nothing is recomputed from shelf prices.
- A line's name is `product_type`, its category `product_category`, else the department.
- Discounts of the shop, coupons and coupon matches add up to `discount`: such a basket counts as discounted.
  Which coupon it was stands in the redemptions only, by day: each is a Coupon Applied at that day's midnight.
- Lines with a quantity of 0 sold nothing (vouchers, corrections). They are no lines of the order; what they
  brought stays in its total. A basket of only such lines is an order without lines.
- Fuel is counted in fractions of a gallon, up to 32,623 a line: a quantity above 10,000, which no event may
  carry, is written as 10,000; value and price stay exact.
- Times name no zone. They are read as UTC: hardly a basket falls between 06:00 and 11:00, night in America.
- The mailings of campaigns are not used: nothing says that a household saw one.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from msgspec import Struct

from schemas.adapters.drafts import Adapted, digest_id
from schemas.decode import Border
from schemas.errors import InputError
from schemas.events import DeadLetter, EventName
from schemas.rejects import QUANTITY_MAX
from schemas.timestamps import iso_utc, parse_time
from streams.importers.folder import EventFolder, Report
from streams.importers.tables import rows_of

CURRENCY = "USD"
_TRANSACTIONS = (
    *("household_id", "basket_id", "product_id", "quantity", "sales_value"),
    *("retail_disc", "coupon_disc", "coupon_match_disc", "transaction_timestamp"),
)
_PRODUCTS = ("product_id", "department", "product_category", "product_type")
_REDEMPTIONS = ("household_id", "coupon_upc", "campaign_id", "redemption_date")
_DISCOUNTS = ("retail_disc", "coupon_disc", "coupon_match_disc")
_CENTS = Decimal("0.0001")

Texts = Mapping[str, Mapping[str, str]]


class Basket(Struct):
    """One basket: where its first line stands, and what its lines add up to."""

    line: int
    household: str
    at: int
    total: Decimal
    discount: Decimal
    products: list[dict[str, Any]]


def import_complete_journey(source: Path, out: Path, border: Border) -> Report:
    """Write `out`; raise `InputError` for a folder without transactions, or that names file and line."""
    transactions = _table(source, "transactions")
    if transactions is None:
        raise InputError(str(source), "holds no transactions*.csv", "give the folder of the data set")
    products = _products(_table(source, "products"))
    with EventFolder(out, border) as folder:
        notes = ("coupon lines", "lines of quantity 0", "baskets without a line", "quantities cut")
        folder.report.notes = dict.fromkeys(notes, 0)
        baskets = _baskets(transactions, products, folder.report)
        for basket_id, basket in baskets.items():
            _put(folder, transactions, basket.line, _order(basket_id, basket))
        redemptions = _table(source, "coupon_redemptions")
        if redemptions is not None:
            for number, row in rows_of(redemptions, _REDEMPTIONS):
                folder.report.lines += 1
                folder.report.rows[EventName.COUPON_APPLIED] += 1
                _put(folder, redemptions, number, _coupon(row, number, redemptions))
        return folder.finish()


def _table(source: Path, name: str) -> Path | None:
    """Return the one file of a table: `transactions.csv`, `transactions_sample.shared.csv.xz`, ..."""
    found = sorted(path for path in source.glob(f"{name}*.csv*") if path.is_file())
    if len(found) > 1:
        raise InputError(str(source), f"holds {len(found)} files {name}*.csv", "leave the one to be read")
    return found[0] if found else None


def _products(table: Path | None) -> Texts:
    return {row["product_id"]: row for _, row in rows_of(table, _PRODUCTS)} if table is not None else {}


def _baskets(table: Path, products: Texts, report: Report) -> dict[str, Basket]:
    baskets: dict[str, Basket] = {}
    for number, row in rows_of(table, _TRANSACTIONS):
        report.lines += 1
        report.rows[EventName.ORDER_COMPLETED] += 1
        quantity, value = (_number(row, name, number, table) for name in ("quantity", "sales_value"))
        at = _time(row, "transaction_timestamp", number, table)
        basket = baskets.get(row["basket_id"])
        if basket is None:
            basket = Basket(number, row["household_id"], at, Decimal(0), Decimal(0), [])
            baskets[row["basket_id"]] = basket
        basket.at = min(basket.at, at)
        basket.total += value
        basket.discount += sum((_number(row, name, number, table) for name in _DISCOUNTS), Decimal(0))
        report.notes["coupon lines"] += _number(row, "coupon_disc", number, table) > 0
        report.notes["lines of quantity 0"] += quantity == 0
        report.notes["quantities cut"] += quantity > QUANTITY_MAX
        if quantity != 0:
            basket.products.append(_product(row["product_id"], quantity, value, products))
    report.notes["baskets without a line"] = sum(not basket.products for basket in baskets.values())
    return baskets


def _product(product_id: str, quantity: Decimal, value: Decimal, products: Texts) -> dict[str, Any]:
    product = {
        "product_id": product_id,
        "quantity": min(int(quantity), QUANTITY_MAX),
        "price": float((value / quantity).quantize(_CENTS)),
    }
    texts = products.get(product_id, {})
    name = texts.get("product_type")
    category = texts.get("product_category") or texts.get("department")
    return product | {key: text for key, text in (("name", name), ("category", category)) if text}


def _order(basket_id: str, basket: Basket) -> dict[str, Any]:
    properties = {
        "order_id": basket_id,
        "total": float(basket.total),
        "currency": CURRENCY,
        "discount": float(basket.discount),
        "products": basket.products,
    }
    message_id = f"complete-journey-{basket_id}"
    return _track(EventName.ORDER_COMPLETED, message_id, basket.at, basket.household, properties)


def _coupon(row: Mapping[str, str], number: int, table: Path) -> dict[str, Any]:
    at = _time(row, "redemption_date", number, table)
    message_id = digest_id("complete-journey", "redemption", [row[name] for name in _REDEMPTIONS])
    properties = {"coupon_id": row["coupon_upc"]}
    return _track(EventName.COUPON_APPLIED, message_id, at, row["household_id"], properties)


def _track(
    name: EventName, message_id: str, at: int, household: str, properties: dict[str, Any]
) -> dict[str, Any]:
    head = {"type": "track", "event": name.value, "messageId": message_id, "timestamp": iso_utc(at)}
    return {**head, "userId": household, "properties": properties}


def _put(folder: EventFolder, table: Path, number: int, envelope: dict[str, Any]) -> None:
    letter: DeadLetter | None = folder.put(Adapted(envelope, {}))
    if letter is not None:
        folder.reject(table, number, str(envelope["messageId"]).encode(), letter)


def _number(row: Mapping[str, str], column: str, number: int, table: Path) -> Decimal:
    try:
        value = Decimal(row[column])
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise _bad(table, number, column, row[column])
    return value


def _time(row: Mapping[str, str], column: str, number: int, table: Path) -> int:
    at = parse_time(row[column])
    if at is None:
        raise _bad(table, number, column, row[column])
    return at


def _bad(table: Path, number: int, column: str, value: str) -> InputError:
    return InputError(f"{table}:{number}", f"{column} is {value[:40]!r}", "mend or remove the line")

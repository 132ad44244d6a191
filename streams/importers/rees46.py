"""REES46 event history ("eCommerce behavior data from multi category store", M. Kechinov) into events.

It is a CSV, so it is a mapping; what the data says, and what becomes of it:

- view, cart, remove_from_cart are Product Viewed, Added and Removed; the order of the lines is that of time.
- A purchase has no order number. Lines of one session with one second are one order; its total is their sum.
- Purchases outnumber carts: a cart may never have been seen. Nothing is added.
- A line without category_code has no category; the numeric category_id is no text about a product.
- A price below 0 (some of the published months have them) is a dead letter of the import.
- Prices have no currency in the data; it is taken as given (default USD).
"""

from pathlib import Path

import msgspec

from schemas.decode import Border
from schemas.events import EventName
from streams.importers.csv_file import OnBadLine, import_csv
from streams.importers.csv_mapping import CsvMapping, EventRule, TimeRule
from streams.importers.folder import Report

MAPPING = CsvMapping(
    name="rees46",
    event=EventRule(
        column="event_type",
        names={
            "view": EventName.PRODUCT_VIEWED,
            "cart": EventName.PRODUCT_ADDED,
            "remove_from_cart": EventName.PRODUCT_REMOVED,
            "purchase": EventName.ORDER_COMPLETED,
        },
    ),
    time=TimeRule(column="event_time"),
    fields={
        "userId": "user_id",
        "product_id": "product_id",
        "category": "category_code",
        "brand": "brand",
        "price": "price",
        "order_id": "{user_session}-{event_time}",
    },
)


def import_rees46(files: list[Path], out: Path, border: Border, currency: str) -> Report:
    """Write `out`; raise `InputError` for a file that is no such CSV."""
    mapping = msgspec.structs.replace(MAPPING, constants={"currency": currency})
    return import_csv(files, out, mapping, "rees46", border, OnBadLine.LEAVE_OUT)

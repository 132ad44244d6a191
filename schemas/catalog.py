"""The shop's products, as far as decisions need them: a side input, read before the first event."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from schemas.errors import InputError
from schemas.ids import Minor
from schemas.money import Money


class Product(Struct, frozen=True):
    """One product. `margin` in minor units of the base currency; `stock` None: unknown, so in stock."""

    id: str
    title: str | None = None
    category: str | None = None
    margin: Minor | None = None
    stock: int | None = None


Catalog = Mapping[str, Product]
NO_CATALOG: Catalog = {}


class Line(Struct):
    """A line of a catalogue as it is sent; money in major units of `currency`, else of the base."""

    id: str | int  # integers are taken for ids, as in events (ruling 41)
    title: str | None = None
    description: str | None = None
    category: str | None = None
    brand: str | None = None
    price: float | None = None
    currency: str | None = None
    stock: int | None = None
    margin: float | None = None


def read_catalog(lines: Iterable[bytes], money: Money, source: str) -> dict[str, Product]:
    """Return the products of a JSONL file by id; a later line replaces an earlier one.

    Raise `InputError` that names the line. `margin` is money per unit, in `currency` or the base.
    """
    decode = msgspec.json.Decoder(Line).decode
    products: dict[str, Product] = {}
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            line = decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(
                f"{source}:{number}", str(error), "see the row `catalog` in docs/events.md"
            ) from None
        if line.currency and not money.knows(line.currency):
            raise InputError(
                f"{source}:{number}", f"unknown currency {line.currency}", "add it to shop.currency_rates"
            )
        margin = None if line.margin is None else money.minor(line.margin, line.currency)
        product_id = str(line.id)
        products[product_id] = Product(
            product_id, line.title or None, line.category or None, margin, line.stock
        )
    return products

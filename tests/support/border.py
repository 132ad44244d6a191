"""Records for the tests of the border, and a short way to say what became of them."""

import json
from typing import Any

from schemas.decode import Border
from schemas.events import DeadLetter, ShopEvent, Skipped

#: 2026-11-01T00:00:00Z, the broker's time in all these tests.
BROKER_MS = 1_793_491_200_000
BORDER = Border("USD", {"EUR": 1.1, "JPY": 0.0065}, traits=("plan",))

HUGE_INTEGER = b"9" * 5000

LINE = {"product_id": "p1", "quantity": 2}
ORDER = {"order_id": "o1", "products": [LINE], "total": 40, "currency": "USD"}
#: The required properties of each event.
PROPERTIES: dict[str, dict[str, Any]] = {
    "Product Viewed": {"product_id": "p1"},
    "Product Clicked": {"product_id": "p1"},
    "Product Added": {"product_id": "p1"},
    "Product Removed": {"product_id": "p1"},
    "Product Added to Wishlist": {"product_id": "p1"},
    "Products Searched": {"query": "trail shoes"},
    "Product List Viewed": {},
    "Product List Filtered": {},
    "Cart Viewed": {},
    "Checkout Started": {},
    "Order Completed": ORDER,
    "Order Refunded": {"order_id": "o1"},
    "Order Cancelled": {"order_id": "o1"},
    "Order Updated": {"order_id": "o1"},
    "Promotion Viewed": {"promotion_id": "run-10"},
    "Promotion Clicked": {"promotion_id": "run-10"},
    "Coupon Applied": {"coupon_id": "RUN10"},
    "Coupon Denied": {"coupon_id": "RUN10"},
    "Coupon Removed": {"coupon_id": "RUN10"},
    "Consent Changed": {"consents": {"marketing": True}},
}


def track(event: str = "Product Viewed", without: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """Return a valid track event with `properties` in addition, without the properties named."""
    given = {**PROPERTIES.get(event, {}), **properties}
    return {
        "type": "track",
        "event": event,
        "messageId": "m1",
        "timestamp": "2026-10-31T12:00:00.000Z",
        "userId": "ann",
        "properties": {key: value for key, value in given.items() if key not in without},
    }


def read(record: object, broker_ms: int = BROKER_MS) -> ShopEvent | Skipped | DeadLetter:
    """Return what becomes of a record (JSON, or bytes as they are); both lanes must say the same."""
    raw = record if isinstance(record, bytes) else json.dumps(record).encode()
    found = BORDER.read(raw, broker_ms)
    if raw:
        assert found == BORDER.read_exact(raw, broker_ms)
    return found


def verdict(record: object, broker_ms: int = BROKER_MS) -> str:
    """Return "accepted", "skipped", or the reason and the field, such as `bad_value properties.price`."""
    match read(record, broker_ms):
        case DeadLetter(reason, field, _):
            return f"{reason} {field}".strip()
        case Skipped():
            return "skipped"
    return "accepted"


def accepted(record: object) -> Any:
    """Return the event; fail when the record is not accepted."""
    found = read(record)
    assert not isinstance(found, DeadLetter | Skipped), found
    return found


def raw(record: dict[str, Any], **replaced: bytes) -> bytes:
    """Return JSON in which each text `@name` stands for the given bytes."""
    text = json.dumps(record).encode()
    for name, value in replaced.items():
        text = text.replace(f'"@{name}"'.encode(), value)
    return text


def identify(**fields: Any) -> dict[str, Any]:
    """Return an identify call."""
    return {"type": "identify", "messageId": "m1", "timestamp": "2026-10-31T12:00:00Z", **fields}

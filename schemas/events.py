"""What a shopper did: the events that processors see, after the border has checked them.

Every time is integer milliseconds (`EventTime`), every amount integer minor units of the base
currency (`Minor`). How bytes become these types is `schemas.decode`.
"""

from enum import StrEnum

from msgspec import Struct

from schemas.ids import Digest, EventTime, Minor, OrderId, ProductId, ShopperId


class EventName(StrEnum):
    """The canonical names (Segment Ecommerce Spec V2); triggers of campaigns use them."""

    PRODUCT_VIEWED = "Product Viewed"
    PRODUCT_CLICKED = "Product Clicked"
    PRODUCT_ADDED = "Product Added"
    PRODUCT_REMOVED = "Product Removed"
    PRODUCT_WISHED = "Product Added to Wishlist"
    PRODUCTS_SEARCHED = "Products Searched"
    LIST_VIEWED = "Product List Viewed"
    LIST_FILTERED = "Product List Filtered"
    CART_VIEWED = "Cart Viewed"
    CHECKOUT_STARTED = "Checkout Started"
    ORDER_COMPLETED = "Order Completed"
    ORDER_REFUNDED = "Order Refunded"
    ORDER_CANCELLED = "Order Cancelled"
    ORDER_UPDATED = "Order Updated"
    PROMOTION_VIEWED = "Promotion Viewed"
    PROMOTION_CLICKED = "Promotion Clicked"
    COUPON_APPLIED = "Coupon Applied"
    COUPON_DENIED = "Coupon Denied"
    COUPON_REMOVED = "Coupon Removed"
    CONSENT_CHANGED = "Consent Changed"
    IDENTIFY = "identify"
    ALIAS = "alias"


class TimerName(StrEnum):
    """What time alone makes happen; triggers of campaigns use these names beside those of events."""

    CART_ABANDONED = "Cart Abandoned"
    SESSION_ENDED = "Session Ended"
    DAYS_WITHOUT_VISIT = "Days Without Visit"
    ORDER_ANNIVERSARY = "Order Anniversary"


class Purpose(StrEnum):
    """What a shopper may consent to."""

    PROFILING = "profiling"
    MARKETING = "marketing"
    TRAINING = "training"


class Envelope(Struct, frozen=True, gc=False):
    """Who, when and which message; shared by all events.

    `digest` breaks ties between equal times. `known` says that the event carried a userId.
    """

    shopper: ShopperId
    message_id: str
    digest: Digest
    at: EventTime
    known: bool
    locale: str | None = None
    timezone: str | None = None


class _Event(Struct, frozen=True, gc=False):
    envelope: Envelope
    name: EventName


class ProductEvent(_Event, frozen=True, gc=False):
    """Product Viewed, Clicked, Added, Removed or Added to Wishlist."""

    product_id: ProductId
    title: str | None = None
    category: str | None = None
    brand: str | None = None
    price: Minor | None = None
    quantity: int = 1


class SearchEvent(_Event, frozen=True, gc=False):
    """Products Searched."""

    query: str
    category: str | None = None


class BrowseEvent(_Event, frozen=True, gc=False):
    """Product lists, carts and checkouts seen: only `first_seen` and `last_seen` move."""


class OrderLine(Struct, frozen=True, gc=False):
    """One line of an order."""

    product_id: ProductId
    quantity: int
    title: str | None = None
    category: str | None = None
    price: Minor | None = None


class OrderCompleted(_Event, frozen=True, gc=False):
    """An order was placed. `discounted`: it carried a coupon or a discount above 0."""

    order_id: OrderId
    total: Minor
    discounted: bool
    lines: tuple[OrderLine, ...]


class OrderRefunded(_Event, frozen=True, gc=False):
    """Money went back; `total` is None when the whole order was refunded."""

    order_id: OrderId
    total: Minor | None = None


class OrderCancelled(_Event, frozen=True, gc=False):
    """An order was cancelled; final."""

    order_id: OrderId


class OrderUpdated(_Event, frozen=True, gc=False):
    """An order's total changed; `total` is None when the message has none."""

    order_id: OrderId
    total: Minor | None = None


class FeedbackEvent(_Event, frozen=True, gc=False):
    """Promotion Viewed / Clicked, Coupon Applied / Denied / Removed; `subject` is the
    promotion_id or coupon_id."""

    subject: str
    decision_id: str | None = None
    order_id: str | None = None
    creative: str | None = None


class ConsentChanged(_Event, frozen=True, gc=False):
    """The purposes that this message states; others stay as they are."""

    consents: dict[Purpose, bool]


class IdentityEvent(_Event, frozen=True, gc=False):
    """identify or alias. `anonymous_id` is the id to be merged into the shopper, if both are given."""

    anonymous_id: str | None = None
    traits: dict[str, str | int | float | bool] = {}


ShopEvent = (
    ProductEvent
    | SearchEvent
    | BrowseEvent
    | OrderCompleted
    | OrderRefunded
    | OrderCancelled
    | OrderUpdated
    | FeedbackEvent
    | ConsentChanged
    | IdentityEvent
)


class Rejection(StrEnum):
    """Why an event became a dead letter: a closed list."""

    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    MISSING_FIELD = "missing_field"
    BAD_VALUE = "bad_value"
    BAD_TIMESTAMP = "bad_timestamp"
    WRONG_TYPE = "wrong_type"
    UNSUPPORTED_VERSION = "unsupported_version"
    TOMBSTONE = "tombstone"
    PROCESSING_FAILED = "processing_failed"


class DeadLetter(Struct, frozen=True):
    """What could not be used, and why. `field` is a path such as `properties.products[2].price`."""

    reason: Rejection
    field: str
    detail: str


class Skipped(Struct, frozen=True):
    """A known envelope that is not for us: another Segment type or an unknown event name."""

    kind: str

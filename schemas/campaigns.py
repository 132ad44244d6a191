"""The campaign file, as marketers write it: one struct per YAML mapping, values still as written.

What is described here is what `beckon campaigns check` accepts; the JSON Schema for editors is made
from these types. Money is in major units of the shop's base currency (40.00), times are texts.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from schemas import durations
from schemas.events import Purpose

Duration = Annotated[str, Meta(pattern=durations.PATTERN, description="A duration: 30m, 48h or 7d")]
Clock = Annotated[
    str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\\n)", description='A quoted time: "21:00"')
]
Share = Annotated[float, Meta(ge=0, le=1, description="A share from 0 to 1")]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(min_length=1, max_length=1024)]
Count = Annotated[int, Meta(ge=1, le=1000)]
Number = int | float
Scalar = str | int | float | bool


class FeatureName(StrEnum):
    """What a condition may look at: a closed list."""

    AFFINITY = "affinity"
    VIEWS = "views"
    CLICKS = "clicks"
    SEARCHES = "searches"
    CART_ADDS = "cart_adds"
    ORDERS = "orders"
    SPEND = "spend"
    CART_VALUE = "cart_value"
    CART_ITEMS = "cart_items"
    DAYS_SINCE_ORDER = "days_since_order"
    DAYS_SINCE_SEEN = "days_since_seen"
    SESSION_EVENTS = "session_events"
    SESSION_MINUTES = "session_minutes"
    RFM = "rfm"
    TRAIT = "trait"
    IS_KNOWN = "is_known"


#: Features that count since the beginning, or over `within`.
COUNTERS = (
    FeatureName.VIEWS,
    FeatureName.CLICKS,
    FeatureName.SEARCHES,
    FeatureName.CART_ADDS,
    FeatureName.ORDERS,
    FeatureName.SPEND,
)
#: The segments of feature rfm (ruling 11).
RFM_SEGMENTS = ("champion", "loyal", "new", "promising", "at_risk", "lost", "prospect")


class Op(StrEnum):
    """How a feature is compared."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    ABOVE = "above"
    BELOW = "below"
    EQUALS = "equals"
    ONE_OF = "one_of"


class _Part(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Condition(_Part, frozen=True, rename={"not_": "not"}):
    """Either one of all, any, not, or a feature with exactly one comparison."""

    all: Annotated[tuple["Condition", ...], Meta(min_length=1)] | None = None
    any: Annotated[tuple["Condition", ...], Meta(min_length=1)] | None = None
    not_: "Condition | None" = None
    feature: FeatureName | None = None
    tag: Name | None = None
    name: Name | None = None
    within: Duration | None = None
    at_least: Number | None = None
    at_most: Number | None = None
    above: Number | None = None
    below: Number | None = None
    equals: Scalar | None = None
    one_of: Annotated[tuple[Scalar, ...], Meta(min_length=1)] | None = None

    def comparisons(self) -> list[Op]:
        """Return which comparisons are given; a valid feature has one."""
        return [op for op in Op if getattr(self, op.value) is not None]


class Live(_Part, frozen=True, rename={"from_": "from"}):
    """From (included) to (excluded), RFC 3339; without one it has no end on that side."""

    from_: str | None = None
    to: str | None = None


class QuietHours(_Part, frozen=True, rename={"from_": "from"}):
    """No promotion from `from` (included) to `to` (excluded), local time; may span midnight."""

    from_: Clock
    to: Clock


class Cap(_Part, frozen=True):
    """At most so many offers of the campaign to one shopper in a rolling window."""

    at_most: Count
    per: Duration


class CouponKind(StrEnum):
    """`amount` is in the shop's currency."""

    PERCENT = "percent"
    AMOUNT = "amount"
    FREE_SHIPPING = "free_shipping"


class Coupon(_Part, frozen=True):
    """`value` in percent or in major units of the base currency; free_shipping has none."""

    kind: CouponKind
    value: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    code: Name | None = None


class ProductSource(StrEnum):
    """Where the products of an offer come from."""

    CART = "cart"
    VIEWED = "viewed"


class Products(_Part, frozen=True, rename={"from_": "from"}):
    """The shopper's newest products of that kind first, at most so many."""

    from_: ProductSource
    at_most: Annotated[int, Meta(ge=1, le=100)] = 3


class Copy(_Part, frozen=True):
    """Placeholders: {first_product}, {discount}, {expires}, {name}; {{ and }} are braces."""

    template: Text


class Offer(_Part, frozen=True):
    """`cost` is what sending this offer costs the shop on average, in major units."""

    promotion_id: Name
    name: Text
    creative: Name | None = None
    coupon: Coupon | None = None
    products: Products | None = None
    copy: Copy | None = None
    cost: Annotated[float, Meta(ge=0, le=1e9)] = 0.0


class Campaign(_Part, frozen=True):
    """One campaign: which event asks, who is eligible, what is offered, how often at most.

    `paused`: it keeps its place and its caps, and is not live. `after`: it is asked that long after the event.
    """

    id: Name
    triggers: Annotated[tuple[str, ...], Meta(min_length=1)]
    offers: Annotated[tuple[Offer, ...], Meta(min_length=1)]
    name: Annotated[str, Meta(max_length=1024)] = ""
    live: Live = Live()
    when: Condition | None = None
    valid_for: Duration = "7d"
    reach_within: Duration = "10m"
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] = 0
    caps: tuple[Cap, ...] = ()
    hold_out: Share = 0.0
    channels: tuple[Name, ...] = ()
    purpose: Purpose = Purpose.MARKETING
    paused: bool = False
    after: Duration | None = None


class Shop(_Part, frozen=True):
    """What holds for all campaigns. `salt` decides anew who is in the hold-outs."""

    time_zone: str = "UTC"
    currency: Annotated[str, Meta(pattern="^[A-Za-z]{3}$(?!\\n)")] | None = None
    cool_down: Duration | None = None
    hold_out: Share = 0.0
    salt: str = ""
    quiet_hours: QuietHours | None = None


class CampaignFile(_Part, frozen=True):
    """A whole campaign file; the order of its campaigns breaks ties."""

    campaigns: tuple[Campaign, ...]
    shop: Shop = Shop()

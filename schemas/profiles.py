"""The profile of one shopper: what is remembered, and nothing that can be computed from it.

Counters, minima, maxima, sums and short sorted logs only, so that any local order, duplication or
lateness of the same events gives the same profile (design 4). Views are in `processors.views`.
"""

from msgspec import Struct, field

from schemas.ids import Digest, EventTime, Minor, ShopperId


class Strength(Struct, array_like=True, gc=False):
    """Interest in one tag, in weighted probability, exact at `as_of`."""

    value: float
    as_of: EventTime


class DayCounts(Struct, array_like=True, gc=False):
    """What happened on one UTC day."""

    views: int = 0
    clicks: int = 0
    searches: int = 0
    cart_adds: int = 0
    orders: int = 0
    spend: Minor = Minor(0)


class Touch(Struct, array_like=True, gc=False, order=True, frozen=True):
    """One entry of `recent`; field order is sort order. `kind`: view, click, wish, add, remove, buy."""

    at: EventTime
    digest: Digest
    line: int
    product_id: str
    kind: str


class CartEntry(Struct, array_like=True, gc=False, frozen=True):
    """One cart operation (`op`: add, remove, bought), sorted by (at, digest, line)."""

    at: EventTime
    digest: Digest
    line: int
    product_id: str
    op: str
    quantity: int = 1
    price: Minor | None = None


class Order(Struct, array_like=True, gc=False):
    """One order, or what waits for it. `completed_at` None: no Order Completed yet.

    `noted_at` is the earliest time of a refund, cancellation or update. `total` and `discounted`
    come from the newest (time, digest) that had one; `refunded` is a sum that is not capped.
    """

    order_id: str
    completed_at: EventTime | None = None
    noted_at: EventTime | None = None
    total: Minor | None = None
    total_at: EventTime = EventTime(-1)
    total_digest: Digest = Digest(0)
    discounted: bool = False
    discounted_at: EventTime = EventTime(-1)
    discounted_digest: Digest = Digest(0)
    refunded: Minor = Minor(0)
    refunded_whole: bool = False
    cancelled: bool = False


class OfferMade(Struct, array_like=True, gc=False, frozen=True):
    """An offer or ghost offer of one campaign; both count in caps and cool-down.

    `revoked`: it was taken back, once. `made_for`: the id that it went to, if that was moved here since. Bytes of
    before these fields were there read as expired.
    """

    at: EventTime
    decision_id: str
    promotion_id: str
    held_out: bool = False
    expires_at: EventTime = EventTime(0)
    product_ids: tuple[str, ...] = ()
    purpose: str = "marketing"
    revoked: bool = False
    made_for: str = ""

    def is_out(self, now: EventTime) -> bool:
        """Return whether it was sent, holds still and can be taken back."""
        return not (self.held_out or self.revoked or self.expires_at <= now)


class Stated(Struct, array_like=True, gc=False, frozen=True):
    """A value that the last writer by (at, digest) set: consent, locale, time zone, a trait."""

    value: str | int | float | bool
    at: EventTime
    digest: Digest


class Pending(Struct, array_like=True, gc=False, order=True, frozen=True):
    """A trigger that an event set for later (`after: 3d`); field order is the order of firing."""

    deadline: EventTime
    name: str


class ClaimMade(Struct, array_like=True, gc=False, order=True, frozen=True):
    """An event by which this shopper said to be another id too; field order is the order of claims."""

    at: EventTime
    digest: Digest
    other: ShopperId


class Profile(Struct, array_like=True, gc=False):
    """All state of one shopper. Mutable: the fold works in place on a batch-local profile.

    A profile with a `redirect` has been moved: it is empty, and names whom its events belong to now.
    """

    shopper: ShopperId
    first_seen: EventTime = EventTime(-1)  # -1: no accepted event yet
    last_seen: EventTime = EventTime(-1)
    views: int = 0
    clicks: int = 0
    cart_adds: int = 0
    searches: int = 0
    orders: int = 0
    refunds: int = 0
    spend: Minor = Minor(0)
    is_known: bool = False
    approximate: bool = False
    affinity: dict[str, Strength] = field(default_factory=dict)
    days: dict[int, DayCounts] = field(default_factory=dict)
    recent: list[Touch] = field(default_factory=list)
    cart_log: list[CartEntry] = field(default_factory=list)
    orders_log: list[Order] = field(default_factory=list)
    offers: dict[str, list[OfferMade]] = field(default_factory=dict)
    consent: dict[str, Stated] = field(default_factory=dict)
    traits: dict[str, Stated] = field(default_factory=dict)
    seen: list[int] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)
    merged_from: list[str] = field(default_factory=list)
    redirect: str = ""
    timers_at: EventTime = EventTime(-1)  # the newest deadline that fired
    pending: list[Pending] = field(default_factory=list)
    claims: list[ClaimMade] = field(default_factory=list)  # the ids claimed last

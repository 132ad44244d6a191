"""What is computed from a profile when somebody asks: cart, session, rfm, windows. Never stored."""

from typing import Literal

from msgspec import Struct

from processors import orders
from processors.affinity import strength_at
from processors.policy import ProfilePolicy
from schemas.ids import MS_PER_DAY, EventTime, day_of
from schemas.profiles import Profile

YEAR_MS = 365 * MS_PER_DAY
Counter = Literal["views", "clicks", "searches", "cart_adds", "orders", "spend"]
#: At most so many days since the newest order, or at least so many orders in a year, give the score.
_RECENCY = ((7, 5), (30, 4), (90, 3), (180, 2))
_FREQUENCY = ((16, 5), (8, 4), (4, 3), (2, 2))
_RECENT_KIND = {"views": "view", "clicks": "click", "cart_adds": "add"}


class CartLine(Struct):
    """`price` in minor units and `added` are those of the newest addition."""

    quantity: int
    price: int | None
    added: EventTime


class Session(Struct, frozen=True):
    """`start` None: nothing was looked at yet. `minutes` from first to newest entry."""

    start: EventTime | None
    events: int
    minutes: float


class Rfm(Struct, frozen=True):
    """Days since the newest order (None: no order), orders and money of the last 365 days."""

    recency: int | None
    frequency: int
    monetary: int


def affinity_at(profile: Profile, tag: str, at: EventTime, policy: ProfilePolicy) -> float:
    """Return the interest in a tag at time `at`, never below 0."""
    strength = profile.affinity.get(tag)
    return 0.0 if strength is None else max(0.0, strength_at(strength, at, policy))


def cart_at(profile: Profile, at: EventTime, policy: ProfilePolicy) -> dict[str, CartLine]:
    """Play the cart log (ruling 31): additions older than 30 days are ignored, bought products leave."""
    cart: dict[str, CartLine] = {}
    for entry in profile.cart_log:
        line = cart.get(entry.product_id)
        if entry.op == "add":
            if at - entry.at <= policy.cart_age_ms:
                held = line.quantity if line is not None else 0
                cart[entry.product_id] = CartLine(held + entry.quantity, entry.price, entry.at)
        elif line is not None:
            line.quantity -= entry.quantity
            if entry.op == "bought" or line.quantity <= 0:
                del cart[entry.product_id]
    return cart


def session_of(profile: Profile, policy: ProfilePolicy) -> Session:
    """Return the chain of `recent` backwards from the newest while gaps stay within the limit (ruling 33)."""
    recent = profile.recent
    if not recent:
        return Session(None, 0, 0.0)
    first = len(recent) - 1
    while first and recent[first].at - recent[first - 1].at <= policy.session_gap_ms:
        first -= 1
    start = recent[first].at
    return Session(start, len(recent) - first, (recent[-1].at - start) / 60_000)


def rfm_at(profile: Profile, at: EventTime) -> Rfm:
    """Return raw recency, frequency and money from the orders log (ruling 11)."""
    times = [order.completed_at for order in profile.orders_log if orders.is_counted(order)]
    newest = max((time for time in times if time is not None), default=None)
    year = [
        order
        for order in profile.orders_log
        if orders.is_counted(order) and at - YEAR_MS < orders.time_of(order) <= at
    ]
    recency = None if newest is None else (at - newest) // MS_PER_DAY
    return Rfm(recency, len(year), sum(orders.worth_of(order) for order in year))


def rfm_segment(rfm: Rfm) -> str | None:
    """Return the name of the segment (ruling 11); None for the one pair of scores that no name covers."""
    if rfm.recency is None:
        return "prospect"
    r = next((score for days, score in _RECENCY if rfm.recency <= days), 1)
    f = next((score for orders_min, score in _FREQUENCY if rfm.frequency >= orders_min), 1)
    if r >= 4 and f >= 4:
        return "champion"
    if r >= 3 and f >= 3:
        return "loyal"
    if r >= 4 and f == 1:
        return "new"
    if r >= 3 and f == 2:
        return "promising"
    if r >= 3:
        return None  # one order, 31 to 90 days ago: neither new any more nor lost yet
    return "at_risk" if f >= 3 else "lost"


def in_days(profile: Profile, counter: Counter, days: int, now: EventTime) -> int:
    """Return a counter over whole UTC days, today included (ruling 55)."""
    today = day_of(now)
    total = 0
    for day in range(today - days + 1, today + 1):
        counts = profile.days.get(day)
        if counts is not None:
            total += getattr(counts, counter)
    return total


def in_window(profile: Profile, counter: Counter, window_ms: int, now: EventTime) -> int:
    """Return a counter over `now - window < t <= now`, from `recent` and the orders log (ruling 55)."""
    after = now - window_ms
    if counter in ("orders", "spend"):
        inside = [
            order
            for order in profile.orders_log
            if orders.is_counted(order) and after < orders.time_of(order) <= now
        ]
        return len(inside) if counter == "orders" else sum(orders.worth_of(order) for order in inside)
    kind = _RECENT_KIND[counter]
    return sum(1 for entry in profile.recent if entry.kind == kind and after < entry.at <= now)


def days_since_order(profile: Profile, now: EventTime) -> int | None:
    """Return whole days since the newest order that was not cancelled, None without one."""
    return rfm_at(profile, now).recency

"""A profile as the one line that replay writes and others recompute (design 11, rulings C)."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from processors import orders, views
from processors.policy import ProfilePolicy
from schemas.ids import EventTime
from schemas.profiles import DayCounts, Order, Profile


def profile_line(profile: Profile, as_of: EventTime, policy: ProfilePolicy) -> dict[str, Any]:
    """Return the object of `profiles.jsonl`; affinity, cart and rfm are seen from `as_of`."""
    session = views.session_of(profile, policy)
    rfm = views.rfm_at(profile, as_of)
    return {
        "user_id": profile.shopper,
        "first_seen": profile.first_seen,
        "last_seen": profile.last_seen,
        "views": profile.views,
        "clicks": profile.clicks,
        "cart_adds": profile.cart_adds,
        "searches": profile.searches,
        "orders": profile.orders,
        "refunds": profile.refunds,
        "spend": profile.spend,
        "affinity": _affinity(profile, as_of, policy),
        "cart": {
            product_id: {"quantity": line.quantity, "price": line.price, "added": line.added}
            for product_id, line in views.cart_at(profile, as_of, policy).items()
        },
        "recent": [
            {"product_id": entry.product_id, "kind": entry.kind, "at": entry.at} for entry in profile.recent
        ],
        "orders_log": [
            _order(order)
            for order in sorted(profile.orders_log, key=lambda order: (orders.time_of(order), order.order_id))
        ],
        "session": {"start": session.start, "events": session.events},
        "days": {
            _date(day): _counts(profile.days[day])
            for day in sorted(profile.days)
            if any(_tuple(profile.days[day]))
        },
        "rfm": {"recency": rfm.recency, "frequency": rfm.frequency, "monetary": rfm.monetary},
        "consent": {
            purpose: {"granted": stated.value, "at": stated.at} for purpose, stated in profile.consent.items()
        },
        "merged_from": sorted(profile.merged_from),
    }


def _affinity(profile: Profile, as_of: EventTime, policy: ProfilePolicy) -> dict[str, float]:
    strengths = {tag: round(views.affinity_at(profile, tag, as_of, policy), 6) for tag in profile.affinity}
    return {tag: strength for tag, strength in strengths.items() if strength > 0}


def _order(order: Order) -> dict[str, Any]:
    completed = order.completed_at is not None
    waiting_refund = None if order.refunded_whole else order.refunded
    return {
        "order_id": order.order_id,
        "at": orders.time_of(order),
        "total": order.total if completed else None,
        "refunded": orders.refunded_of(order) if completed else waiting_refund,
        "cancelled": order.cancelled,
        "discounted": order.discounted,
    }


@lru_cache(maxsize=4096)  # profiles share their days
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


def _tuple(counts: DayCounts) -> tuple[int, ...]:
    return (counts.views, counts.clicks, counts.searches, counts.cart_adds, counts.orders, counts.spend)


def _counts(counts: DayCounts) -> dict[str, int]:
    return dict(
        zip(("views", "clicks", "searches", "cart_adds", "orders", "spend"), _tuple(counts), strict=True)
    )

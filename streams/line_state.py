"""A profile put together again from its line in profiles.jsonl and the shopper's decisions.

A line is a view: it has no traits, does not say whether the shopper is known by a user id, and holds the cart
as it was at the time of the view. What it does hold is enough to decide from that time on.
"""

from collections.abc import Iterable
from datetime import date

from schemas.decisions import Decision, Outcome
from schemas.ids import Digest, EventTime, Minor, ShopperId
from schemas.profiles import CartEntry, DayCounts, OfferMade, Order, Profile, Stated, Strength, Touch
from streams.pages import OrderLine, ProfileLine

_EPOCH = date(1970, 1, 1).toordinal()
_NO_DIGEST = Digest(0)


def profile_from(line: ProfileLine, as_of: EventTime, decisions: Iterable[Decision]) -> Profile:
    """Return the state behind a line that was written as of `as_of`; the decisions are the shopper's."""
    profile = Profile(
        ShopperId(line.user_id),
        first_seen=line.first_seen,
        last_seen=line.last_seen,
        views=line.views,
        clicks=line.clicks,
        cart_adds=line.cart_adds,
        searches=line.searches,
        orders=line.orders,
        refunds=line.refunds,
        spend=Minor(line.spend),
        is_known=True,  # most are, and a line does not say
        merged_from=list(line.merged_from),
    )
    profile.affinity = {tag: Strength(value, as_of) for tag, value in line.affinity.items()}
    profile.days = {
        date.fromisoformat(day).toordinal() - _EPOCH: DayCounts(
            counts.views,
            counts.clicks,
            counts.searches,
            counts.cart_adds,
            counts.orders,
            Minor(counts.spend),
        )
        for day, counts in line.days.items()
    }
    profile.recent = [
        Touch(entry.at, _NO_DIGEST, place, entry.product_id, entry.kind)
        for place, entry in enumerate(line.recent)
    ]
    profile.cart_log = [
        CartEntry(held.added, _NO_DIGEST, place, product_id, "add", held.quantity, _minor(held.price))
        for place, (product_id, held) in enumerate(sorted(line.cart.items(), key=lambda item: item[1].added))
    ]
    profile.orders_log = [_order(order) for order in line.orders_log]
    profile.consent = {
        purpose: Stated(said.granted, said.at, _NO_DIGEST) for purpose, said in line.consent.items()
    }
    profile.offers = _offers(decisions)
    return profile


def _order(line: OrderLine) -> Order:
    is_completed = line.total is not None
    return Order(
        line.order_id,
        completed_at=line.at if is_completed else None,
        noted_at=None if is_completed else line.at,
        total=_minor(line.total),
        discounted=line.discounted,
        refunded=Minor(line.refunded or 0),
        refunded_whole=line.refunded is None,
        cancelled=line.cancelled,
    )


def _offers(decisions: Iterable[Decision]) -> dict[str, list[OfferMade]]:
    offers: dict[str, list[OfferMade]] = {}
    for decision in sorted(decisions, key=lambda decision: decision.now):
        if decision.outcome is not Outcome.SUPPRESSED:
            made = OfferMade(
                EventTime(decision.now),
                decision.decision_id or "",
                decision.promotion_id or "",
                decision.outcome is Outcome.HELD_OUT,
            )
            offers.setdefault(decision.campaign_id or "", []).append(made)
    return offers


def _minor(amount: int | None) -> Minor | None:
    return None if amount is None else Minor(amount)

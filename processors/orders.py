"""Orders: completed, updated, refunded, cancelled, in any order of arrival (rulings 4, 14 to 19, 34).

Totals of the profile move by differences, so that an order that fell out of the log stays counted.
"""

from collections.abc import Iterable

from processors import days
from processors.policy import ProfilePolicy
from schemas.events import OrderCancelled, OrderCompleted, OrderRefunded, OrderUpdated
from schemas.ids import EventTime, Minor
from schemas.profiles import Order, Profile

OrderEvent = OrderCompleted | OrderRefunded | OrderCancelled | OrderUpdated


def apply(profile: Profile, event: OrderEvent, policy: ProfilePolicy) -> None:
    """Change the order that the event speaks of, and what the profile sums up."""
    order = _find(profile, event.order_id)
    counted, worth, at = is_counted(order), worth_of(order), order.completed_at
    match event:
        case OrderCompleted():
            _complete(order, event)
        case OrderRefunded():
            _note(order, event.envelope.at)
            profile.refunds += 1
            if event.total is None:
                order.refunded_whole = True
            else:
                order.refunded = Minor(order.refunded + event.total)
        case OrderCancelled():
            _note(order, event.envelope.at)
            order.cancelled = True
        case OrderUpdated():
            _note(order, event.envelope.at)
            _newest_total(order, event, event.total)
    if counted:
        _count(profile, at, -1, -worth, policy)
    if is_counted(order):
        _count(profile, order.completed_at, 1, worth_of(order), policy)
    _forget_oldest(profile, policy)


def join(profile: Profile, others: Iterable[Order], policy: ProfilePolicy) -> None:
    """Take in the orders of another profile, whose sums and days have been added already.

    An order that both know becomes one: what each of them counted goes, and what the whole is worth comes.
    """
    mine = {order.order_id: order for order in profile.orders_log}
    for other in others:
        order = mine.get(other.order_id)
        if order is None:
            profile.orders_log.append(other)
            continue
        for half in (order, other):
            if is_counted(half):
                _count(profile, half.completed_at, -1, -worth_of(half), policy)
        _join(order, other)
        if is_counted(order):
            _count(profile, order.completed_at, 1, worth_of(order), policy)
    _forget_oldest(profile, policy)


def is_counted(order: Order) -> bool:
    """Return whether the order counts: completed and not cancelled."""
    return order.completed_at is not None and not order.cancelled


def worth_of(order: Order) -> int:
    """Return what an order is worth in minor units: its total less what went back (ruling 15)."""
    if not is_counted(order) or order.total is None:
        return 0
    return max(0, order.total - refunded_of(order))


def refunded_of(order: Order) -> int:
    """Return what went back of an order whose total is known, never more than that."""
    total = order.total or 0
    return total if order.refunded_whole else min(order.refunded, total)


def time_of(order: Order) -> EventTime:
    """Return when the order was completed, else when it was first spoken of."""
    at = order.completed_at if order.completed_at is not None else order.noted_at
    assert at is not None, "an order in the log has been completed or noted"
    return at


def _find(profile: Profile, order_id: str) -> Order:
    for order in profile.orders_log:
        if order.order_id == order_id:
            return order
    order = Order(order_id)
    profile.orders_log.append(order)
    return order


def _complete(order: Order, event: OrderCompleted) -> None:
    envelope = event.envelope
    if order.completed_at is None or envelope.at < order.completed_at:
        order.completed_at = envelope.at
    _newest_total(order, event, event.total)
    if (envelope.at, envelope.digest) >= (order.discounted_at, order.discounted_digest):
        order.discounted = event.discounted
        order.discounted_at, order.discounted_digest = envelope.at, envelope.digest


def _newest_total(order: Order, event: OrderEvent, total: Minor | None) -> None:
    envelope = event.envelope
    if total is not None and (envelope.at, envelope.digest) >= (order.total_at, order.total_digest):
        order.total, order.total_at, order.total_digest = total, envelope.at, envelope.digest


def _join(order: Order, other: Order) -> None:
    """Make one order of two halves, as if one profile had heard all of it."""
    if other.completed_at is not None:
        at = order.completed_at
        order.completed_at = other.completed_at if at is None else min(at, other.completed_at)
    if other.noted_at is not None:
        _note(order, other.noted_at)
    if (other.total_at, other.total_digest) > (order.total_at, order.total_digest):
        order.total, order.total_at, order.total_digest = other.total, other.total_at, other.total_digest
    if (other.discounted_at, other.discounted_digest) > (order.discounted_at, order.discounted_digest):
        order.discounted = other.discounted
        order.discounted_at, order.discounted_digest = other.discounted_at, other.discounted_digest
    order.refunded = Minor(order.refunded + other.refunded)
    order.refunded_whole |= other.refunded_whole
    order.cancelled |= other.cancelled


def _note(order: Order, at: EventTime) -> None:
    if order.noted_at is None or at < order.noted_at:
        order.noted_at = at


def _count(profile: Profile, at: EventTime | None, orders: int, worth: int, policy: ProfilePolicy) -> None:
    assert at is not None, "only completed orders are counted"
    profile.orders += orders
    profile.spend = Minor(profile.spend + worth)
    counts = days.counts_of(profile, at, policy)
    if counts is not None:
        counts.orders += orders
        counts.spend = Minor(counts.spend + worth)


def _forget_oldest(profile: Profile, policy: ProfilePolicy) -> None:
    log = profile.orders_log
    while len(log) > policy.orders_log_max:
        log.remove(min(log, key=lambda order: (time_of(order), order.order_id)))

"""The fold: profile, event -> profile. All that a shopper's event changes is changed from here.

Works in place on a profile that nobody else holds, and is pure as seen from outside: time comes from
the events, tags come in as values. Within the bounds of the policy, any order, duplication or
lateness of the same events gives the same profile.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from processors import orders
from processors.affinity import forget_weakest, touch
from processors.days import counts_of, forget_old
from processors.logs import insert, insert_all
from processors.policy import ProfilePolicy
from schemas.events import (
    BrowseEvent,
    ConsentChanged,
    Envelope,
    EventName,
    FeedbackEvent,
    IdentityEvent,
    OrderCancelled,
    OrderCompleted,
    OrderRefunded,
    OrderUpdated,
    ProductEvent,
    SearchEvent,
    ShopEvent,
)
from schemas.ids import MS_PER_DAY, Tags
from schemas.profiles import CartEntry, Profile, Stated, Touch

#: Interest per event, times the probability of the tag (design 4).
SEARCH_WEIGHT = 2.0
ORDER_LINE_WEIGHT = 8.0
PRODUCT_WEIGHTS: Mapping[EventName, float] = {
    EventName.PRODUCT_VIEWED: 1.0,
    EventName.PRODUCT_CLICKED: 1.0,
    EventName.PRODUCT_WISHED: 3.0,
    EventName.PRODUCT_ADDED: 4.0,
    EventName.PRODUCT_REMOVED: -2.0,
}
KINDS: Mapping[EventName, str] = {
    EventName.PRODUCT_VIEWED: "view",
    EventName.PRODUCT_CLICKED: "click",
    EventName.PRODUCT_WISHED: "wish",
    EventName.PRODUCT_ADDED: "add",
    EventName.PRODUCT_REMOVED: "remove",
}


def fold(profile: Profile, event: ShopEvent, tags: Sequence[Tags], policy: ProfilePolicy) -> bool:
    """Apply one event in place; return False, and change nothing, for a messageId seen before.

    `tags` has one entry per text of the event, as `processors.tagging.texts_of` counts them; fewer
    mean that the others have no tag.
    """
    envelope = event.envelope
    seen = profile.seen
    if envelope.digest in seen:
        return False
    seen.append(envelope.digest)
    if len(seen) > policy.seen_max:
        del seen[: -policy.seen_max]
    _see(profile, envelope, policy)
    _HANDLERS[type(event)](profile, event, tags, policy)
    return True


def _see(profile: Profile, envelope: Envelope, policy: ProfilePolicy) -> None:
    at = envelope.at
    if profile.first_seen < 0 or at < profile.first_seen:
        profile.first_seen = at
    if at > profile.last_seen:
        moved_on = at // MS_PER_DAY != profile.last_seen // MS_PER_DAY
        profile.last_seen = at
        if moved_on:
            forget_old(profile, policy)
    if envelope.known:
        profile.is_known = True
    if envelope.locale is not None:
        _state(profile.traits, "locale", envelope.locale, envelope)
    if envelope.timezone is not None:
        _state(profile.traits, "timezone", envelope.timezone, envelope)


def _product(profile: Profile, event: ProductEvent, tags: Sequence[Tags], policy: ProfilePolicy) -> None:
    name, envelope = event.name, event.envelope
    at, digest = envelope.at, envelope.digest
    insert(profile.recent, Touch(at, digest, 0, event.product_id, KINDS[name]), policy.recent_max)
    if name is EventName.PRODUCT_VIEWED:
        profile.views += 1
        if counts := counts_of(profile, at, policy):
            counts.views += 1
    elif name is EventName.PRODUCT_CLICKED:
        profile.clicks += 1
        if counts := counts_of(profile, at, policy):
            counts.clicks += 1
    elif name is EventName.PRODUCT_ADDED or name is EventName.PRODUCT_REMOVED:
        entry = CartEntry(at, digest, 0, event.product_id, KINDS[name], event.quantity, event.price)
        insert(profile.cart_log, entry, policy.cart_log_max)
        if name is EventName.PRODUCT_ADDED:
            profile.cart_adds += 1
            if counts := counts_of(profile, at, policy):
                counts.cart_adds += 1
    _touch_all(profile, envelope, tags, PRODUCT_WEIGHTS[name], policy)


def _search(profile: Profile, event: SearchEvent, tags: Sequence[Tags], policy: ProfilePolicy) -> None:
    profile.searches += 1
    if counts := counts_of(profile, event.envelope.at, policy):
        counts.searches += 1
    _touch_all(profile, event.envelope, tags, SEARCH_WEIGHT, policy)


def _order_completed(
    profile: Profile, event: OrderCompleted, tags: Sequence[Tags], policy: ProfilePolicy
) -> None:
    at, digest = event.envelope.at, event.envelope.digest
    # Lines count per message, also for a second message of the same order (ruling 17).
    numbered = list(enumerate(event.lines))
    touches = [Touch(at, digest, n, line.product_id, "buy") for n, line in numbered[-policy.recent_max :]]
    insert_all(profile.recent, touches, policy.recent_max)
    bought = [
        CartEntry(at, digest, n, line.product_id, "bought") for n, line in numbered[-policy.cart_log_max :]
    ]
    insert_all(profile.cart_log, bought, policy.cart_log_max)
    _touch_all(profile, event.envelope, tags, ORDER_LINE_WEIGHT, policy)
    orders.apply(profile, event, policy)


def _order_changed(
    profile: Profile, event: orders.OrderEvent, tags: Sequence[Tags], policy: ProfilePolicy
) -> None:
    orders.apply(profile, event, policy)


def _consent(profile: Profile, event: ConsentChanged, tags: Sequence[Tags], policy: ProfilePolicy) -> None:
    for purpose, granted in event.consents.items():
        _state(profile.consent, purpose.value, granted, event.envelope)


def _identity(profile: Profile, event: IdentityEvent, tags: Sequence[Tags], policy: ProfilePolicy) -> None:
    for name, value in event.traits.items():
        _state(profile.traits, f"traits.{name}", value, event.envelope)


def _only_seen(profile: Profile, event: ShopEvent, tags: Sequence[Tags], policy: ProfilePolicy) -> None:
    """Lists, carts, checkouts and feedback move `first_seen` and `last_seen` alone (rulings 13, 29)."""


_HANDLERS: Mapping[type, Callable[[Profile, Any, Sequence[Tags], ProfilePolicy], None]] = {
    ProductEvent: _product,
    SearchEvent: _search,
    OrderCompleted: _order_completed,
    OrderRefunded: _order_changed,
    OrderCancelled: _order_changed,
    OrderUpdated: _order_changed,
    ConsentChanged: _consent,
    IdentityEvent: _identity,
    BrowseEvent: _only_seen,
    FeedbackEvent: _only_seen,
}


def _touch_all(
    profile: Profile, envelope: Envelope, tags: Sequence[Tags], weight: float, policy: ProfilePolicy
) -> None:
    for text_tags in tags:
        if text_tags:
            touch(profile.affinity, text_tags, weight, envelope.at, policy)
    if len(profile.affinity) > policy.tags_max:
        forget_weakest(profile.affinity, policy)


def _state(stated: dict[str, Stated], key: str, value: str | int | float | bool, envelope: Envelope) -> None:
    before = stated.get(key)
    if before is None or (envelope.at, envelope.digest) > (before.at, before.digest):
        stated[key] = Stated(value, envelope.at, envelope.digest)

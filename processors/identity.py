"""Several ids, one shopper: who an id belongs to now, and two profiles that become one (ruling 10).

The first identify or alias of an anonymous id moves its profile to the user and leaves a redirect; a later one
with another user points the redirect to that one, for new events only, and moves nothing. Merging is as
order-proof as folding: events folded apart and then merged give the profile of all of them folded together.
The functions here need no other profile than those that they are given, so that a worker can call them where
each of the two profiles lives.
"""

from collections.abc import Callable
from operator import attrgetter

from msgspec.structs import replace

from processors import affinity, days, orders
from processors.policy import ProfilePolicy
from schemas.events import IdentityEvent, ShopEvent
from schemas.ids import Minor, ShopperId
from schemas.profiles import OfferMade, Pending, Profile, Stated

#: So many redirects are followed; the id reached by then is the shopper.
CHAIN_MAX = 4
_when = attrgetter("at", "digest", "line")


def resolve(shopper: ShopperId, redirect_of: Callable[[ShopperId], str]) -> ShopperId:
    """Return whom an id belongs to now; `redirect_of` an id that was never moved, or is unknown, is "".

    >>> resolve(ShopperId("phone"), {"phone": "laptop", "laptop": "ann", "ann": ""}.__getitem__)
    'ann'
    """
    for _ in range(CHAIN_MAX):
        to = redirect_of(shopper)
        if not to:
            break
        shopper = ShopperId(to)
    return shopper


def named_by(event: ShopEvent, shopper: ShopperId) -> ShopperId | None:
    """Return the other id that an event says is the same person as `shopper`, who is resolved already.

    None where there is none, or where it leads back to the shopper: a loop is ignored.
    """
    if not isinstance(event, IdentityEvent) or event.anonymous_id in (None, shopper):
        return None
    return ShopperId(event.anonymous_id)


def hand_over(profile: Profile, to: ShopperId) -> Profile | None:
    """Point a profile's id to `to`, in place; return the profile that moves there, None if it moved before.

    What is left is empty but for its redirect, and its positions and claims, which belong to the id's own partition.
    """
    before = profile.redirect
    profile.redirect = to
    if before:
        return None
    moved = Profile(profile.shopper)
    for name in Profile.__struct_fields__:
        if name not in _STAYS:
            value = getattr(profile, name)
            setattr(profile, name, getattr(moved, name))
            setattr(moved, name, value)
    return moved


def take_in(profile: Profile, moved: Profile, policy: ProfilePolicy) -> bool:
    """Merge a profile that was handed over, in place; return False, and change nothing, for one taken in before."""
    if moved.shopper in profile.merged_from:
        return False
    _join_sums(profile, moved, policy)
    profile.recent = sorted((*moved.recent, *profile.recent), key=_when)[-policy.recent_max :]
    profile.cart_log = sorted((*moved.cart_log, *profile.cart_log), key=_when)[-policy.cart_log_max :]
    _join_stated(profile.consent, moved.consent)
    _join_stated(profile.traits, moved.traits)
    for campaign_id, offers in moved.offers.items():
        mine = profile.offers.get(campaign_id, [])
        came = [replace(offer, made_for=offer.made_for or moved.shopper) for offer in offers]
        profile.offers[campaign_id] = sorted((*came, *mine), key=_offered)
    profile.seen = _joined_seen(profile.seen, moved.seen, policy.seen_max)
    profile.merged_from = sorted({*profile.merged_from, *moved.merged_from, moved.shopper})
    profile.timers_at = max(profile.timers_at, moved.timers_at)
    waiting: set[Pending] = {*profile.pending, *moved.pending}
    profile.pending = sorted(waiting)[-policy.pending_max :]
    return True


#: What an id keeps when its profile moves. `merged_from` moves: whoever holds the events says where they came from.
_STAYS = ("shopper", "redirect", "positions", "claims")


def _join_sums(profile: Profile, moved: Profile, policy: ProfilePolicy) -> None:
    if moved.first_seen >= 0:
        first = profile.first_seen
        profile.first_seen = moved.first_seen if first < 0 else min(first, moved.first_seen)
    profile.last_seen = max(profile.last_seen, moved.last_seen)
    profile.views += moved.views
    profile.clicks += moved.clicks
    profile.cart_adds += moved.cart_adds
    profile.searches += moved.searches
    profile.orders += moved.orders
    profile.refunds += moved.refunds
    profile.spend = Minor(profile.spend + moved.spend)
    profile.is_known |= moved.is_known
    profile.approximate |= moved.approximate
    affinity.join(profile.affinity, moved.affinity, policy)
    days.join(profile, moved.days, policy)
    orders.join(profile, moved.orders_log, policy)


def _join_stated(mine: dict[str, Stated], others: dict[str, Stated]) -> None:
    """The last writer wins, whoever's profile it wrote to."""
    for key, other in others.items():
        before = mine.get(key)
        if before is None or (other.at, other.digest) > (before.at, before.digest):
            mine[key] = other


def _joined_seen(mine: list[int], others: list[int], seen_max: int) -> list[int]:
    """Return the newest of both, half and half where not all fit; the user's own last, so that they stay longest.

    Either device may still repeat what it sent last.
    """
    rest = [digest for digest in others if digest not in mine]
    half = seen_max // 2
    room = max(half, seen_max - len(mine))
    kept = rest[max(0, len(rest) - room) :]
    return [*kept, *mine[max(0, len(mine) + len(kept) - seen_max) :]]


def _offered(offer: OfferMade) -> tuple[int, str]:
    return offer.at, offer.decision_id

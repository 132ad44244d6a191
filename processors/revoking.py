"""Offers that went out and hold no longer: `promotion.revoked`, once per offer, and only until it expires.

What counts is what the profile says after the event: the consent that the offer was made under, and whether
its campaign is still there. An order takes back the offers that showed one of its products.
"""

from collections.abc import Collection

import msgspec

from processors.campaigns import Campaigns
from processors.decision import stream_time
from processors.side_inputs import SideInputs
from processors.weighing import is_granted
from schemas.decisions import Revocation, RevokedBecause, Trigger
from schemas.events import OrderCompleted, Purpose, ShopEvent
from schemas.ids import EventTime
from schemas.profiles import Profile


def bought_in(event: ShopEvent) -> tuple[str, ...]:
    """Return the products that an event says were bought."""
    return tuple(line.product_id for line in event.lines) if isinstance(event, OrderCompleted) else ()


def may_revoke(profile: Profile, bought: Collection[str], campaigns: Campaigns, side: SideInputs) -> bool:
    """Return whether any offer can have ended; False is sure, and saves a look at each of them.

    An offer was made under a consent that was given, so only a statement that says no ends that.
    """
    if bought or not side.default_profiling:
        return True
    for stated in profile.consent.values():
        if stated.value is not True:
            return True
    for campaign_id in profile.offers:
        campaign = campaigns.by_id.get(campaign_id)
        if campaign is None or campaign.is_paused:
            return True
    return False


def revoke(
    profile: Profile, trigger: Trigger, bought: Collection[str], campaigns: Campaigns, side: SideInputs
) -> list[Revocation]:
    """Mark, in place, the offers that hold no longer since `trigger`, and return what takes them back."""
    now = stream_time(profile, EventTime(trigger.at))
    revoked = []
    granted: dict[str, bool] = {}  # by purpose: asked once, however many offers are out
    for campaign_id, offers in profile.offers.items():
        campaign = campaigns.by_id.get(campaign_id)
        stopped = campaign is None or campaign.is_paused
        for place, offer in enumerate(offers):
            if not offer.is_out(now):
                continue
            purpose = offer.purpose
            if purpose not in granted:
                granted[purpose] = _is_granted(profile, purpose, side)
            # The first reason that holds, in the order of the list.
            if not granted[purpose]:
                reason = RevokedBecause.CONSENT_WITHDRAWN
            elif bought and any(product_id in bought for product_id in offer.product_ids):
                reason = RevokedBecause.BOUGHT
            elif stopped:
                reason = RevokedBecause.CAMPAIGN_STOPPED
            else:
                continue
            offers[place] = msgspec.structs.replace(offer, revoked=True)
            revoked.append(
                Revocation(
                    type="promotion.revoked",
                    promotion_id=offer.promotion_id,
                    decision_id=offer.decision_id,
                    user_id=offer.made_for or profile.shopper,
                    campaign_id=campaign_id,
                    reason=reason,
                    at=now,
                    trigger=trigger,
                )
            )
    return revoked


def _is_granted(profile: Profile, purpose: str, side: SideInputs) -> bool:
    return is_granted(profile, Purpose.PROFILING, side) and (
        purpose == Purpose.PROFILING or is_granted(profile, Purpose(purpose), side)
    )

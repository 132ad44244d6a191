"""Ids and shares that are the same on every machine and in every run (ruling 58)."""

from hashlib import blake2b

import msgspec

from schemas.ids import CampaignId, DecisionId, EventTime, ShopperId

_encode = msgspec.json.Encoder().encode
_WHOLE = 2.0**64


def decision_id(shopper: ShopperId, campaign: CampaignId, message_id: str) -> DecisionId:
    """Return the id of what one trigger decides about one campaign: 32 hex digits.

    >>> decision_id("ann", "spring", "m1")
    'c33db0bf8f9dfdde755e43029ec4a7f4'
    """
    return DecisionId(blake2b(_encode([shopper, campaign, message_id])).digest()[:16].hex())


def timer_id(shopper: ShopperId, name: str, deadline: EventTime) -> str:
    """Return the messageId of a trigger that time sets off (ruling 9): 32 hex digits, however it comes to fire.

    >>> timer_id("ann", "Cart Abandoned", 1_772_413_200_000)
    '7322809bb880066eaf7f7ad384581d81'
    """
    return blake2b(_encode([shopper, name, deadline])).digest()[:16].hex()


def share_of(salt: str, campaign: str, shopper: ShopperId) -> float:
    """Return where a shopper stands in 0..1 for a campaign, or for all of them when it is "".

    Whoever stands below a hold-out's share belongs to it.
    """
    return int.from_bytes(blake2b(_encode([salt, campaign, shopper])).digest()[:8], "big") / _WHOLE

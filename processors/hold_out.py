"""Who gets no promotion, so that its effect can be measured: decided last, by a hash, for ever the same."""

from math import floor

from msgspec import Struct

from processors.ids import share_of
from schemas.decisions import Check
from schemas.ids import ShopperId

_MICRO = 1_000_000


class HoldOut(Struct, frozen=True):
    """Shares 0..1 of all shoppers that get nothing at all, and nothing of one campaign."""

    salt: str
    shop: float
    campaign: float


def check(hold_out: HoldOut, campaign_id: str, shopper: ShopperId) -> list[Check]:
    """Return where the shopper stands, for all campaigns and for this one; failed: a ghost offer (ruling 58).

    Empty when nobody is held out. A failed check is the last one.
    """
    parts = (
        ("all campaigns", "", hold_out.shop),
        (f"campaign {campaign_id}", campaign_id, hold_out.campaign),
    )
    checks: list[Check] = []
    for whose, key, share in parts:
        if share <= 0:
            continue
        place = share_of(hold_out.salt, key, shopper)
        passed = place >= share
        sentence = f"place {place:.6f} in the hold-out of {whose}, which takes those below {share:g}"
        checks.append(Check("hold_out", sentence, passed, _flip(place, passed)))
        if not passed:
            break
    return checks


def _flip(place: float, passed: bool) -> str:
    """Return the share that would turn the answer over, to a millionth."""
    low = floor(place * _MICRO)
    return (
        f"a hold-out of {(low + 1) / _MICRO:.6f} or more"
        if passed
        else f"a hold-out of {low / _MICRO:.6f} or less"
    )

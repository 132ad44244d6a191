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
    placed = [
        (whose, share_of(hold_out.salt, key, shopper), share) for whose, key, share in parts if share > 0
    ]
    failing = [place for _, place, share in placed if place < share]
    checks: list[Check] = []
    for whose, place, share in placed:
        passed = place >= share
        sentence = f"place {place:.6f} in the hold-out of {whose}, which takes those below {share:g}"
        checks.append(Check("hold_out", sentence, passed, _more(place) if passed else _less(failing)))
        if not passed:
            break
    return checks


def _more(place: float) -> str:
    """Return the share that would take the shopper, to a millionth."""
    return f"a hold-out of {(floor(place * _MICRO) + 1) / _MICRO:.6f} or more"


def _less(places: list[float]) -> str:
    """Return the shares that would let the shopper go, to a millionth: of the shop's and the campaign's if both took."""
    shares = [f"{floor(place * _MICRO) / _MICRO:.6f} or less" for place in places]
    if len(shares) == 1:
        return f"a hold-out of {shares[0]}"
    return f"a hold-out of {shares[0]} for all campaigns, and of {shares[1]} for this one"

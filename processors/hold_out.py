"""Who gets no promotion, so that its effect can be measured: decided last, by a hash, for ever the same."""

from msgspec import Struct

from processors.ids import share_of
from schemas.decisions import Check
from schemas.ids import ShopperId


class HoldOut(Struct, frozen=True):
    """Shares 0..1 of all shoppers that get nothing at all, and nothing of one campaign."""

    salt: str
    shop: float
    campaign: float


def check(hold_out: HoldOut, campaign_id: str, shopper: ShopperId) -> Check | None:
    """Return where the shopper stands, or None when nobody is held out. Failed: a ghost offer (ruling 58)."""
    parts = (("all campaigns", "", hold_out.shop), (f"campaign {campaign_id}", campaign_id, hold_out.campaign))
    answer = None
    for whose, key, share in parts:
        if share <= 0:
            continue
        place = share_of(hold_out.salt, key, shopper)
        passed = place >= share
        sentence = f"place {place:.6f} in the hold-out of {whose}, which takes those below {share:g}"
        flip = f"a hold-out of {place:.6f} or less" if not passed else f"a hold-out above {place:.6f}"
        if not passed:
            return Check("hold_out", sentence, False, flip)
        answer = Check("hold_out", sentence, True, flip)
    return answer

"""When the peer job promotes: one rule for every engine, so that all send the same promotions.

After one of the trigger events the shopper's interest in one of four categories is at least so strong.
"""

import msgspec
from msgspec import Struct

from schemas.errors import SettingsError

_CATEGORIES = ("running-shoes", "yoga", "camping", "coffee")


class Rule(Struct, frozen=True):
    """Interest is counted as in design 4: views 1, additions 4, order lines 8, halved every 14 days."""

    triggers: tuple[str, ...]
    interest: float
    categories: tuple[str, ...] = _CATEGORIES


#: By the share of events that bring a promotion, in percent.
_RULES = {
    0: Rule(("Product Added",), 1e9),
    2: Rule(("Product Added",), 12.0),
    10: Rule(("Product Added", "Product Viewed"), 45.0),
}


def rule_of(percent: int) -> Rule:
    """Return the rule that promotes after about so many of 100 events; raise `SettingsError` if there is none."""
    rule = _RULES.get(percent)
    if rule is None:
        known = ", ".join(map(str, _RULES))
        raise SettingsError("--promotions", f"{percent} is none", f"choose from {known} (percent)")
    return rule


def campaign_file(rule: Rule, silent: int = 0) -> bytes:
    """Return the rule as Beckon's campaigns; `silent` more wait for an event that never comes.

    Shoppers of the job say nothing about consent, so the purpose is one that needs none; no caps, no hold-out,
    no quiet hours: the rate stays even.
    """
    campaigns = [
        _campaign(category, list(rule.triggers), category, rule.interest) for category in rule.categories
    ]
    campaigns += [_campaign(f"silent-{n}", ["Coupon Denied"], f"tag-{n}", 1.0) for n in range(silent)]
    return msgspec.json.encode({"campaigns": campaigns})


def _campaign(name: str, triggers: list[str], tag: str, interest: float) -> dict[str, object]:
    return {
        "id": name,
        "triggers": triggers,
        "purpose": "profiling",
        "valid_for": "7d",
        "when": {"feature": "affinity", "tag": tag, "at_least": interest},
        "offers": [{"promotion_id": f"{name}-10", "name": "10 % off"}],
    }

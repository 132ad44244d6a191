"""Events as shops send them, told in one line each, and what becomes of them. All go through the border."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from processors.campaigns import Campaigns, compile_campaigns
from processors.fold import fold
from processors.policy import ProfilePolicy
from processors.profile_page import profile_line
from processors.side_inputs import SideInputs
from processors.step import step
from processors.tagging import category_tags
from schemas.campaign_file import load_campaigns
from schemas.catalog import NO_CATALOG, Catalog
from schemas.decisions import Decision, Promotion, Revocation
from schemas.decode import Border
from schemas.events import DeadLetter, ShopEvent, Skipped
from schemas.ids import EventTime, ShopperId
from schemas.profiles import Profile

Json = dict[str, Any]

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
#: 2026-03-02T00:00:00Z, a Monday; most stories start here.
MONDAY = 1_772_409_600_000
POLICY = ProfilePolicy()
#: Ahead of every story, so that no event lies in the future.
BROKER_MS = MONDAY + 40_000 * DAY
TRAITS = ("vip", "age", "city")
_BORDER = Border("USD", traits=TRAITS)
#: An offer that asks for nothing.
OFFER: Json = {"promotion_id": "p", "name": "Something nice"}


def track(
    event: str,
    at: int,
    message_id: str = "",
    user: str = "ann",
    /,
    context: Json | None = None,
    **properties: Any,
) -> Json:
    """Return a track event; without a messageId its name and time make one."""
    told = {
        "type": "track",
        "event": event,
        "messageId": message_id or f"{event} {at}",
        "timestamp": at,
        "userId": user,
        "properties": properties,
    }
    return told if context is None else {**told, "context": context}


def order(order_id: str, at: int, total: Any, *lines: str, message_id: str = "", **properties: Any) -> Json:
    """Return an Order Completed with one line per product."""
    products = [{"product_id": product_id, "quantity": 1} for product_id in lines]
    return track(
        "Order Completed",
        at,
        message_id or f"{order_id} {at}",
        order_id=order_id,
        total=total,
        currency="USD",
        products=products,
        **properties,
    )


def consent(at: int, message_id: str = "", user: str = "ann", **consents: bool) -> Json:
    """Return a Consent Changed."""
    return track("Consent Changed", at, message_id, user, consents=consents)


def identify(at: int, message_id: str = "", user: str = "ann", **traits: Any) -> Json:
    """Return an identify call."""
    message_id = message_id or f"identify {at}"
    return {"type": "identify", "messageId": message_id, "timestamp": at, "userId": user, "traits": traits}


def read(event: Json) -> ShopEvent:
    """Return the event as the border reads it; it must be a good one."""
    result = _BORDER.read(json.dumps(event).encode(), BROKER_MS)
    assert not isinstance(result, DeadLetter | Skipped), (result, event)
    return result


def profile_of(*events: Json, policy: ProfilePolicy = POLICY, catalog: Catalog = NO_CATALOG) -> Profile:
    """Return the profile of one shopper after these events, tagged by category."""
    told = [read(event) for event in events]
    profile = Profile(told[0].envelope.shopper if told else ShopperId("ann"))
    for event in told:
        fold(profile, event, category_tags(event, catalog), policy)
    return profile


def line_of(*events: Json, as_of: int | None = None, policy: ProfilePolicy = POLICY) -> Json:
    """Return the line of profiles.jsonl; `as_of` is the newest event time unless given."""
    profile = profile_of(*events, policy=policy)
    at = EventTime(profile.last_seen if as_of is None else as_of)
    return profile_line(profile, at, policy)


def campaigns_of(
    *campaigns: Json, prior: float = 0.05, policy: ProfilePolicy = POLICY, **shop: Any
) -> Campaigns:
    """Return campaigns ready to decide; each needs an id, gets an offer and Product Viewed as its trigger."""
    full = [{"triggers": ["Product Viewed"], "offers": [OFFER], **campaign} for campaign in campaigns]
    text = json.dumps({"shop": shop, "campaigns": full})
    return compile_campaigns(load_campaigns(text, "campaigns.yaml"), policy, "USD", prior)


class Told:
    """What a story came to. `decisions` and `promotions` in the order of their triggers."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.decisions: list[Decision] = []
        self.promotions: list[Promotion] = []
        self.revoked: list[Revocation] = []
        self.not_live = self.not_eligible = self.stale = 0

    @property
    def decision(self) -> Decision:
        """The last decision."""
        return self.decisions[-1]

    @property
    def reasons(self) -> list[str | None]:
        """The reason of each candidate of the last decision."""
        return [candidate.reason for candidate in self.decision.candidates]


def tell(
    campaigns: Campaigns, events: Iterable[Json] | Sequence[ShopEvent], side: SideInputs | None = None
) -> Told:
    """Take one shopper's events through `step`, in the given order."""
    side = side or SideInputs()
    told: Told | None = None
    for item in events:
        event = read(item) if isinstance(item, dict) else item
        told = told or Told(Profile(event.envelope.shopper))
        tags = category_tags(event, side.catalog)
        result = step(told.profile, event, tags, campaigns, POLICY, side)
        told.revoked += result.revoked
        for verdict in result.verdicts:
            told.not_live += verdict.not_live
            told.not_eligible += verdict.not_eligible
            told.stale += verdict.stale
            if verdict.decision is not None:
                told.decisions.append(verdict.decision)
            if verdict.promotion is not None:
                told.promotions.append(verdict.promotion)
    assert told is not None, "a story needs an event"
    return told

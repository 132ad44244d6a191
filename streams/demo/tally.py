"""What the demo saw: counted from the topics alone, as anyone outside the worker could.

One thread writes (the follower), others read single numbers for the view.
"""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from schemas.campaigns import CampaignFile, Condition, FeatureName
from schemas.codec import decode_profile
from schemas.decisions import Promotion, Revocation
from schemas.events import DeadLetter
from schemas.ids import Digest, digest_of
from schemas.profiles import Profile
from streams.simulator import Shop

#: How many promotions the view may look back.
RECENT = 60


class Shown(Struct, frozen=True):
    """A promotion as the view shows it. `matches` None: the offer is about no interest."""

    at_ms: int
    user_id: str
    campaign_id: str
    text: str
    why: str
    matches: bool | None


class _Candidate(Struct, frozen=True):
    outcome: str
    reason: str | None


class _Decision(Struct, frozen=True):
    trigger: dict[str, Any]
    user_id: str
    outcome: str
    decision_id: str | None
    candidates: tuple[_Candidate, ...]


class _Typed(Struct, frozen=True):
    type: str


class Row(Struct, frozen=True, order=True):
    """Where a decision or promotion stands in its file: trigger time, digest, shopper (ruling 64)."""

    at: int
    digest: Digest
    user_id: str
    raw: bytes


class Dead(Struct, frozen=True, order=True):
    """A record that could not be used; the first three fields say where it came from."""

    topic: str
    partition: int
    offset: int
    raw: bytes
    letter: DeadLetter

    @property
    def source(self) -> str:
        """Topic and partition, as people write them."""
        return f"{self.topic}-{self.partition}"


class Truth:
    """What the simulator knows: each shopper's interest, and what each offer is about."""

    def __init__(self, shop: Shop, campaigns: CampaignFile) -> None:
        self.interests = tuple(shop.goods.interests)
        self._interest_of = {shopper.id: shopper.interest for shopper in shop.shoppers}
        self._product_interest = {product.id: product.interest for product in shop.goods.all()}
        known = frozenset(self.interests)
        self._aims = {campaign.id: tags_of(campaign.when) & known for campaign in campaigns.campaigns}

    def about(self, promotion: Promotion) -> frozenset[str]:
        """Return the interests of an offer: the tags its campaign asks for, else its first product's."""
        aims = self._aims.get(promotion.campaign_id, frozenset())
        if aims or not promotion.product_ids:
            return aims
        interest = self._product_interest.get(promotion.product_ids[0])
        return frozenset([interest]) if interest else frozenset()

    def interest_of(self, shopper: str) -> str | None:
        """Return a shopper's one true interest."""
        return self._interest_of.get(shopper)


class Tally:
    """All counts of one demo. `produced` is set by who sells; the rest comes from the topics."""

    def __init__(self, truth: Truth) -> None:
        self.produced = 0
        self.truth = truth
        self.applied: set[int] = set()
        self.profiles: dict[str, Profile] = {}
        self.dead: dict[tuple[str, int, int], Dead] = {}
        self.decisions: dict[tuple[str, str], Row] = {}
        self.promotions: dict[str, Row] = {}
        self.revoked: dict[str, Row] = {}
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.offered_by_campaign: Counter[str] = Counter()
        self.latencies_ms: list[float] = []
        self.recent: deque[Shown] = deque(maxlen=RECENT)
        self.last_decision_id: str | None = None
        self._aimed = self._matched = 0
        self._guesses = 0.0
        self._read_decision = msgspec.json.Decoder(_Decision).decode
        self._read_promotion = msgspec.json.Decoder(Promotion).decode
        self._read_revocation = msgspec.json.Decoder(Revocation).decode
        self._type_of = msgspec.json.Decoder(_Typed).decode

    @property
    def settled(self) -> int:
        """Events that are accounted for: part of a profile, or a dead letter."""
        return len(self.applied) + len(self.dead)

    def profile(self, raw: bytes) -> None:
        """Count a changelog record; its `seen` tells which messages the profile holds."""
        profile = decode_profile(raw)
        self.profiles[profile.shopper] = profile
        self.applied.update(profile.seen)

    def dead_letter(self, dead: Dead) -> None:
        """Count a dead letter once, however often it was written."""
        self.dead[dead.topic, dead.partition, dead.offset] = dead

    def decision(self, raw: bytes) -> None:
        """Count a decision once and keep its record."""
        decision = self._read_decision(raw)
        message_id = str(decision.trigger["message_id"])
        key = (decision.user_id, message_id)
        if key in self.decisions:
            return  # at-least-once: a worker that restarts may say it again, in the same words
        at = int(decision.trigger["at"])
        self.decisions[key] = Row(at, digest_of(message_id), decision.user_id, raw)
        self.outcomes[decision.outcome] += 1
        self.reasons.update(c.reason for c in decision.candidates if c.reason is not None)

    def promotion(self, raw: bytes, arrived_ms: float) -> Promotion | None:
        """Count a promotion and keep its record; return None for one that was seen before, or is taken back."""
        if self._type_of(raw).type == "promotion.revoked":
            revoked = self._read_revocation(raw)
            at, message_id = revoked.trigger.at, revoked.trigger.message_id
            self.revoked[revoked.decision_id] = Row(at, digest_of(message_id), revoked.user_id, raw)
            return None
        promotion = self._read_promotion(raw)
        if promotion.decision_id in self.promotions:
            return None
        trigger = promotion.trigger
        self.promotions[promotion.decision_id] = Row(
            trigger.at, digest_of(trigger.message_id), promotion.user_id, raw
        )
        self.offered_by_campaign[promotion.campaign_id] += 1
        self.latencies_ms.append(max(0.0, arrived_ms - trigger.at))
        self.last_decision_id = promotion.decision_id
        about = self.truth.about(promotion)
        matches = self.truth.interest_of(promotion.user_id) in about if about else None
        if about:
            self._aimed += 1
            self._matched += bool(matches)
            self._guesses += len(about) / len(self.truth.interests)
        text = promotion.copy.text if promotion.copy is not None else promotion.name
        why = promotion.reasons[0].sentence if promotion.reasons else ""
        shown = Shown(round(arrived_ms), promotion.user_id, promotion.campaign_id, text, why, matches)
        self.recent.append(shown)
        return promotion

    def interest_match(self) -> float | None:
        """Return the share of offers that fit the shopper's true interest; None before the first."""
        return self._matched / self._aimed if self._aimed else None

    def match_by_guessing(self) -> float | None:
        """Return the share that the same offers to shoppers drawn at random would have."""
        return self._guesses / self._aimed if self._aimed else None

    def latency_ms(self, share: float) -> float | None:
        """Return a quantile, from an event's making to the arrival of its promotion."""
        return quantile(self.latencies_ms, share)


def quantile(values: list[float], share: float) -> float | None:
    """Return the smallest value that at least `share` of the values do not exceed.

    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5), quantile([4.0, 1.0, 3.0, 2.0], 0.99)
    (2.0, 4.0)
    """
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def tags_of(condition: Condition | None) -> frozenset[str]:
    """Return the tags that a condition asks for; what stands under `not` is not asked for."""
    if condition is None:
        return frozenset()
    if condition.feature is FeatureName.AFFINITY and condition.tag is not None:
        return frozenset([condition.tag])
    parts = (*(condition.all or ()), *(condition.any or ()))
    return frozenset().union(*(tags_of(part) for part in parts))


def sorted_rows(rows: Mapping[Any, Row]) -> list[bytes]:
    """Return the records in the order of their file."""
    return [row.raw for row in sorted(rows.values())]

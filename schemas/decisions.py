"""What was decided and what goes out. Field names are the contract of design 6 and ruling 59."""

from enum import StrEnum
from typing import Literal

from msgspec import Struct, field


class Outcome(StrEnum):
    """How a candidate, or a whole decision, ended."""

    OFFERED = "offered"
    HELD_OUT = "held_out"
    SUPPRESSED = "suppressed"


class Reason(StrEnum):
    """The first step that stopped a campaign: a closed list, in the order of the steps."""

    STALE = "stale"
    NOT_LIVE = "not_live"
    NOT_ELIGIBLE = "not_eligible"
    NO_CONSENT = "no_consent"
    TOO_LATE = "too_late"
    CAPPED = "capped"
    COOLING_DOWN = "cooling_down"
    OUT_OF_STOCK = "out_of_stock"
    BUDGET_EXHAUSTED = "budget_exhausted"
    LOW_VALUE = "low_value"
    COPY_REJECTED = "copy_rejected"
    QUIET_HOURS = "quiet_hours"
    LOST_ARBITRATION = "lost_arbitration"
    HELD_OUT = "held_out"


class Trigger(Struct, frozen=True):
    """The event that asked for a decision. `at` in ms."""

    event: str
    message_id: str
    at: int


class Check(Struct, frozen=True, omit_defaults=True, gc=False):
    """One thing that was looked at: a sentence with its numbers, and the smallest change that flips it.

    `flip` is empty where nothing can flip it. A condition also names its `feature` in the record and
    the value `flip_to` that turns it over (None: no value at all).
    """

    code: str
    sentence: str
    passed: bool
    flip: str
    feature: str = ""
    flip_to: float | int | str | bool | None = None


class Goods(Struct, frozen=True):
    """The products of an offer: what is shown, what was sold out; `margin` of what is shown in minor units."""

    ids: tuple[str, ...] = ()
    sold_out: tuple[str, ...] = ()
    margin: int = 0


class Candidate(Struct, frozen=True, omit_defaults=True, gc=False):
    """One eligible campaign in a decision, in the order of the campaign file.

    `goods` None: the offer shows no products, or an earlier step stopped the campaign.
    """

    campaign_id: str
    decision_id: str
    outcome: Outcome
    reason: Reason | None
    promotion_id: str
    priority: int
    expected_value: float
    checks: tuple[Check, ...] = ()
    goods: Goods | None = None


class Decision(Struct, frozen=True):
    """One record per trigger that had at least one live and eligible campaign; self-contained.

    `now` is stream time in ms; `lag_ms` the recorded lag of wall clock behind broker time;
    `features` each value that a condition read; `offers` {campaign: times} in the cap windows;
    `consent` holds every purpose, `consent_stated` those that the shopper ever spoke about; `propensity`
    is what the expected values were made with; `time_zone` the one whose quiet hours counted.
    """

    trigger: Trigger
    user_id: str
    now: int
    outcome: Outcome
    campaign_id: str | None
    promotion_id: str | None
    decision_id: str | None
    candidates: tuple[Candidate, ...]
    features: dict[str, float | int | str | bool | None]
    offers: dict[str, list[int]]
    consent: dict[str, bool]
    lag_ms: int
    approximate: bool
    scores: dict[str, float]
    model_versions: dict[str, str]
    policy_digest: str
    positions: dict[str, int]
    consent_stated: tuple[str, ...] = ()
    propensity: float = 0.0
    time_zone: str = ""


class RevokedBecause(StrEnum):
    """Why an offer that went out holds no longer: a closed list."""

    CONSENT_WITHDRAWN = "consent_withdrawn"
    BOUGHT = "bought"
    CAMPAIGN_STOPPED = "campaign_stopped"


class CouponOut(Struct, frozen=True):
    """The coupon as sent: `value` in percent or in major currency units, by `kind`."""

    kind: str
    value: float
    code: str


class CopyText(Struct, frozen=True):
    """The words of a promotion and where they came from."""

    text: str
    locale: str
    source: str


class PromotionReason(Struct, frozen=True):
    """Why this shopper got this promotion, one sentence per condition."""

    code: str
    sentence: str


class Experiment(Struct, frozen=True):
    """The hold-out experiment that this promotion belongs to."""

    key: str
    variation: str


class Promotion(Struct, frozen=True):
    """`promotion.offered`: the JSON value of a record in `promotions`. Times in ms, no wall clock."""

    type: Literal["promotion.offered"]
    promotion_id: str
    name: str
    creative: str | None
    decision_id: str
    user_id: str
    campaign_id: str
    product_ids: tuple[str, ...]
    coupon: CouponOut | None
    copy: CopyText | None
    channels: tuple[str, ...]
    not_before: int
    deliver_before: int
    expires_at: int
    reasons: tuple[PromotionReason, ...]
    trigger: Trigger
    scores: dict[str, float] = field(default_factory=dict)
    propensity: float = 1.0
    experiment: Experiment | None = None
    model_versions: dict[str, str] = field(default_factory=dict)
    policy_digest: str = ""
    purpose: str = "marketing"


class Revocation(Struct, frozen=True):
    """`promotion.revoked`: an offer that went out holds no longer since `trigger`; `at`: stream time in ms.

    `user_id` is whom the offer went to; that id may have been moved to another profile since.
    """

    type: Literal["promotion.revoked"]
    promotion_id: str
    decision_id: str
    user_id: str
    campaign_id: str
    reason: RevokedBecause
    at: int
    trigger: Trigger

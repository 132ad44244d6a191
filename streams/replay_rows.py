"""Rows to learn from: each decision with what was known then, and what the shopper did afterwards (design 11).

A row's features are those of the decision record, so nothing in them comes from later. Its outcome is looked for
in the time for which the offer is valid: after the decision, up to and with its end. Without a winner, the first
candidate says how long that is. All ids of a shopper count, and an order at what is left of it in the end.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from processors import orders
from processors.campaigns import Campaigns
from processors.policy import ProfilePolicy
from schemas.decisions import Decision
from schemas.events import (
    EventName,
    FeedbackEvent,
    OrderCancelled,
    OrderCompleted,
    OrderRefunded,
    OrderUpdated,
    ShopEvent,
)
from schemas.ids import Digest, EventTime, ShopperId
from schemas.profiles import Order, Profile

_ORDER_EVENTS = (OrderCompleted, OrderRefunded, OrderCancelled, OrderUpdated)
_FEEDBACK = {
    EventName.PROMOTION_VIEWED: "viewed",
    EventName.PROMOTION_CLICKED: "clicked",
    EventName.COUPON_APPLIED: "coupon_applied",
}
#: Columns of features, of numbers (true is 1) and of texts.
NUMBER, TEXT = "feature.", "feature_text."
_decision_of = msgspec.json.Decoder(Decision).decode
_encode = msgspec.json.Encoder(order="sorted").encode


class Outcome(Struct, frozen=True):
    """What the shopper did in the `window_ms` after a decision; `order_value` in minor units, net.

    `bought`: anything, `bought_offered`: a product that the offer showed. `observed`: the window ended before the
    history did; otherwise a "no" may still become a "yes".
    """

    window_ms: int
    observed: bool
    bought: bool
    bought_offered: bool
    orders: int
    order_value: int
    viewed: bool
    clicked: bool
    coupon_applied: bool


class Row(Struct, frozen=True):
    """The columns that every file has; `at` is the shopper's time in ms, `outcome` how the decision ended."""

    user_id: str
    trigger: str
    message_id: str
    at: int
    outcome: str
    campaign_id: str | None
    promotion_id: str | None
    decision_id: str | None
    expected_value: float | None
    propensity: float
    consent_training: bool
    approximate: bool
    policy_digest: str


class _Later:
    """The orders and the feedback of one shopper."""

    def __init__(self) -> None:
        self.profile = Profile(ShopperId(""))  # only its orders are used
        self.bought: list[tuple[EventTime, frozenset[str]]] = []
        self.feedback: list[FeedbackEvent] = []
        self.seen: set[Digest] = set()


class Hindsight:
    """What happened later to the shoppers of one bucket; `groups` has the ids of those that have several."""

    def __init__(
        self,
        events: Iterable[ShopEvent],
        groups: Mapping[ShopperId, tuple[ShopperId, ...]],
        policy: ProfilePolicy,
        as_of: EventTime,
    ) -> None:
        self._groups = groups
        self._as_of = as_of
        self._later: dict[ShopperId, _Later] = {}
        self._policy = msgspec.structs.replace(policy, orders_log_max=1 << 62)
        for event in events:
            if isinstance(event, (*_ORDER_EVENTS, FeedbackEvent)):
                self._note(event)

    def row(self, decision: Decision, campaigns: Campaigns) -> dict[str, Any]:
        """Return the columns of one decision."""
        winner = next((c for c in decision.candidates if c.decision_id == decision.decision_id), None)
        row = Row(
            user_id=decision.user_id,
            trigger=decision.trigger.event,
            message_id=decision.trigger.message_id,
            at=decision.now,
            outcome=decision.outcome.value,
            campaign_id=decision.campaign_id,
            promotion_id=decision.promotion_id,
            decision_id=decision.decision_id,
            expected_value=None if winner is None else winner.expected_value,
            propensity=decision.propensity,
            consent_training=decision.consent.get("training", False),
            approximate=decision.approximate,
            policy_digest=decision.policy_digest,
        )
        outcome = self._outcome(decision, campaigns)
        return {**msgspec.to_builtins(row), **msgspec.to_builtins(outcome), **_features(decision)}

    def _note(self, event: Any) -> None:
        envelope = event.envelope
        later = self._later.setdefault(self._who(envelope.shopper), _Later())
        if envelope.digest in later.seen:
            return
        later.seen.add(envelope.digest)
        if isinstance(event, FeedbackEvent):
            later.feedback.append(event)
            return
        orders.apply(later.profile, event, self._policy)
        if isinstance(event, OrderCompleted):
            later.bought.append((envelope.at, frozenset(line.product_id for line in event.lines)))

    def _who(self, shopper: ShopperId) -> ShopperId:
        return self._groups.get(shopper, (shopper,))[0]

    def _outcome(self, decision: Decision, campaigns: Campaigns) -> Outcome:
        asked = decision.campaign_id or decision.candidates[0].campaign_id
        campaign = campaigns.by_id[asked]
        after, until = decision.now, decision.now + campaign.valid_ms
        later = self._later.get(self._who(ShopperId(decision.user_id)), _NOTHING)
        placed = [order for order in later.profile.orders_log if _within(order, after, until)]
        winner = next((c for c in decision.candidates if c.decision_id == decision.decision_id), None)
        offered = (
            frozenset(winner.goods.ids) if winner is not None and winner.goods is not None else frozenset()
        )
        coupon = campaign.offer.coupon
        code = coupon.code if coupon is not None and winner is not None else None
        heard = {
            _FEEDBACK[event.name]
            for event in later.feedback
            if after < event.envelope.at <= until and _is_about(event, decision, code)
        }
        return Outcome(
            window_ms=campaign.valid_ms,
            observed=until <= self._as_of,
            bought=bool(placed),
            bought_offered=any(after < at <= until and offered & ids for at, ids in later.bought),
            orders=len(placed),
            order_value=sum(map(orders.worth_of, placed)),
            viewed="viewed" in heard,
            clicked="clicked" in heard,
            coupon_applied="coupon_applied" in heard,
        )


_NOTHING = _Later()


def _within(order: Order, after: int, until: int) -> bool:
    at = order.completed_at
    return at is not None and after < at <= until and orders.is_counted(order)


def _is_about(event: FeedbackEvent, decision: Decision, code: str | None) -> bool:
    """Return whether feedback is about a decision: by its id, else by the promotion or coupon it names."""
    if event.name not in _FEEDBACK or decision.decision_id is None:
        return False
    if event.decision_id is not None:
        return event.decision_id == decision.decision_id
    return event.subject == (code if event.name is EventName.COUPON_APPLIED else decision.promotion_id)


def _features(decision: Decision) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    for name, value in decision.features.items():
        if isinstance(value, str):
            found[TEXT + name] = value
        elif value is not None:
            found[NUMBER + name] = float(value)
    return found


def row_lines(
    decisions: Sequence[bytes], hindsight: Hindsight, campaigns: Campaigns, columns: set[str]
) -> Iterator[bytes]:
    """Yield the JSON of each decision's row; add the names of its features to `columns`."""
    for line in decisions:
        row = hindsight.row(_decision_of(line), campaigns)
        columns.update(name for name in row if name.startswith((NUMBER, TEXT)))
        yield _encode(row) + b"\n"


def write_parquet(lines: Path, out: Path, features: Iterable[str]) -> None:
    """Write rows, JSON lines in their order, as Parquet: the fixed columns, then the features by name."""
    import polars as pl

    kinds = {"str": pl.String, "int": pl.Int64, "bool": pl.Boolean, "float": pl.Float64}
    schema: dict[str, Any] = {}
    for part in (Row, Outcome):
        for field in msgspec.structs.fields(part):
            name = getattr(field.type, "__name__", None) or str(field.type).partition(" ")[0]
            schema[field.name] = kinds[name]
    schema |= {name: pl.String if name.startswith(TEXT) else pl.Float64 for name in sorted(features)}
    if lines.stat().st_size:
        pl.scan_ndjson(lines, schema=schema).sink_parquet(out, maintain_order=True)
    else:
        pl.DataFrame(schema=schema).write_parquet(out)

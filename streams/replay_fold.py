"""Replay's heart: the events of one shopper, or of several ids that turn out to be one, through `step`.

Nothing here reads or writes a file, and connected shoppers need nobody else's profile: groups of ids can be
folded in any order, and anywhere.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from processors.decision import Verdict
from processors.identity import hand_over, named_by, resolve, take_in
from processors.revoking import revoke
from processors.step import step, trigger_of
from processors.timers import fire
from schemas.decisions import Outcome, Revocation
from schemas.events import IdentityEvent, ShopEvent
from schemas.ids import Digest, EventTime, ShopperId, Tags, digest_of
from schemas.profiles import Profile
from streams.parts import Parts
from streams.records import decision_json, promotion_json, revocation_json

TagsOf = Callable[[ShopEvent], Sequence[Tags]]


@dataclass(frozen=True)
class Row:
    """What one trigger came to: lines of decisions.jsonl and promotions.jsonl, sorted by the first three (ruling 64)."""

    at: EventTime
    digest: Digest
    shopper: ShopperId
    decision: bytes | None
    promotion: bytes | None

    @property
    def place(self) -> tuple[EventTime, Digest, ShopperId]:
        """Where it stands in the files."""
        return self.at, self.digest, self.shopper


@dataclass
class Totals:
    """What became of the events. `orders`, `refunds` and `spend` (minor units) are sums over all profiles."""

    applied: int = 0
    duplicates: int = 0
    profiles: int = 0
    orders: int = 0
    refunds: int = 0
    spend: int = 0
    decisions: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    offered_by_campaign: Counter[str] = field(default_factory=Counter)
    revoked: Counter[str] = field(default_factory=Counter)
    rows: list[Row] = field(default_factory=list)


def fold_connected(
    events: Iterable[ShopEvent], parts: Parts, tags_of: TagsOf, as_of: EventTime, totals: Totals
) -> list[Profile]:
    """Return the profiles that connected shoppers end with, their timers ticked up to `as_of`; add to `totals`."""
    group = _Group(parts, tags_of, totals)
    for event in events:
        group.take(event)
    return group.finish(as_of)


class _Group:
    """Profiles by id, those that were moved too."""

    def __init__(self, parts: Parts, tags_of: TagsOf, totals: Totals) -> None:
        self._profiles: dict[ShopperId, Profile] = {}
        self._parts = parts
        self._tags_of = tags_of
        self._totals = totals

    def take(self, event: ShopEvent) -> None:
        """Apply one event to whom it belongs now, and join two profiles if it says that they are one shopper."""
        parts, totals, envelope = self._parts, self._totals, event.envelope
        profile = self._profile(envelope.shopper)
        if profile.redirect:
            profile = self._profile(resolve(envelope.shopper, self._redirect_of))
        result = step(profile, event, self._tags_of(event), parts.campaigns, parts.policy, parts.side)
        if not result.applied:
            totals.duplicates += 1
        else:
            totals.applied += 1
            if result.revoked:
                self._note_revoked(result.revoked)
        for verdict in result.verdicts:
            self._note(verdict)
        if result.applied and type(event) is IdentityEvent:
            self._identify(profile, event)

    def finish(self, as_of: EventTime) -> list[Profile]:
        """Return the profiles that hold something: a moved one is empty, unless a chain too long ended there."""
        profiles = [profile for profile in self._profiles.values() if profile.first_seen >= 0]
        for profile in profiles:
            self._fire(profile, as_of)
        return profiles

    def _identify(self, profile: Profile, event: IdentityEvent) -> None:
        other = named_by(event, profile.shopper)
        if other is None:
            return
        parts, at = self._parts, event.envelope.at
        its = self._profile(other)
        self._fire(its, at)  # what was due before is still decided about the id that it had then (ruling 63)
        moved = hand_over(its, profile.shopper)
        if moved is None or not take_in(profile, moved, parts.policy) or parts.campaigns is None:
            return
        # Offers that came along are held against the consent of the shopper that they now belong to.
        self._note_revoked(revoke(profile, trigger_of(event), (), parts.campaigns, parts.side))

    def _profile(self, shopper: ShopperId) -> Profile:
        profile = self._profiles.get(shopper)
        if profile is None:
            profile = self._profiles[shopper] = Profile(shopper)
        return profile

    def _redirect_of(self, shopper: ShopperId) -> str:
        profile = self._profiles.get(shopper)
        return "" if profile is None else profile.redirect

    def _fire(self, profile: Profile, until: EventTime) -> None:
        parts = self._parts
        if parts.campaigns is not None:
            for verdict in fire(profile, until, parts.campaigns, parts.policy, parts.side):
                self._note(verdict)

    def _note(self, verdict: Verdict) -> None:
        totals = self._totals
        reasons = totals.reasons
        if verdict.not_live:
            reasons["not_live"] += verdict.not_live
        if verdict.not_eligible:
            reasons["not_eligible"] += verdict.not_eligible
        if verdict.stale:
            reasons["stale"] += 1
        decision, promotion = verdict.decision, verdict.promotion
        if decision is None:
            return
        trigger = decision.trigger
        totals.rows.append(
            Row(
                EventTime(trigger.at),
                digest_of(trigger.message_id),
                ShopperId(decision.user_id),
                decision_json(decision),
                None if promotion is None else promotion_json(promotion),
            )
        )
        totals.decisions += 1
        totals.outcomes[decision.outcome.value] += 1
        if decision.outcome is Outcome.OFFERED and decision.campaign_id is not None:
            totals.offered_by_campaign[decision.campaign_id] += 1
        for candidate in decision.candidates:
            if candidate.reason is not None:
                reasons[candidate.reason] += 1

    def _note_revoked(self, revoked: Iterable[Revocation]) -> None:
        for revocation in revoked:
            trigger, line = revocation.trigger, revocation_json(revocation)
            place = EventTime(trigger.at), digest_of(trigger.message_id), ShopperId(revocation.user_id)
            self._totals.rows.append(Row(*place, None, line))
            self._totals.revoked[revocation.reason.value] += 1

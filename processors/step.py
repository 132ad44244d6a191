"""One event's whole way through a profile: its timers first, then fold, take back, decide, remember.

Worker, replay and demo run this very function; only `processors.timers` (a tick, in the silence) and
`processors.identity` (two profiles become one) change a profile besides.
"""

from collections.abc import Sequence

from msgspec import Struct

from processors.campaigns import Campaigns
from processors.decision import NO_SCORES, SideInputs, Verdict, decide, remember
from processors.fold import fold
from processors.policy import ProfilePolicy
from processors.revoking import bought_in, may_revoke, revoke
from processors.timers import fire, put_off
from schemas.decisions import Revocation, Trigger
from schemas.events import ShopEvent
from schemas.ids import Tags
from schemas.profiles import Profile


class StepResult(Struct, frozen=True, gc=False):
    """`applied` False: the messageId was seen before.

    `verdicts`: of the timers that were due before the event, by deadline, then its own, if it triggers anything.
    `revoked`: offers that hold no longer since the event.
    """

    applied: bool
    verdicts: tuple[Verdict, ...] = ()
    revoked: tuple[Revocation, ...] = ()


_DUPLICATE = StepResult(False)
_APPLIED = StepResult(True)


def step(
    profile: Profile,
    event: ShopEvent,
    tags: Sequence[Tags],
    campaigns: Campaigns | None,
    policy: ProfilePolicy,
    side: SideInputs,
) -> StepResult:
    """Apply one event in place and decide what it triggers; `campaigns` None decides nothing.

    A caller that keeps `profile.positions` moves them before this, so that the record holds the trigger.
    """
    if campaigns is None:
        return _APPLIED if fold(profile, event, tags, policy) else _DUPLICATE
    at, name = event.envelope.at, event.name
    verdicts: list[Verdict] = []
    if at > profile.last_seen and (campaigns.timers or profile.pending):
        verdicts = fire(profile, at, campaigns, policy, side)
    if not fold(profile, event, tags, policy):
        return StepResult(False, tuple(verdicts)) if verdicts else _DUPLICATE
    revoked: list[Revocation] = []
    if profile.offers:
        bought = bought_in(event)
        if may_revoke(profile, bought, campaigns, side):
            revoked = revoke(profile, trigger_of(event), bought, campaigns, side)
    if name in campaigns.delays:
        put_off(profile, name, at, campaigns, policy)
    if name in campaigns.by_trigger:
        verdict = decide(profile, trigger_of(event), NO_SCORES, campaigns, side)
        if verdict.decision is not None:
            remember(profile, verdict.decision, campaigns)
        verdicts.append(verdict)
    if not verdicts and not revoked:
        return _APPLIED
    return StepResult(True, tuple(verdicts), tuple(revoked))


def trigger_of(event: ShopEvent) -> Trigger:
    """Return an event as the trigger of a decision, or of an offer's end."""
    envelope = event.envelope
    return Trigger(event.name.value, envelope.message_id, envelope.at)

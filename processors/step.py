"""One event's whole way through a profile: fold, then decide, then remember what was decided.

Worker, replay and demo run this very function; nothing else changes a profile.
"""

from collections.abc import Sequence

from msgspec import Struct

from processors.campaigns import Campaigns
from processors.decision import NO_SCORES, SideInputs, Verdict, decide, remember
from processors.fold import fold
from processors.policy import ProfilePolicy
from schemas.decisions import Trigger
from schemas.events import ShopEvent
from schemas.ids import Tags
from schemas.profiles import Profile


class StepResult(Struct, frozen=True, gc=False):
    """`applied` False: the messageId was seen before. `verdict` None: the event triggers nothing."""

    applied: bool
    verdict: Verdict | None


_DUPLICATE = StepResult(False, None)
_APPLIED = StepResult(True, None)


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
    if not fold(profile, event, tags, policy):
        return _DUPLICATE
    if campaigns is None or event.name not in campaigns.by_trigger:
        return _APPLIED
    envelope = event.envelope
    trigger = Trigger(event.name.value, envelope.message_id, envelope.at)
    verdict = decide(profile, trigger, NO_SCORES, campaigns, side)
    if verdict.decision is not None:
        remember(profile, verdict.decision, campaigns)
    return StepResult(True, verdict)

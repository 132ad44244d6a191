"""What time alone sets off: a cart left behind, a visit that ended, and what a campaign put off with `after`.

Deadlines are views of the profile, never stored, so that whatever happens before one moves or cancels it: a
new change of the cart moves Cart Abandoned, an order that takes its last product cancels it. A deadline fires
once, after all that was known before it and before the first event at or after it; a tick may do so earlier,
in the silence. Both ways the trigger has the deadline as its time and the same id, and the profile it is
decided on is the same one. Timers touch no counter, `first_seen`, `last_seen` or `recent` (ruling 9).
"""

from collections.abc import Iterator

from processors import orders
from processors.campaigns import Campaigns
from processors.decision import NO_SCORES, NOTHING, Verdict, decide, remember
from processors.ids import timer_id
from processors.policy import ProfilePolicy
from processors.side_inputs import SideInputs
from processors.views import cart_at
from schemas.decisions import Trigger
from schemas.events import TimerName
from schemas.ids import EventTime
from schemas.profiles import Pending, Profile


def fire(
    profile: Profile, until: EventTime, campaigns: Campaigns, policy: ProfilePolicy, side: SideInputs
) -> list[Verdict]:
    """Decide, in place, what every deadline up to `until` triggers, in order of deadline, then name."""
    verdicts: list[Verdict] = []
    while (due := _next_due(profile, campaigns, policy, until)) is not None:
        deadline, names = due
        for name in names:
            message_id = timer_id(profile.shopper, name, deadline)
            verdict = decide(profile, Trigger(name, message_id, deadline), NO_SCORES, campaigns, side)
            if verdict.decision is not None:
                remember(profile, verdict.decision, campaigns)
            verdicts.append(verdict)
        profile.timers_at = deadline
        if profile.pending:
            profile.pending = [entry for entry in profile.pending if entry.deadline > deadline]
        for name in names:
            put_off(profile, name, deadline, campaigns, policy)
    return [verdict for verdict in verdicts if verdict is not NOTHING]


def next_deadline(profile: Profile, campaigns: Campaigns, policy: ProfilePolicy) -> EventTime | None:
    """Return when the silent shopper's next timer is due, if any campaign waits for one: when to tick."""
    due = _next_due(profile, campaigns, policy, None)
    return None if due is None else due[0]


def put_off(profile: Profile, name: str, at: EventTime, campaigns: Campaigns, policy: ProfilePolicy) -> None:
    """Note what the campaigns with `after` shall be asked later because of an event, or timer, of that name."""
    delays = campaigns.delays.get(name)
    if delays is None:
        return
    passed = _passed(profile)
    waiting = {entry for entry in profile.pending if entry.deadline > passed}
    waiting.update(Pending(EventTime(at + ms), later) for ms, later in delays if at + ms > passed)
    # The newest stay, as in every log.
    profile.pending = sorted(waiting)[-policy.pending_max :]


def _passed(profile: Profile) -> EventTime:
    """Return the time up to which every deadline has fired or never will: a late event fires nothing."""
    return max(profile.last_seen, profile.timers_at)


def _next_due(
    profile: Profile, campaigns: Campaigns, policy: ProfilePolicy, until: EventTime | None
) -> tuple[EventTime, list[str]] | None:
    """Return the next deadline that fires, not after `until`, with the names that fire then, sorted."""
    passed = _passed(profile)
    nearest, names = until, list[str]()
    for deadline, name in _deadlines(profile, campaigns, policy):
        if deadline <= passed or (nearest is not None and deadline > nearest):
            continue
        if name == TimerName.CART_ABANDONED and not cart_at(profile, deadline, policy):
            continue
        if nearest is None or deadline < nearest:
            names.clear()  # an earlier one: those before it wait
        nearest = deadline
        names.append(name)
    return None if nearest is None or not names else (nearest, sorted(names))


def _deadlines(
    profile: Profile, campaigns: Campaigns, policy: ProfilePolicy
) -> Iterator[tuple[EventTime, str]]:
    """Yield all deadlines that campaigns wait for, passed ones too."""
    for entry in profile.pending:
        yield entry.deadline, entry.name
    for timer in campaigns.timers:
        since, wait_ms = _since(profile, timer, policy)
        if since is not None:
            yield EventTime(since + wait_ms), timer.value


def _since(profile: Profile, timer: TimerName, policy: ProfilePolicy) -> tuple[EventTime | None, int]:
    """Return what a timer counts from, and for how long (ms)."""
    match timer:
        case TimerName.CART_ABANDONED:
            return (profile.cart_log[-1].at if profile.cart_log else None), policy.cart_abandoned_ms
        case TimerName.SESSION_ENDED:
            return (profile.recent[-1].at if profile.recent else None), policy.session_ended_ms
        case TimerName.DAYS_WITHOUT_VISIT:
            return (profile.last_seen if profile.last_seen >= 0 else None), policy.without_visit_ms
        case TimerName.ORDER_ANNIVERSARY:
            counted = (orders.time_of(order) for order in profile.orders_log if orders.is_counted(order))
            return max(counted, default=None), policy.anniversary_ms

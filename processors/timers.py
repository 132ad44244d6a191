"""What time alone sets off: a cart left behind, a visit that ended, and what a campaign put off with `after`.

Deadlines are views of the profile, never stored, so that whatever happens before one moves or cancels it: a
new change of the cart moves Cart Abandoned, an order that takes its last product cancels it. A deadline fires
once, after all that was known before it and before the first event at or after it; a tick may do so earlier,
in the silence. Both ways the trigger has the deadline as its time and the same id, and the profile it is
decided on is the same one. Timers touch no counter, `first_seen`, `last_seen` or `recent` (ruling 9).
"""

from collections.abc import Callable, Mapping

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

#: Later than any deadline.
_END = EventTime(1 << 62)


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
    due = _next_due(profile, campaigns, policy, _END)
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
    profile: Profile, campaigns: Campaigns, policy: ProfilePolicy, until: EventTime
) -> tuple[EventTime, list[str]] | None:
    """Return the next deadline that fires, not after `until`, with the names that fire then, sorted."""
    passed, nearest = _passed(profile), until
    names: list[str] = []
    for entry in profile.pending:
        if entry.deadline > nearest:
            break  # they are sorted
        if entry.deadline > passed:
            nearest = entry.deadline
            names.append(entry.name)
    for timer in campaigns.timers:
        deadline = _DEADLINES[timer](profile, policy)
        if passed < deadline <= nearest and _holds(profile, timer, deadline, policy):
            if deadline < nearest:
                names.clear()
            nearest = deadline
            names.append(timer.value)
    return (nearest, sorted(names)) if names else None


def _holds(profile: Profile, timer: TimerName, deadline: EventTime, policy: ProfilePolicy) -> bool:
    return timer is not TimerName.CART_ABANDONED or bool(cart_at(profile, deadline, policy))


def _cart_abandoned(profile: Profile, policy: ProfilePolicy) -> EventTime:
    log = profile.cart_log
    return EventTime(log[-1].at + policy.cart_abandoned_ms) if log else _NEVER


def _session_ended(profile: Profile, policy: ProfilePolicy) -> EventTime:
    recent = profile.recent
    return EventTime(recent[-1].at + policy.session_ended_ms) if recent else _NEVER


def _days_without_visit(profile: Profile, policy: ProfilePolicy) -> EventTime:
    return EventTime(profile.last_seen + policy.without_visit_ms) if profile.last_seen >= 0 else _NEVER


def _order_anniversary(profile: Profile, policy: ProfilePolicy) -> EventTime:
    newest = max((orders.time_of(o) for o in profile.orders_log if orders.is_counted(o)), default=None)
    return _NEVER if newest is None else EventTime(newest + policy.anniversary_ms)


#: Deadlines count only after what has passed, and this never does.
_NEVER = EventTime(-2)
#: One entry per timer: a timer without one is a KeyError in the first test.
_DEADLINES: Mapping[TimerName, Callable[[Profile, ProfilePolicy], EventTime]] = {
    TimerName.CART_ABANDONED: _cart_abandoned,
    TimerName.SESSION_ENDED: _session_ended,
    TimerName.DAYS_WITHOUT_VISIT: _days_without_visit,
    TimerName.ORDER_ANNIVERSARY: _order_anniversary,
}

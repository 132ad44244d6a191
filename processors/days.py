"""Counts per UTC day, for the newest days counted back from the day of `last_seen` (ruling 20)."""

from processors.policy import ProfilePolicy
from schemas.ids import Day, EventTime, day_of
from schemas.profiles import DayCounts, Profile


def counts_of(profile: Profile, at: EventTime, policy: ProfilePolicy) -> DayCounts | None:
    """Return the counts of the day of `at`, made if need be; None when that day is out of the window."""
    day = day_of(at)
    counts = profile.days.get(day)
    if counts is None and day > oldest_day(profile, policy) - 1:
        counts = profile.days[day] = DayCounts()
    return counts


def oldest_day(profile: Profile, policy: ProfilePolicy) -> Day:
    """Return the first day of the window."""
    return Day(day_of(profile.last_seen) - policy.days_max + 1)


def forget_old(profile: Profile, policy: ProfilePolicy) -> None:
    """Drop the days before the window, after `last_seen` moved on."""
    oldest = oldest_day(profile, policy)
    for day in [day for day in profile.days if day < oldest]:
        del profile.days[day]

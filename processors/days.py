"""Counts per UTC day, for the newest days counted back from the day of `last_seen` (ruling 20)."""

from collections.abc import Mapping

from processors.policy import ProfilePolicy
from schemas.ids import MS_PER_DAY, Day, EventTime, Minor, day_of
from schemas.profiles import DayCounts, Profile


def counts_of(profile: Profile, at: EventTime, policy: ProfilePolicy) -> DayCounts | None:
    """Return the counts of the day of `at`, made if need be; None when that day is out of the window."""
    day = at // MS_PER_DAY  # `day_of`, without its call: this runs for every event
    counts = profile.days.get(day)
    if counts is None and day > oldest_day(profile, policy) - 1:
        counts = profile.days[day] = DayCounts()
    return counts


def join(profile: Profile, others: Mapping[int, DayCounts], policy: ProfilePolicy) -> None:
    """Add the days of another profile; `last_seen` is that of both already."""
    forget_old(profile, policy)
    oldest = oldest_day(profile, policy)
    for day, other in others.items():
        if day >= oldest:
            counts = profile.days.setdefault(day, DayCounts())
            counts.views += other.views
            counts.clicks += other.clicks
            counts.searches += other.searches
            counts.cart_adds += other.cart_adds
            counts.orders += other.orders
            counts.spend = Minor(counts.spend + other.spend)


def oldest_day(profile: Profile, policy: ProfilePolicy) -> Day:
    """Return the first day of the window."""
    return Day(day_of(profile.last_seen) - policy.days_max + 1)


def forget_old(profile: Profile, policy: ProfilePolicy) -> None:
    """Drop the days before the window, after `last_seen` moved on."""
    oldest = oldest_day(profile, policy)
    for day in [day for day in profile.days if day < oldest]:
        del profile.days[day]

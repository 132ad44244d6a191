"""Quiet hours against a walk from minute to minute, in zones that change their clocks in odd ways."""

from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from processors.quiet_hours import Quiet, minutes_of, quiet_until
from schemas.campaigns import QuietHours
from schemas.ids import EventTime
from tests.oracle.decisions import first_loud
from tests.support.histories import some_histories
from tests.support.story import DAY, MINUTE

#: Half-hour daylight saving, changes at midnight, a day left out (Samoa, end of 2011), quarter-hour offsets.
ZONES = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia"),
    *("Asia/Kathmandu", "Africa/Casablanca", "America/Santiago", "UTC"),
)
#: Some days around which these zones change their clocks.
CHANGES = (1_774_746_000_000, 1_792_890_000_000, 1_772_953_200_000, 1_325_203_200_000, 1_775_314_800_000)
clocks = st.integers(0, 24 * 60 - 1).map(lambda minute: f"{minute // 60:02d}:{minute % 60:02d}")


@some_histories
@given(st.sampled_from(ZONES), clocks, clocks, st.sampled_from(CHANGES), st.integers(-2 * DAY, 2 * DAY))
def test_quiet_ends_at_the_first_moment_that_is_not_quiet(
    zone: str, start: str, end: str, near: int, off: int
) -> None:
    if start == end:
        return
    at = EventTime(near + off)
    found = quiet_until(Quiet(minutes_of(start), minutes_of(end)), at, zone)
    assert found == first_loud(QuietHours(from_=start, to=end), at, ZoneInfo(zone))


@some_histories
@given(st.sampled_from(ZONES), st.sampled_from(CHANGES), st.integers(-3 * 60, 3 * 60))
def test_the_hour_of_a_change_is_as_exact_as_any_other(zone: str, near: int, minutes: int) -> None:
    at = EventTime(near + minutes * MINUTE)
    for start, end in (("01:30", "02:30"), ("02:30", "03:30"), ("23:30", "00:30"), ("03:10", "02:30")):
        found = quiet_until(Quiet(minutes_of(start), minutes_of(end)), at, zone)
        assert found == first_loud(QuietHours(from_=start, to=end), at, ZoneInfo(zone))

import pytest

from processors.quiet_hours import Quiet, local_time, minutes_of, quiet_until, zone_name
from schemas.ids import EventTime
from schemas.timestamps import iso_utc, parse_time
from tests.support.story import MONDAY, profile_of, track

NIGHT = ("21:00", "08:00")


def until(hours: tuple[str, str], at: str, zone: str) -> str | None:
    start, end = hours
    time = parse_time(at)
    assert time is not None
    found = quiet_until(Quiet(minutes_of(start), minutes_of(end)), time, zone)
    return None if found is None else iso_utc(found).removesuffix(":00.000Z")


@pytest.mark.parametrize(
    ("hours", "at", "zone", "end"),
    [
        (NIGHT, "2026-01-10T19:59:59.999Z", "Europe/Berlin", None),
        (NIGHT, "2026-01-10T20:00:00Z", "Europe/Berlin", "2026-01-11T07:00"),
        (NIGHT, "2026-01-11T06:59:59.999Z", "Europe/Berlin", "2026-01-11T07:00"),
        (NIGHT, "2026-01-11T07:00:00Z", "Europe/Berlin", None),
        (NIGHT, "2026-01-10T20:00:00Z", "Asia/Kolkata", "2026-01-11T02:30"),
        (("12:00", "14:00"), "2026-01-10T13:59:00Z", "UTC", "2026-01-10T14:00"),
        # The night is an hour shorter, and an hour longer.
        (NIGHT, "2026-03-28T22:00:00Z", "Europe/Berlin", "2026-03-29T06:00"),
        (NIGHT, "2026-10-24T22:00:00Z", "Europe/Berlin", "2026-10-25T07:00"),
        # 02:30 does not exist, and exists twice: the jump ends it, and the first of the two.
        (("22:00", "02:30"), "2026-03-29T00:30:00Z", "Europe/Berlin", "2026-03-29T01:00"),
        (("22:00", "02:30"), "2026-10-25T00:00:00Z", "Europe/Berlin", "2026-10-25T00:30"),
        (("22:00", "02:30"), "2026-10-25T01:10:00Z", "Europe/Berlin", "2026-10-25T01:30"),
        (("22:00", "02:30"), "2026-10-25T00:45:00Z", "Europe/Berlin", None),
    ],
)
def test_quiet_hours_end_by_the_wall_clock(
    hours: tuple[str, str], at: str, zone: str, end: str | None
) -> None:
    assert until(hours, at, zone) == end


def test_the_shoppers_time_zone_counts_if_it_is_one_else_the_shops() -> None:
    def zone(name: str) -> str:
        event = track("Product Viewed", MONDAY, product_id="p", context={"timezone": name})
        return zone_name(profile_of(event), "Europe/Berlin")

    assert zone("Asia/Kolkata") == "Asia/Kolkata"
    for wrong in ("Mars/Base", "../../etc/passwd", "Europe", "\u00e9", "UTC+2", "/etc/localtime"):
        assert zone(wrong) == "Europe/Berlin"
    assert zone_name(profile_of(), "Europe/Berlin") == "Europe/Berlin"


def test_local_time_keeps_milliseconds() -> None:
    assert (
        local_time(EventTime(MONDAY + 1_234), "Asia/Kolkata").isoformat()
        == "2026-03-02T05:30:01.234000+05:30"
    )

"""When a shop keeps quiet: from a local time of day to another one, over midnight and clock changes."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from schemas.ids import EventTime
from schemas.profiles import Profile


class Quiet(Struct, frozen=True):
    """Minutes after local midnight: quiet from `start` (included) to `end` (excluded), never equal."""

    start: int
    end: int


def minutes_of(clock: str) -> int:
    """Return the minutes after midnight of a checked time of day.

    >>> minutes_of("21:30")
    1290
    """
    return int(clock[:2]) * 60 + int(clock[3:])


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """Return a time zone, or None for a name that is none: shoppers' browsers send all sorts of texts."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return None


def zone_name(profile: Profile, shop_zone: str) -> str:
    """Return the shopper's time zone if it is known, else the shop's."""
    stated = profile.traits.get("timezone")
    if stated is not None and isinstance(stated.value, str) and zone_of(stated.value) is not None:
        return stated.value
    return shop_zone


def local_time(at: EventTime, zone: str) -> datetime:
    """Return the wall clock of a known zone, to the millisecond."""
    utc = datetime.fromtimestamp(at // 1000, UTC) + timedelta(milliseconds=at % 1000)
    return utc.astimezone(zone_of(zone) or UTC)


def quiet_until(quiet: Quiet, at: EventTime, zone: str) -> EventTime | None:
    """Return when the quiet hours that hold at `at` end, or None when it is not quiet then."""
    local = local_time(at, zone)
    if not _is_quiet(quiet, local):
        return None
    minute = local.hour * 60 + local.minute
    day = local.date() + timedelta(days=1 if quiet.start > quiet.end and minute >= quiet.start else 0)
    hour, minute = divmod(quiet.end, 60)
    # Of two equal wall times in autumn the later one: only then is it over for good.
    end = datetime(day.year, day.month, day.day, hour, minute, tzinfo=local.tzinfo, fold=1)
    late = _instant(end.replace(fold=0))
    if local_time(late, zone).replace(tzinfo=None) == end.replace(tzinfo=None, fold=0):
        return _instant(end)
    # In spring the clock may jump over the end: quiet ends with the jump, somewhere in between.
    return _first_loud(quiet, _instant(end), late, zone)


def _first_loud(quiet: Quiet, early: EventTime, late: EventTime, zone: str) -> EventTime:
    while late - early > 1:
        middle = EventTime((early + late) // 2)
        if _is_quiet(quiet, local_time(middle, zone)):
            early = middle
        else:
            late = middle
    return late


def _is_quiet(quiet: Quiet, local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    if quiet.start < quiet.end:
        return quiet.start <= minute < quiet.end
    return minute >= quiet.start or minute < quiet.end


def _instant(local: datetime) -> EventTime:
    return EventTime(round(local.timestamp()) * 1000)

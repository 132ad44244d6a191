"""When a shop keeps quiet: from a local time of day to another one, over midnight and clock changes."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from schemas.ids import MS_PER_DAY, EventTime
from schemas.profiles import Profile

_MS_PER_MINUTE = 60_000
_MS = timedelta(milliseconds=1)


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
    """Return the first moment after `at` whose wall clock is not quiet, or None when it is not quiet at `at`.

    Clocks that jump over the end in spring end it with the jump; in autumn the first of two equal wall
    times ends it.
    """
    offset = _offset_ms(at, zone)
    if not _is_quiet(quiet, at, offset):
        return None
    end = _end_of(quiet, at, offset)
    if _offset_ms(end, zone) == offset:
        return end
    changed = _change_between(at, end, zone)
    offset = _offset_ms(changed, zone)
    return _end_of(quiet, changed, offset) if _is_quiet(quiet, changed, offset) else changed


def _is_quiet(quiet: Quiet, at: EventTime, offset: int) -> bool:
    minute = (at + offset) % MS_PER_DAY // _MS_PER_MINUTE
    if quiet.start < quiet.end:
        return quiet.start <= minute < quiet.end
    return minute >= quiet.start or minute < quiet.end


def _end_of(quiet: Quiet, at: EventTime, offset: int) -> EventTime:
    """Return when the wall clock shows the end next, should the offset stay as it is."""
    return EventTime(at + (quiet.end * _MS_PER_MINUTE - (at + offset)) % MS_PER_DAY)


def _change_between(before: EventTime, after: EventTime, zone: str) -> EventTime:
    """Return the first moment with the new offset; clocks change at most once in a day."""
    old = _offset_ms(before, zone)
    while after - before > 1:
        middle = EventTime((before + after) // 2)
        if _offset_ms(middle, zone) == old:
            before = middle
        else:
            after = middle
    return after


def _offset_ms(at: EventTime, zone: str) -> int:
    offset = datetime.fromtimestamp(at // 1000, zone_of(zone) or UTC).utcoffset()
    return 0 if offset is None else offset // _MS

"""Event times as shops write them, to integer milliseconds since 1970 UTC (ruling 45)."""

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from math import floor, isfinite
from typing import Any

from schemas.ids import MS_PER_DAY, EventTime

#: Accepted times start here: 2000-01-01T00:00:00Z (ruling 8).
EARLIEST = EventTime(946_684_800_000)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):?([0-9]{2}))?)?"
)
_DIGITS = re.compile(r"0*([0-9]{1,18})")


def parse_time(text: str) -> EventTime | None:
    """Return the time in ms, or None when the text is none of the accepted forms.

    RFC 3339 with `T` or a space, up to 9 fraction digits (floored), `Z`, `+hh:mm`, `+hhmm` or no zone
    (UTC), a date alone (midnight), or digits only (epoch ms).

    >>> parse_time("2026-11-01 01:00:00.9999+0100")
    1793491200999
    """
    if digits := _DIGITS.fullmatch(text):
        return EventTime(int(digits[1]))
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = match.groups()
    try:
        ordinal = date(int(year), int(month), int(day)).toordinal()
    except ValueError:
        return None
    at = (ordinal - _EPOCH_ORDINAL) * MS_PER_DAY
    if hour is None:
        return EventTime(at)
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        return None
    at += (int(hour) * 3600 + int(minute) * 60 + int(second)) * 1000
    if fraction:
        at += int(fraction[:3].ljust(3, "0"))
    if sign:
        if int(zone_hour) > 23 or int(zone_minute) > 59:
            return None
        shift = (int(zone_hour) * 60 + int(zone_minute)) * 60_000
        at += -shift if sign == "+" else shift
    return EventTime(at)


def parse_utc(text: str) -> EventTime | None:
    """Return the time of the one form that most shops send, `2026-11-01T00:00:00.000Z`, quickly.

    None means "ask `parse_time`", not "wrong".
    """
    ms = _MILLISECONDS.get(text[20:])
    if ms is None:
        return None
    second = _second_of(text[:20])
    if second is None:
        return None
    at: EventTime = second + ms
    return at


#: The last four characters, and with them the length. `Any` spares every event a call of `EventTime`.
_MILLISECONDS: dict[str, Any] = {f"{ms:03d}Z": ms for ms in range(1000)}


@lru_cache(maxsize=8192)  # events come in bursts: most of them share their second with others
def _second_of(text: str) -> int | None:
    """Return the time of `2026-11-01T00:00:00.`, or None."""
    if text[19] != "." or text[10] != "T" or text[13] + text[16] != "::" or text[4] != "-":
        return None
    if text[5] == "W" or text[11:13] == "24":  # fromisoformat also reads ISO weeks, and 24:00 from 3.13 on
        return None
    try:
        when = datetime.fromisoformat(text[:19])
    except ValueError:
        return None
    seconds = when.hour * 3600 + when.minute * 60 + when.second
    return (when.toordinal() - _EPOCH_ORDINAL) * MS_PER_DAY + seconds * 1000


def from_number(value: int | float) -> EventTime | None:
    """Return epoch ms from a JSON number, floored; None when it is not finite."""
    if isinstance(value, float) and not isfinite(value):
        return None
    return EventTime(floor(value))


def iso_utc(at: int) -> str:
    """Return an event time as people read it.

    >>> iso_utc(1793491200999)
    '2026-11-01T00:00:00.999Z'
    """
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at % 1000:03d}Z"

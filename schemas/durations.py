"""Durations as campaign files write them: `30m`, `48h`, `7d`."""

import re

from schemas.ids import MS_PER_DAY

#: For JSON Schemas and messages: a whole number of at least 1, then its unit.
PATTERN = "^[1-9][0-9]{0,5}[mhd]$(?!\\n)"  # Python's `$` alone would let a last line break pass
_MS = {"m": 60_000, "h": 3_600_000, "d": MS_PER_DAY}
_WORDS = {"m": "minute", "h": "hour", "d": "day"}
_DURATION = re.compile(PATTERN)


def duration_ms(text: str) -> int:
    """Return milliseconds; the text has the form of `PATTERN`.

    >>> duration_ms("90m"), duration_ms("2d")
    (5400000, 172800000)
    """
    assert _DURATION.match(text), "checked when the file was read"
    return int(text[:-1]) * _MS[text[-1]]


def shortest(ms: int) -> str:
    """Return the duration in its largest whole unit; `ms` is a whole number of minutes.

    >>> shortest(duration_ms("72h")), shortest(duration_ms("90m"))
    ('3d', '90m')
    """
    unit = next(unit for unit in ("d", "h", "m") if not ms % _MS[unit])
    return f"{ms // _MS[unit]}{unit}"


def duration_words(text: str) -> str:
    """Return a duration as people say it.

    >>> duration_words("7d"), duration_words("1h")
    ('7 days', '1 hour')
    """
    count, unit = text[:-1], _WORDS[text[-1]]
    return f"{count} {unit}" if count == "1" else f"{count} {unit}s"

"""`beckon bench memory`: bytes per profile, at rest and in memory, by how much a shopper did.

Every figure of memory is the growth of a fresh process that makes nothing but that. The baseline of the same call
is what the profile says as JSON text, held in the same kind of dict.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from random import Random

from msgspec import Struct

from benchmarks.core import FILLING, event_of
from benchmarks.process import ROOT, BenchError, resident_mb
from benchmarks.report import aligned
from processors.fold import fold
from processors.policy import ProfilePolicy
from processors.profile_page import profile_line
from processors.tagging import category_tags
from schemas.catalog import NO_CATALOG
from schemas.codec import decode_profile, encode_profile
from schemas.ids import ShopperId
from schemas.profiles import Profile
from streams.records import profile_json

#: Events per shopper; the last one brings every bounded part of a profile to its bound.
ACTIVITY = (1, 3, 10, 50, 200, FILLING)
_POLICY = ProfilePolicy()
_TEMPLATES = 20
#: Enough of them that pages, and the interpreter's own growth, do not matter.
_BYTES_MIN = 30_000_000


class Line(Struct, frozen=True):
    """Bytes per profile of a shopper with so many events.

    `changelog` is the record's value, `at_rest` what it takes as bytes in a dict, `decoded` as objects ready
    for the fold; `json` is the baseline in a dict.
    """

    events: int
    changelog: int
    at_rest: int
    decoded: int
    json: int


class Report(Struct, frozen=True):
    """`ratio`: at rest in bytes of the baseline, by events."""

    profiles: int
    lines: list[Line]
    ratio: dict[str, float]
    up_to_ten_mean: int


def run(profiles: int) -> Report:
    """Measure all activities, with at least so many profiles each."""
    lines = []
    for events in ACTIVITY:
        sizes = [len(encode_profile(profile)) for profile in templates(events)]
        grown = {kind: _grown(kind, events, profiles) for kind in _KINDS}
        changelog = round(sum(sizes) / len(sizes))
        lines.append(Line(events, changelog, grown["at_rest"], grown["decoded"], grown["json"]))
    few = [line.at_rest for line in lines if line.events <= 10]
    ratio = {str(line.events): round(line.at_rest / line.json, 2) for line in lines}
    return Report(profiles, lines, ratio, round(sum(few) / len(few)))


def table(report: Report) -> str:
    """Return the report as people read it."""
    rows: list[tuple[str, ...]] = [
        ("events of the shopper", "changelog", "at rest", "decoded", "JSON at rest", "ratio")
    ]
    for line in report.lines:
        sizes = (line.changelog, line.at_rest, line.decoded, line.json)
        cells = [f"{size:,}" for size in sizes]
        rows.append((f"{line.events:,}", *cells, f"{report.ratio[str(line.events)]:.2f}"))
    footer = f"bytes per profile; mean at rest of shoppers with 1, 3 and 10 events: {report.up_to_ten_mean:,}"
    return "\n".join([*aligned(rows), "", footer])


def templates(events: int) -> list[Profile]:
    """Return profiles of shoppers who did so much; the same ones every time."""
    random = Random("memory")
    found = []
    for number in range(_TEMPLATES):
        profile = Profile(ShopperId(f"u{number:07d}"))
        for place in range(events):
            event = event_of(profile.shopper, place, random)
            fold(profile, event, category_tags(event, NO_CATALOG), _POLICY)
        found.append(profile)
    return found


def _as_json(profile: Profile) -> bytes:
    return profile_json(profile_line(profile, profile.last_seen, _POLICY))


#: How a profile is held, made anew from its bytes every time: nothing is shared between two of them.
_KINDS: Mapping[str, Callable[[Profile], object]] = {
    "at_rest": encode_profile,
    "decoded": lambda profile: decode_profile(encode_profile(profile)),
    "json": _as_json,
}


def _grown(kind: str, events: int, profiles: int) -> int:
    command = [sys.executable, "-m", "benchmarks.memory", kind, str(events), str(profiles)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:]
        raise BenchError("memory", f"{kind} ended with exit code {done.returncode} {last}", "run it by hand")
    return round(float(done.stdout))


def _hold(kind: str, events: int, profiles: int) -> float:
    """Hold profiles and return the bytes that this process grew by, for each."""
    made = templates(events)
    make = _KINDS[kind]
    count = max(profiles, _BYTES_MIN // len(encode_profile(made[0])))
    gc.collect()
    before = resident_mb(os.getpid())
    held = {}
    for number in range(count):
        profile = made[number % len(made)]
        profile.shopper = ShopperId(f"u{number:07d}")
        held[profile.shopper.encode()] = make(profile)
    return (resident_mb(os.getpid()) - before) * 2**20 / len(held)


if __name__ == "__main__":
    sys.stdout.write(str(_hold(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))

"""Files of Snowplow or GA4 records into events: `schemas.adapters` does the reading.

A tracker names user and device in one hit and sends no `identify`. The first hit that shows both is taken as
one, so that what was seen before the login is not lost; `Links.LEAVE` turns that off.
"""

from collections.abc import Callable, Iterable
from enum import Enum, auto
from pathlib import Path

from schemas.adapters.drafts import Adapted, Reading, digest_id
from schemas.decode import Border
from schemas.events import DeadLetter, EventName, Rejection, Skipped
from streams.importers.folder import EventFolder, Report
from streams.sources import HugeLine, lines_of

Read = Callable[[bytes], list[Reading]]


class Links(Enum):
    """What becomes of a device id and a user id in one hit."""

    IDENTIFY = auto()
    LEAVE = auto()


def import_records(files: Iterable[Path], out: Path, read: Read, border: Border, links: Links) -> Report:
    """Read records, one JSON object a line, and write `out`; raise `InputError` for a file that is none."""
    linked: set[tuple[str, str]] = set()
    with EventFolder(out, border) as folder:
        for file in files:
            for number, raw in enumerate(lines_of(file), 1):
                folder.report.lines += 1
                for reading in _read(raw, read):
                    _put(folder, file, number, raw, reading)
                    if links is Links.IDENTIFY and isinstance(reading, Adapted):
                        _link(folder, reading, linked)
        return folder.finish()


def _read(raw: bytes | HugeLine, read: Read) -> list[Reading]:
    if isinstance(raw, HugeLine):
        return [DeadLetter(Rejection.TOO_LARGE, "", "is longer than a record may be")]
    if not raw.strip(b" \t\r"):
        return [DeadLetter(Rejection.TOMBSTONE, "", "has no value")]
    return read(raw)


def _put(folder: EventFolder, file: Path, number: int, raw: bytes | HugeLine, reading: Reading) -> None:
    if isinstance(reading, Skipped):
        folder.report.left_out[reading.kind] += 1
        return
    if isinstance(reading, Adapted):
        folder.report.rows[reading.envelope["event"]] += 1
        letter = folder.put(reading)
    else:
        letter = reading
    if letter is not None:
        folder.reject(file, number, raw, letter)


def _link(folder: EventFolder, adapted: Adapted, linked: set[tuple[str, str]]) -> None:
    user, device = adapted.envelope.get("userId"), adapted.envelope.get("anonymousId")
    if not isinstance(user, str) or not isinstance(device, str) or (device, user) in linked:
        return
    envelope = {
        "type": EventName.IDENTIFY.value,
        "messageId": digest_id("link", device, user),
        "timestamp": adapted.envelope.get("timestamp"),
        "userId": user,
        "anonymousId": device,
    }
    if folder.put(Adapted(envelope, {})) is None:  # a hit without a usable time links nothing
        linked.add((device, user))

"""Canonical envelopes made from a foreign record, each field with the path that it had there."""

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from schemas import rejects
from schemas.events import DeadLetter, EventName, Skipped
from schemas.rejects import Json

#: Our field -> the names that it may have in the foreign object, best first.
Table = Mapping[str, tuple[str, ...]]
#: What trackers write where they know nothing; GA4 exports the words.
_NOTHING = (None, "", "(not set)")


class Part(Struct, frozen=True):
    """An object inside of the foreign record; `path` "" is the record itself."""

    path: str
    fields: Json

    def at(self, name: str) -> str:
        """Return the path of one of its fields."""
        return f"{self.path}.{name}" if self.path else name

    def get(self, *names: str) -> Any:
        """Return the first field that says something, else None."""
        for name in names:
            value = self.fields.get(name)
            if value not in _NOTHING:
                return value
        return None


class Adapted(Struct, frozen=True):
    """A Segment-style `envelope`, ready for the border. `origins`: our field paths -> those of the source."""

    envelope: dict[str, Any]
    origins: dict[str, str]

    def in_origin(self, letter: DeadLetter) -> DeadLetter:
        """Return the border's dead letter with the field's path in the foreign record."""
        return DeadLetter(letter.reason, self.origins.get(letter.field, letter.field), letter.detail)


#: One foreign record holds any number of events; each one has an outcome of its own.
Reading = Adapted | Skipped | DeadLetter


def part_of(path: str, value: Any) -> Part:
    """Return an object of the foreign record; anything else is rejected under its own path."""
    if not isinstance(value, dict):
        rejects.wrong_type(path, "an object", value)
    return Part(path, value)


def parts_of(path: str, value: Any) -> list[Part]:
    """Return a list of objects of the foreign record; null is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        rejects.wrong_type(path, "an array", value)
    return [part_of(f"{path}[{index}]", item) for index, item in enumerate(value)]


class Draft:
    """An envelope in the making, about `event`."""

    def __init__(self, event: EventName, head: dict[str, Any], origins: Mapping[str, str]) -> None:
        self.properties: dict[str, Any] = {}
        self.origins = dict(origins)
        self._envelope = {"type": "track", "event": event.value, **head, "properties": self.properties}

    def take(self, table: Table, *parts: Part) -> None:
        """Fill properties; a field in the first of `parts` wins over the others."""
        self.properties.update(take(table, parts, "properties.", self.origins))

    def put(self, field: str, value: Any, origin: str) -> None:
        """Set one property that no table can describe; None leaves it out."""
        self.origins[f"properties.{field}"] = origin
        if value is not None:
            self.properties[field] = value

    def products(self, lines: Sequence[dict[str, Any]], parts: Sequence[Part], table: Table) -> None:
        """Set `products`, line by line from `parts`."""
        self.properties["products"] = list(lines)
        for index, part in enumerate(parts):
            here = f"properties.products[{index}]"
            self.origins[here] = part.path
            take(table, (part,), f"{here}.", self.origins)

    def done(self) -> Adapted:
        """Return the envelope."""
        return Adapted(self._envelope, self.origins)


def take(table: Table, parts: Sequence[Part], target: str, origins: dict[str, str]) -> dict[str, Any]:
    """Return our fields as far as `parts` have them.

    `origins` learns where each one came from; where none is, the place where it belongs.
    """
    found = {}
    for field, names in table.items():
        origins[target + field] = parts[0].at(names[0])
        hits = ((part, name) for part in parts for name in names if part.get(name) is not None)
        for part, name in hits:
            origins[target + field] = part.at(name)
            found[field] = part.get(name)
            break
    return found


def numbered(message_id: str, index: int) -> str:
    """Return the id of the `index`-th event that one foreign event becomes; the first keeps its id.

    >>> numbered("a", 0), numbered("a", 2)
    ('a', 'a-2')
    """
    return f"{message_id}-{index}" if index else message_id


def digest_id(source: str, *stable: Any) -> str:
    """Return a messageId made of what stays the same whenever the record is read again.

    >>> digest_id("ga4", "purchase", 1) == digest_id("ga4", "purchase", 1)
    True
    """
    text = json.dumps(stable, sort_keys=True, separators=(",", ":"))
    return f"{source}-{blake2b(text.encode(), digest_size=16).hexdigest()}"

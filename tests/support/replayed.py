"""What a replay makes of the same events, and what a worker left in its topics, in the same form."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from processors.profile_page import profile_line
from schemas.codec import decode_profile
from schemas.ids import EventTime
from streams.parts import build, policy_of
from streams.records import profile_json
from streams.replay import Request, replay
from streams.settings import Settings
from tests.support.broker import Broker
from tests.support.shopping import Sent

Json = dict[str, Any]
#: What a replay does not have: the clock's lag, and positions in topics.
_OF_THE_RUN = ("lag_ms", "positions")
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Replayed:
    """A replay's profiles by shopper, its decisions by (shopper, trigger), its summary."""

    profiles: dict[str, Json]
    decisions: dict[tuple[str, str], Json]
    promotions: list[Json]
    summary: Json


def replay_of(events: Iterable[Sent], settings: Settings, folder: Path) -> Replayed:
    """Replay events in a folder, with the tags that the settings name."""
    folder.mkdir(parents=True)
    by_topic: dict[str, list[bytes]] = {}
    for topic, _, value in events:
        by_topic.setdefault(topic, []).append(value)
    files = []
    for topic, values in by_topic.items():
        files.append(folder / f"{topic}.jsonl")
        files[-1].write_bytes(b"\n".join(values) + b"\n")
    request = Request(files=files, out=folder / "out")
    parts = build(settings, tags="model" if settings.models.tags else "category")
    summary = replay(request, parts, lambda *_: None, round(time.time() * 1000))
    return Replayed(
        profiles={line["user_id"]: line for line in _lines(request.out / "profiles.jsonl")},
        decisions={key_of(line): comparable(line) for line in _lines(request.out / "decisions.jsonl")},
        promotions=_lines(request.out / "promotions.jsonl"),
        summary=summary,
    )


def profiles_in(broker: Broker, settings: Settings, as_of: int) -> dict[str, Json]:
    """Return the last value per key of the changelog, as profiles.jsonl has it."""
    policy = policy_of(settings.profile)
    newest = {record.key: record.value for record in broker.records("beckon-profiles-changelog")}
    found = {}
    for key, value in newest.items():
        assert key is not None and value is not None
        profile = decode_profile(value)
        if profile.redirect and profile.first_seen < 0:
            continue  # a moved id has no line (ruling 10)
        line = profile_line(profile, EventTime(as_of), policy)
        found[key.decode()] = msgspec.json.decode(profile_json(line))
    return found


def decisions_in(broker: Broker, shoppers: str = "") -> dict[tuple[str, str], Json]:
    """Return the decisions by (shopper, trigger) of shoppers whose id begins so.

    Fails if a repeated one differs from the first. It may where a shopper's events come through several
    topics: after a crash they can interleave in another way.
    """
    found: dict[tuple[str, str], Json] = {}
    for record in broker.records("decisions"):
        if (record.key or b"").startswith(shoppers.encode()):
            decision = comparable(msgspec.json.decode(record.value or b""))
            assert found.setdefault(key_of(decision), decision) == decision
    return found


def key_of(decision: Json) -> tuple[str, str]:
    """Return shopper and trigger."""
    return decision["user_id"], decision["trigger"]["message_id"]


def comparable(decision: Json) -> Json:
    """Return a decision without what depends on when it was made."""
    kept = {name: value for name, value in decision.items() if name not in _OF_THE_RUN}
    kept["candidates"] = [
        candidate | {"checks": [check for check in candidate["checks"] if check["code"] != "reach"]}
        for candidate in decision["candidates"]
    ]
    return kept


def differing(found: Mapping[str, Json], wanted: Mapping[str, Json]) -> list[str]:
    """Return the shoppers whose profiles differ, floats within the tolerance of ruling 7."""
    users = found.keys() | wanted.keys()
    return sorted(user for user in users if not _same(found.get(user), wanted.get(user)))


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return isinstance(one, float | int) and isinstance(other, float | int) and _close(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= _TOLERANCE + _TOLERANCE * max(abs(one), abs(other))


def _lines(path: Path) -> list[Json]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]

"""The one checker of all faults: it reads topics (what is committed), the ledger, and two models of truth.

Profiles are compared with `tests.oracle`, which shares no code with the product. Decisions and promotions are
compared with a replay of the same events for shoppers whose events come through one topic; for the others, whose
topics interleave as chance has it, only that none is there twice.

- I1: each acknowledged record is in its topic and has come to its end: in a profile or as one dead letter.
- I2: each profile is that of the oracle over the input log, and no position falls in the order of the changelog.
- I3: each decision and each promotion is there once; those of one-topic shoppers are those of the replay.

I4 (mirrors in Redis) has tests of its own; I5 is measured by the run, I6 and I7 by the fault.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from schemas.codec import decode_profile
from schemas.ids import EventTime
from tests.faults.ledger import Ledger
from tests.faults.verdict import Verdict
from tests.oracle import profiles as oracle
from tests.support.broker import Broker, Id, Record
from tests.support.replayed import Json, comparable, differing, key_of, profiles_in, replay_of
from tests.support.shopping import Sent
from tests.support.stand import Stand

_INPUTS = ("clicks", "purchases", "feedback", "identities")
#: Each event of these kinds is one more in the profile's counter.
_COUNTERS = ("views", "clicks", "searches", "cart_adds", "refunds")


@dataclass(frozen=True)
class Expected:
    """What the checker is told of the load. `dead`: values that must become dead letters.

    `in_order`: within each topic a shopper's events come once each and in the order of their times; elsewhere
    decisions depend on arrival, and only their number per trigger is checked. `damage`: values in the changelog that
    a fault wrote there.
    """

    dead: Collection[bytes | None] = field(default_factory=frozenset)
    in_order: bool = True
    damage: Collection[bytes | None] = field(default_factory=frozenset)


def check(stand: Stand, ledger: Ledger, expected: Expected, folder: Path) -> Verdict:
    """Return the verdict on a run; everything has to be committed, and no worker may run any more."""
    verdict, broker = Verdict(events=ledger.done()), stand.broker
    log = _input_log(broker)
    _check_ledger(verdict, ledger, log)
    _check_dead_letters(verdict, broker, {at for at, record in log.items() if record.value in expected.dead})
    good = {at: record for at, record in log.items() if record.value not in expected.dead}
    _check_profiles(verdict, stand, good)
    _check_changelog(verdict, broker, expected.damage)
    decisions = [
        (record, comparable(msgspec.json.decode(record.value or b"")))
        for record in broker.records("decisions")
    ]
    counted = Counter(key_of(decision) for _, decision in decisions)
    verdict.double(counted.total() - len(counted), "decisions")
    promoted = Counter(record.headers["ce_id"].decode() for record in broker.records("promotions"))
    verdict.double(promoted.total() - len(promoted), "promotions")
    if expected.in_order:
        _check_order(verdict, good, [decision for _, decision in decisions])
        _check_decisions(verdict, stand, good, [decision for _, decision in decisions], folder)
    return verdict


def _input_log(broker: Broker) -> dict[Id, Record]:
    return {
        broker.id_of(record.topic, record.partition, record.offset): record
        for topic in _INPUTS
        for record in broker.records(topic)
    }


def _check_ledger(verdict: Verdict, ledger: Ledger, log: Mapping[Id, Record]) -> None:
    gone = [at for at, sent in ledger.acked.items() if at not in log or log[at].value != sent.value]
    held = Counter(record.value for record in log.values())
    claimed: Counter[bytes | None] = Counter(sent.value for sent in ledger.unheeded)
    verdict.miss(len(gone) + (claimed - held).total(), "sends that were done are not in the topics")
    told: Counter[bytes | None] = Counter(sent.value for sent in (*ledger.indeterminate, *ledger.unheeded))
    strangers = Counter(record.value for at, record in log.items() if at not in ledger.acked) - told
    verdict.break_(not strangers, f"{strangers.total()} records in the topics were sent by nobody")


def _check_dead_letters(verdict: Verdict, broker: Broker, wanted: set[Id]) -> None:
    letters = Counter(broker.source_of(record) for record in broker.records("dead-letters"))
    verdict.miss(len(wanted - letters.keys()), "dead letters")
    verdict.double(letters.total() - len(letters), "dead letters")
    good = letters.keys() - wanted
    verdict.break_(not good, f"{len(good)} good events are dead letters: {sorted(good)[:3]}")


def _check_profiles(verdict: Verdict, stand: Stand, good: Mapping[Id, Record]) -> None:
    events = [msgspec.json.decode(record.value or b"") for record in good.values()]
    as_of = max(oracle.millis(event["timestamp"]) for event in events)
    wanted = {line["user_id"]: line for line in oracle.profiles(events, as_of)}
    found = profiles_in(stand.broker, stand.settings, EventTime(as_of))
    short = over = 0
    for user in wanted.keys() | found.keys():
        for name in _COUNTERS:
            more = found.get(user, {}).get(name, 0) - wanted.get(user, {}).get(name, 0)
            short, over = short + max(0, -more), over + max(0, more)
    verdict.miss(short, "events in counters of profiles")
    verdict.double(over, "events in counters of profiles")
    wrong = differing(found, wanted)
    verdict.break_(not wrong, f"{len(wrong)} of {len(wanted)} profiles are not the oracle's: {wrong[:3]}")
    behind = _not_reached(stand.broker, good)
    verdict.miss(len(behind), f"records are beyond the positions of their profiles: {behind[:3]}")


def _not_reached(broker: Broker, good: Mapping[Id, Record]) -> list[Id]:
    """Return the records that the last profile of their key does not hold by its positions."""
    newest = {record.key: record.value for record in broker.records("beckon-profiles-changelog")}
    reached: dict[tuple[bytes, str, int], int] = {}
    for key, value in newest.items():
        assert key is not None
        for source, offset in decode_profile(value or b"").positions.items():
            topic, _, partition = source.rpartition("-")
            at = broker.id_of(topic, int(partition), offset)
            reached[key, at.topic, at.partition] = offset
    return sorted(
        at
        for at, record in good.items()
        if at.offset > reached.get((record.key or b"", at.topic, at.partition), -1)
    )


def _check_changelog(verdict: Verdict, broker: Broker, damage: Collection[bytes | None]) -> None:
    """No position of a profile falls: a zombie that writes over its successor lets one fall."""
    held: dict[tuple[bytes | None, str], int] = {}
    falls = 0
    kept = (each for each in broker.records("beckon-profiles-changelog") if each.value not in damage)
    for record in kept:
        for source, offset in decode_profile(record.value or b"").positions.items():
            falls += offset < held.get((record.key, source), -1)
            held[record.key, source] = offset
    verdict.disorder(falls, "positions fall in the order of the changelog")


def _check_order(verdict: Verdict, good: Mapping[Id, Record], decisions: Iterable[Json]) -> None:
    """What a one-topic shopper's decisions are about comes in the order in which it came in."""
    place = {
        msgspec.json.decode(record.value or b"")["messageId"]: at.offset
        for at, record in good.items()
        if (record.key or b"").startswith(b"one-")
    }
    at: dict[str, int] = defaultdict(lambda: -1)
    turns = 0
    for decision in decisions:
        user, message = key_of(decision)
        if message in place:
            turns += place[message] < at[user]
            at[user] = max(at[user], place[message])
    verdict.disorder(turns, "decisions come after a later one of their shopper")


def _check_decisions(
    verdict: Verdict, stand: Stand, good: Mapping[Id, Record], decisions: list[Json], folder: Path
) -> None:
    events = [
        Sent(at.topic, (record.key or b"").decode(), record.value or b"")
        for at, record in sorted(good.items())
    ]
    replayed = replay_of(events, stand.settings, folder)
    wanted = {key: one for key, one in replayed.decisions.items() if key[0].startswith("one-")}
    found = {key_of(one): one for one in decisions if one["user_id"].startswith("one-")}
    strangers = found.keys() - wanted.keys()
    verdict.miss(len(wanted.keys() - found.keys()), "decisions")
    verdict.break_(not strangers, f"{len(strangers)} decisions that the replay does not make")
    other = [key for key, one in wanted.items() if key in found and found[key] != one]
    verdict.break_(not other, f"{len(other)} decisions differ from the replay's: {other[:2]}")
    _check_promotions(verdict, stand.broker, replayed.promotions)


def _check_promotions(verdict: Verdict, broker: Broker, wanted: Iterable[Json]) -> None:
    ids = {_event_id(one) for one in wanted if one["user_id"].startswith("one-")}
    found = {
        record.headers["ce_id"].decode()
        for record in broker.records("promotions")
        if (record.key or b"").startswith(b"one-")
    }
    verdict.miss(len(ids - found), "promotions")
    verdict.break_(found <= ids, f"{len(found - ids)} promotions that the replay does not make")


def _event_id(promotion: dict[str, Any]) -> str:
    """Return the CloudEvents id that a record of `promotions` must have."""
    return f"{promotion['decision_id']}{'-revoked' if promotion['type'] == 'promotion.revoked' else ''}"

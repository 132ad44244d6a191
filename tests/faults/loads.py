"""What is sent under faults: plain shopping, and shopping with what nobody should send among it."""

import time
from collections.abc import Callable
from random import Random

import msgspec

from tests.faults.checker import Expected
from tests.faults.stand import Load
from tests.support.shopping import STEP_MS, Sent, shopping, view

DAY_MS = 86_400_000
#: Shoppers per load; about 60 events of each at the most.
SHOPPERS = 200
#: A load of 12,000 events spans 50 minutes: one that is all sent at once is not stale yet.
EVENTS = 12_000
_FIVE_MINUTES = 300_000 // STEP_MS
_YEAR_2099_MS = 4_070_908_800_000
_NOW_MS = round(time.time() * 1000)

PILLS = (
    b"",
    b"{",
    b"\xff\xfe",
    b"null",
    b"{}",
    b'"text"',
    b"[" * 100_000,
    b'{"a":' * 33 + b"1" + b"}" * 33,
    b'{"type":"track","event":"Product Viewed","messageId":"\\ud800"}',
    b"\x00\x00\x00\x00\x07registry",
    view("one-0001", "pill", _NOW_MS, price=-1),
    view("one-0001", "pill", _NOW_MS).replace(b'"p1"', b"NaN"),
    view("one-0001", "p" * 101, _NOW_MS),
    view("one-0001", "pill", 1),
    b" " * 300_000 + b"{}",
)


def plain(
    seed: int, *, per_second: float = 250.0, damage: bytes | None = None, careless: bool = False
) -> Load:
    """Return shopping that ends now; `damage` is a value that a fault puts in the changelog."""
    damaged = frozenset([damage]) if damage else frozenset[bytes | None]()
    return Load(_shopping(seed, EVENTS), per_second, Expected(damage=damaged), careless)


def poisoned(seed: int, events: int = EVENTS) -> Load:
    """Return shopping with pills at random places, among the shoppers' own events."""
    rng, sent, dead = Random(seed), list[Sent](), set[bytes | None]()
    for event in _shopping(seed, events):
        sent.append(event)
        if rng.random() < 0.05:
            pill = rng.choice(PILLS)
            dead.add(pill)
            sent.append(Sent("clicks", f"one-{rng.randrange(SHOPPERS):04d}", pill))
    return Load(sent, expected=Expected(dead=dead))


def hot(seed: int, events: int = EVENTS) -> Load:
    """Return shopping of which every second event is one shopper's."""
    sent = _shopping(seed, events)
    for number in range(SHOPPERS, events, 2):
        value = msgspec.json.decode(sent[number].value) | {"userId": "one-0001"}
        sent[number] = Sent("clicks", "one-0001", msgspec.json.encode(value))
    return Load(sent)


def mixed(seed: int, events: int = EVENTS) -> Load:
    """Return shopping in which a third has fields that nobody knows, and some a version that nobody knows."""
    rng, sent, dead = Random(seed), list[Sent](), set[bytes | None]()
    for event in _shopping(seed, events):
        chance = rng.random()
        if chance >= 0.35:
            sent.append(event)
            continue
        new = {"schema_version": 2} if chance < 0.02 else {"schema_version": 1, "invented": {"later": [1]}}
        value = msgspec.json.encode(msgspec.json.decode(event.value) | new)
        sent.append(event._replace(value=value))
        if chance < 0.02:
            dead.add(value)
    return Load(sent, expected=Expected(dead=dead))


def disturbed(seed: int, events: int = EVENTS) -> Load:
    """Return shopping of which 10 % come twice, all shuffled within 5 minutes, 1 % two days late, 1 % from 2099."""
    rng, placed, dead = Random(seed), list[tuple[float, Sent]](), set[bytes | None]()
    for number, event in enumerate(_shopping(seed, events)):
        chance = rng.random()
        sent = event
        if chance < 0.01:
            sent = _at(event, lambda at: at - 2 * DAY_MS)
        elif chance < 0.02:
            sent = _at(event, lambda at: _YEAR_2099_MS)
            dead.add(sent.value)
        for _ in range(2 if rng.random() < 0.1 else 1):
            placed.append((number + rng.random() * _FIVE_MINUTES, sent))
    placed.sort(key=lambda one: one[0])
    return Load([event for _, event in placed], expected=Expected(dead=dead, in_order=False))


def _shopping(seed: int, events: int) -> list[Sent]:
    return shopping(seed=seed, shoppers=SHOPPERS, events=events, end_ms=round(time.time() * 1000))


def _at(event: Sent, moved: Callable[[int], int]) -> Sent:
    """Return the event at another time."""
    value = msgspec.json.decode(event.value)
    return event._replace(value=msgspec.json.encode(value | {"timestamp": moved(value["timestamp"])}))

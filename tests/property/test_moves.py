"""Lanes that work in any order, and start anew at any moment, end where a replay ends (ruling 10)."""

import tempfile
from collections import Counter
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.profile_page import profile_line
from processors.tagging import category_tags
from schemas.events import DeadLetter, ShopEvent, Skipped
from schemas.ids import EventTime, ShopperId
from schemas.profiles import Profile
from streams.parts import Parts, build
from streams.replay_fold import Totals, fold_connected
from streams.settings import Settings
from tests.property.test_fold import assert_same
from tests.property.test_identity import households, tangles
from tests.support.histories import some_histories
from tests.support.simulated import Simulated
from tests.support.story import BROKER_MS, POLICY, Json

PARTS = build(Settings(), tags="category")


@pytest.fixture(scope="module")
def lanes() -> Simulated:
    with tempfile.TemporaryDirectory() as folder:
        return Simulated(Path(folder), PARTS)


def accepted(events: list[Json], parts: Parts) -> list[ShopEvent]:
    """Return the events in the order of a replay."""
    read = [parts.border.read(msgspec.json.encode(event), BROKER_MS) for event in events]
    good = [event for event in read if not isinstance(event, DeadLetter | Skipped)]
    return sorted(good, key=lambda event: (event.envelope.at, event.envelope.digest))


def replayed(events: list[Json]) -> tuple[dict[ShopperId, Profile], EventTime]:
    story = accepted(events, PARTS)
    as_of = max((event.envelope.at for event in story), default=EventTime(0))
    tags = lambda event: category_tags(event, PARTS.catalog)  # noqa: E731
    return {
        profile.shopper: profile for profile in fold_connected(story, PARTS, tags, as_of, Totals())
    }, as_of


@some_histories
@given(events=households(), seed=st.integers(0, 2**32))
def test_whatever_lane_works_when_each_user_has_what_a_replay_gives_it(
    lanes: Simulated, events: list[Json], seed: int
) -> None:
    chance = Random(seed)
    lanes.clear()
    again = [event for event in events if chance.random() < 0.2]
    lanes.put([*chance.sample(events, len(events)), *again], BROKER_MS)
    lanes.run(chance, BROKER_MS)
    wanted, as_of = replayed(events)
    found = {shopper: profile for shopper, profile in lanes.profiles().items() if profile.first_seen >= 0}
    assert found.keys() == wanted.keys()
    for shopper, profile in found.items():
        assert_same(
            profile_line(profile, as_of, POLICY),
            msgspec.json.decode(msgspec.json.encode(profile_line(wanted[shopper], as_of, POLICY))),
        )
    assert {output.topic for output in lanes.sent} <= {"beckon.internal"}


@some_histories
@given(events=tangles(), seed=st.integers(0, 2**32))
def test_whatever_names_whatever_nothing_is_lost_and_nothing_goes_round_for_ever(
    lanes: Simulated, events: list[Json], seed: int
) -> None:
    chance = Random(seed)
    lanes.clear()
    lanes.put(events, BROKER_MS)
    lanes.run(chance, BROKER_MS)
    profiles = [profile for profile in lanes.profiles().values() if profile.first_seen >= 0]
    wanted = Counter(type(event).__name__ for event in accepted(events, PARTS))
    assert sum(profile.searches for profile in profiles) == wanted["SearchEvent"]
    assert sum(profile.refunds for profile in profiles) == wanted["OrderRefunded"]

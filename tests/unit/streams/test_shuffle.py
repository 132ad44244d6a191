"""Disturbances: near, complete and repeatable."""

from collections import Counter

from schemas.ids import ShopperId
from streams.shuffle import CALM, Disturbance, disturbed, woven

EVENTS = list(range(1000))
ANN, BOB = ShopperId("ann"), ShopperId("bob")
BOTH = Disturbance(seed=3, shuffle=True, duplicate_share=0.4)


def test_calm_changes_nothing() -> None:
    assert disturbed(ANN, EVENTS, CALM) == EVENTS


def test_a_shuffle_keeps_every_event_within_its_window_of_32() -> None:
    found = disturbed(ANN, EVENTS, Disturbance(seed=3, shuffle=True))
    assert found != EVENTS
    assert sorted(found) == EVENTS
    assert all(event // 32 == place // 32 for place, event in enumerate(found))


def test_copies_come_within_the_next_32_of_their_event_and_are_as_many_as_asked() -> None:
    found = disturbed(ANN, EVENTS, Disturbance(seed=3, duplicate_share=0.4))
    assert list(dict.fromkeys(found)) == EVENTS
    counts = Counter(found)
    assert set(counts.values()) == {1, 2}
    assert 350 < len(found) - 1000 < 450
    places: dict[int, list[int]] = {}
    for place, event in enumerate(found):
        places.setdefault(event, []).append(place)
    assert all(1 <= both[-1] - both[0] <= 32 for both in places.values() if len(both) == 2)


def test_a_share_of_1_copies_every_event() -> None:
    assert set(Counter(disturbed(ANN, EVENTS, Disturbance(duplicate_share=1.0))).values()) == {2}


def test_copies_are_made_of_the_shuffled_story() -> None:
    shuffled = disturbed(ANN, EVENTS, Disturbance(seed=3, shuffle=True))
    assert list(dict.fromkeys(disturbed(ANN, EVENTS, BOTH))) == shuffled


def test_a_seed_repeats_itself_and_shoppers_differ() -> None:
    assert disturbed(ANN, EVENTS, BOTH) == disturbed(ANN, EVENTS, BOTH)
    assert disturbed(ANN, EVENTS, BOTH) != disturbed(BOB, EVENTS, BOTH)
    assert disturbed(ANN, EVENTS, BOTH) != disturbed(ANN, EVENTS, Disturbance(4, True, 0.4))


def test_undisturbed_sequences_are_woven_by_rank() -> None:
    assert woven([[1, 4, 9], [2, 3], [], [5]], rank=int) == [1, 2, 3, 4, 5, 9]


def test_each_sequence_keeps_its_order_and_what_comes_late_comes_with_the_newest_before_it() -> None:
    assert woven([[7, 1, 9], [3, 8]], rank=int) == [3, 7, 1, 8, 9]


def test_ruling_60_a_copy_is_no_further_away_than_among_the_events_of_its_own_key() -> None:
    # One event a day and its copy 3 events later; another key has 200 events in between.
    rare = [event * 1000 for event in EVENTS[:5]]
    rare = [*rare[:4], rare[0], rare[4]]
    found = woven([rare, list(range(1, 200))], rank=int)
    first, again = (place for place, event in enumerate(found) if event is rare[0])
    assert again - first == 4
    assert [event for event in found if event in rare] == rare
    assert sorted(found) == sorted([*rare, *range(1, 200)])

"""Which ids belong together."""

from itertools import permutations

from schemas.ids import ShopperId
from streams.connected import connected


def test_ids_are_connected_through_others_whatever_comes_first() -> None:
    pairs = [("a", "b"), ("c", "d"), ("b", "c"), ("x", "y"), ("d", "a")]
    for some in permutations(pairs):
        found = connected([(ShopperId(one), ShopperId(other)) for one, other in some])
        assert set(found) == set("abcdxy")
        assert {found[ShopperId(name)] for name in "abcd"} == {("a", "b", "c", "d")}
        assert {found[ShopperId(name)] for name in "xy"} == {("x", "y")}


def test_nobody_is_connected_without_pairs() -> None:
    assert connected([]) == {}

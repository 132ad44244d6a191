"""Many choices out of one draw: Hypothesis pays for each draw, and a history is little else than choices."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Tape:
    """Random bytes, one per choice; what lies behind their end is the first choice of all.

    Shrinking makes bytes smaller, so put the plainest choice first.
    """

    def __init__(self, random: bytes) -> None:
        self._random = random
        self._place = 0

    def pick(self, pool: Sequence[T]) -> T:
        """Return one of a pool; what stands there twice comes twice as often."""
        assert len(pool) <= 256, "one byte does not reach further"
        place = self._place
        self._place = place + 1
        return pool[self._random[place] * len(pool) // 256] if place < len(self._random) else pool[0]

    def one_in(self, count: int) -> bool:
        """Return True once in `count` times, at most 256."""
        return self.pick(range(count)) == count - 1

    def some(self, pool: Sequence[T], longest: int, shortest: int = 0) -> list[T]:
        """Return `shortest` to `longest` of a pool, some of them more than once."""
        return [self.pick(pool) for _ in range(self.pick(range(shortest, longest + 1)))]


def tapes(choices: int) -> st.SearchStrategy[Tape]:
    """Return tapes that are good for so many choices."""
    return st.binary(min_size=choices, max_size=choices).map(Tape)

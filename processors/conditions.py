"""Conditions, compiled once: a closure that answers quickly, and comparisons that can explain themselves.

`not` is pushed down to the comparisons, so a comparison under it says what it needs, not what it is
denied. A feature without a value (no order yet, a trait not set) passes no comparison.
"""

from msgspec import Struct

from processors.comparisons import Comparison, Test
from processors.features import Facts, feature_of
from processors.policy import ProfilePolicy
from schemas.campaigns import Condition


class Compiled(Struct, frozen=True):
    """`test` for the hot path; `comparisons` in the order of the file, for the record."""

    test: Test
    comparisons: tuple[Comparison, ...]


def compile_condition(
    condition: Condition, currency: str, policy: ProfilePolicy, negated: bool = False
) -> Compiled:
    """Compile a checked condition; `negated` says that an odd number of `not` stands above it."""
    if condition.not_ is not None:
        return compile_condition(condition.not_, currency, policy, not negated)
    if condition.feature is not None:
        comparison = Comparison(condition, feature_of(condition, currency, policy), currency, negated)
        return Compiled(comparison.test, (comparison,))
    parts = [
        compile_condition(part, currency, policy, negated) for part in condition.all or condition.any or ()
    ]
    first, *others = (part.test for part in parts)
    both = condition.all is not None
    test = _all(first, others) if both is not negated else _any(first, others)  # De Morgan
    return Compiled(test, tuple(comparison for part in parts for comparison in part.comparisons))


def _all(first: Test, others: list[Test]) -> Test:
    def test(facts: Facts) -> bool:
        if not first(facts):  # most campaigns end here: before a loop is set up
            return False
        for other in others:
            if not other(facts):
                return False
        return True

    return test


def _any(first: Test, others: list[Test]) -> Test:
    def test(facts: Facts) -> bool:
        if first(facts):
            return True
        for other in others:
            if other(facts):
                return True
        return False

    return test

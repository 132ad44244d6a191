"""Conditions, compiled once: a closure that answers quickly, and comparisons that can explain themselves.

`not` is pushed down to the comparisons, so a comparison under it says what it needs, not what it is
denied. A feature without a value (no order yet, a trait not set) passes no comparison.
"""

import msgspec
from msgspec import Struct

from processors.comparisons import Comparison, Test
from processors.features import Facts, feature_of
from processors.policy import ProfilePolicy
from schemas.campaigns import Condition


class Compiled(Struct, frozen=True):
    """`test` for the hot path; `comparisons` in the order of the file, for the record."""

    test: Test
    comparisons: tuple[Comparison, ...]


#: Comparisons made so far, by their condition as bytes (1, 1.0 and true differ there) and their `not`.
Shared = dict[tuple[bytes, bool], Comparison]


def compile_condition(
    condition: Condition,
    currency: str,
    policy: ProfilePolicy,
    negated: bool = False,
    shared: Shared | None = None,
) -> Compiled:
    """Compile a checked condition; `negated` says that an odd number of `not` stands above it.

    Equal comparisons of all conditions that are compiled with the same `shared` are one object.
    """
    shared = {} if shared is None else shared
    if condition.not_ is not None:
        return compile_condition(condition.not_, currency, policy, not negated, shared)
    if condition.feature is not None:
        key = msgspec.json.encode(condition), negated
        comparison = shared.get(key)
        if comparison is None:
            feature = feature_of(condition, currency, policy)
            comparison = shared[key] = Comparison(condition, feature, currency, negated)
        else:
            comparison.is_shared = True
        return Compiled(comparison.test, (comparison,))
    parts = [
        compile_condition(part, currency, policy, negated, shared)
        for part in condition.all or condition.any or ()
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

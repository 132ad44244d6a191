"""Which ids belong together: whatever one identify or alias names with another, directly or not."""

from collections.abc import Iterable, Mapping

from schemas.ids import ShopperId


def connected(pairs: Iterable[tuple[ShopperId, ShopperId]]) -> Mapping[ShopperId, tuple[ShopperId, ...]]:
    """Return, for every id that a pair names, all ids connected to it, itself too, sorted.

    >>> connected([("ann", "phone"), ("ann", "laptop"), ("bob", "tablet")])["phone"]
    ('ann', 'laptop', 'phone')
    """
    group_of: dict[ShopperId, set[ShopperId]] = {}
    for one, other in pairs:
        mine, its = group_of.get(one, {one}), group_of.get(other, {other})
        if mine is its:
            continue
        small, large = sorted((mine, its), key=len)
        large |= small
        group_of.update(dict.fromkeys(large if len(large) == 2 else small, large))
    sorted_groups = {id(group): tuple(sorted(group)) for group in group_of.values()}
    return {shopper: sorted_groups[id(group)] for shopper, group in group_of.items()}

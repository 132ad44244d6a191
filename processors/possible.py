"""Whether a condition can ever hold, judged value by value and feature by feature.

A comparison changes its answer only near its thresholds, so a handful of values per feature stands for all
that it can be. What features say of each other is judged where it is plain: a narrow window never counts
more than a wide one, an empty cart is worth nothing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from itertools import product
from math import inf
from typing import NamedTuple

from msgspec import Struct

from processors.comparisons import Comparison
from processors.features import Unit, Value, feature_of
from processors.policy import ProfilePolicy
from schemas.campaigns import COUNTERS, RFM_SEGMENTS, Condition, FeatureName
from schemas.durations import duration_ms
from schemas.events import EventName
from schemas.ids import MS_PER_DAY
from schemas.rejects import QUANTITY_MAX

#: A condition with more ways to hold is taken as possible.
_WAYS_MAX = 500
#: Traits that come with every event (`processors.fold`), whatever the settings keep.
_STATED = ("locale", "timezone")
_OTHER_TEXT = "\0"
#: What is at least 1 when such an event has just been counted.
_COUNTED_BY = {
    FeatureName.VIEWS: EventName.PRODUCT_VIEWED,
    FeatureName.CLICKS: EventName.PRODUCT_CLICKED,
    FeatureName.SEARCHES: EventName.PRODUCTS_SEARCHED,
    FeatureName.CART_ADDS: EventName.PRODUCT_ADDED,
}
_EVENTS = frozenset(EventName)


class Setting(Struct, frozen=True):
    """What bounds the values of features: the shop's currency and policy, its traits, and who asks."""

    currency: str
    policy: ProfilePolicy
    traits: Collection[str]
    triggers: Collection[str]


class _Need(NamedTuple):
    """One comparison that must hold, `not` included."""

    condition: Condition
    comparison: Comparison


class _Range(NamedTuple):
    """The numbers that a feature may be, and whether it may have none."""

    low: float
    high: float
    may_be_none: bool


class _TooManyError(Exception):
    """A condition with too many ways to hold to look at all of them."""


def why_never(condition: Condition | None, setting: Setting, unless: Condition | None = None) -> str | None:
    """Return why a condition cannot hold, or None where it can; `unless`: and where this one does not.

    Without a condition everybody fits.
    """
    try:
        ways = [()] if condition is None else _ways(condition, setting, negated=False)
        others = [()] if unless is None else _ways(unless, setting, negated=True)
        if len(ways) * len(others) > _WAYS_MAX:
            return None
    except _TooManyError:
        return None
    first: str | None = None
    for way, other in product(ways, others):
        problem = _contradiction((*way, *other), setting)
        if problem is None:
            return None
        first = first or problem
    return first


def _ways(condition: Condition, setting: Setting, *, negated: bool) -> list[tuple[_Need, ...]]:
    """Return the sets of comparisons each of which is enough: `all` multiplies, `any` adds."""
    if condition.not_ is not None:
        return _ways(condition.not_, setting, negated=not negated)
    if condition.feature is not None:
        feature = feature_of(condition, setting.currency, setting.policy)
        return [(_Need(condition, Comparison(condition, feature, setting.currency, negated)),)]
    parts = [_ways(part, setting, negated=negated) for part in condition.all or condition.any or ()]
    if (condition.all is not None) is negated:
        return [way for part in parts for way in part]
    ways: list[tuple[_Need, ...]] = [()]
    for part in parts:
        if len(ways) * len(part) > _WAYS_MAX:
            raise _TooManyError
        ways = [(*one, *other) for one in ways for other in part]
    return ways


def _contradiction(needs: Sequence[_Need], setting: Setting) -> str | None:
    """Return why comparisons cannot hold together, or None."""
    by_key: dict[str, list[_Need]] = {}
    for need in needs:
        by_key.setdefault(need.comparison.key, []).append(need)
    ranges: dict[str, _Range] = {}
    for key, mine in by_key.items():
        possible = list(_possible(mine, setting))
        fitting = [value for value in possible if all(need.comparison.holds(value) for need in mine)]
        if not fitting:
            return _words(mine, possible, setting)
        ranges[key] = _range(fitting, possible, _most(mine[0].condition, setting))
    return _between(by_key, ranges)


def _words(mine: Sequence[_Need], possible: Sequence[Value], setting: Setting) -> str:
    first = mine[0]
    needed = " and ".join(dict.fromkeys(need.comparison.needs() for need in mine))
    label = first.comparison.feature.label
    if first.condition.feature is FeatureName.TRAIT and possible == [None]:
        return f"{label}: {needed}, but the setting shop.traits does not keep it"
    if first.condition.feature is FeatureName.DAYS_SINCE_SEEN and _is_asked_by_events(setting):
        return f"{label}: {needed}, but it is 0 for whoever has just done something"
    return f"{label}: {needed}, which no value is"


def _possible(needs: Sequence[_Need], setting: Setting) -> Iterator[Value]:
    """Yield values that stand for all that a feature can be, as far as these comparisons can tell."""
    condition = needs[0].condition
    feature, code = needs[0].comparison.feature, condition.feature
    options = [option for need in needs for option in _thresholds(need.condition)]
    if code is FeatureName.TRAIT:
        yield from _trait_values(condition.name or "", options, setting)
    elif feature.unit is Unit.TEXT:
        yield from (*RFM_SEGMENTS, None)
    elif feature.unit is Unit.FLAG:
        yield from (True, False)
    else:
        least, most = _least(condition, setting), _most(condition, setting)
        units = {round(least * feature.steps)}
        for option in options:
            down = int((Decimal(repr(option)) * feature.steps).to_integral_value(ROUND_FLOOR))
            units |= {down - 1, down, down + 1, down + 2}
        if most < inf:
            units.add(round(most * feature.steps))
        for unit in sorted(units):
            value = unit if feature.unit is Unit.COUNT else unit / feature.steps
            if least <= value <= most:
                yield value
        if code is FeatureName.DAYS_SINCE_ORDER:
            yield None


def _trait_values(name: str, options: Sequence[Value], setting: Setting) -> Iterator[Value]:
    yield None
    if name in setting.traits or name in _STATED:
        yield _OTHER_TEXT
        for option in options:
            yield option
            if isinstance(option, int | float) and not isinstance(option, bool):
                yield from (option - 1e-6, option + 1e-6)


def _thresholds(condition: Condition) -> tuple[Value, ...]:
    threshold = getattr(condition, condition.comparisons()[0].value)
    return threshold if isinstance(threshold, tuple) else (threshold,)


def _least(condition: Condition, setting: Setting) -> int:
    """Return the least that a number can be: an event that asks has been counted."""
    by = None if condition.feature is None else _COUNTED_BY.get(condition.feature)
    return int(condition.within is None and by is not None and {*setting.triggers} == {by.value})


def _most(condition: Condition, setting: Setting) -> float:
    """Return the most that a number can be, by what profiles remember."""
    code, within, policy = condition.feature, condition.within, setting.policy
    if code is FeatureName.DAYS_SINCE_SEEN and _is_asked_by_events(setting):
        return 0
    if code is FeatureName.SESSION_EVENTS:
        return policy.recent_max
    if code is FeatureName.CART_ITEMS:
        return policy.cart_log_max * QUANTITY_MAX
    if within is None or within.endswith("d"):
        return inf
    if code is FeatureName.ORDERS:
        return policy.orders_log_max
    return inf if code is FeatureName.SPEND else policy.recent_max


def _is_asked_by_events(setting: Setting) -> bool:
    return all(trigger in _EVENTS for trigger in setting.triggers)


def _range(fitting: Sequence[Value], possible: Sequence[Value], most: float) -> _Range:
    numbers = [value for value in fitting if isinstance(value, int | float)]
    if not numbers:
        return _Range(inf, -inf, may_be_none=True)
    top = max(value for value in possible if isinstance(value, int | float))
    # Beyond the highest threshold nothing changes any more.
    high = inf if top in numbers and top < most else max(numbers)
    return _Range(min(numbers), high, None in fitting)


def _between(by_key: Mapping[str, Sequence[_Need]], ranges: Mapping[str, _Range]) -> str | None:
    """Return what two features say against each other, or None."""
    for narrow, wide in product(by_key, repeat=2):
        if narrow != wide and _is_within(by_key[narrow][0].condition, by_key[wide][0].condition):
            low, high = ranges[narrow].low, ranges[wide].high
            if low > high:
                return _against(by_key, narrow, wide)
    for more, less in _NEED_EACH_OTHER:
        if (
            more in ranges
            and less in ranges
            and _is_positive(more, ranges)
            and ranges[less].high <= _NOTHING[less]
        ):
            return _against(by_key, more, less)
    return None


#: The first is above 0, or there at all, only where the second is above what counts as nothing.
_NEED_EACH_OTHER = (
    (FeatureName.CART_VALUE.value, FeatureName.CART_ITEMS.value),
    (FeatureName.SESSION_MINUTES.value, FeatureName.SESSION_EVENTS.value),
    (FeatureName.DAYS_SINCE_ORDER.value, FeatureName.ORDERS.value),
)
_NOTHING: Mapping[str, int] = {
    FeatureName.CART_ITEMS: 0,
    FeatureName.SESSION_EVENTS: 1,
    FeatureName.ORDERS: 0,
}


def _is_positive(key: str, ranges: Mapping[str, _Range]) -> bool:
    if key == FeatureName.DAYS_SINCE_ORDER:
        return not ranges[key].may_be_none
    return ranges[key].low > 0


def _against(by_key: Mapping[str, Sequence[_Need]], one: str, other: str) -> str:
    first, second = by_key[one][0].comparison, by_key[other][0].comparison
    return f"{first.feature.label}: {first.needs()}, against {second.feature.label}: {second.needs()}"


def _is_within(narrow: Condition, wide: Condition) -> bool:
    """Return whether all that one counter counts is counted by the other too."""
    if narrow.feature is not wide.feature or narrow.feature not in COUNTERS or narrow.within is None:
        return False
    if wide.within is None:
        return True
    inner, outer = duration_ms(narrow.within), duration_ms(wide.within)
    if wide.within.endswith("d") and not narrow.within.endswith("d"):
        # Days are whole: what lies within 24 hours lies within today and yesterday.
        return outer >= 2 * MS_PER_DAY
    return narrow.within.endswith("d") is wide.within.endswith("d") and inner < outer

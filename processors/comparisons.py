"""One feature against one threshold: the answer, the sentence with its numbers, and what would flip it."""

import operator
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from math import ceil
from typing import Any

from processors.features import Facts, Feature, Read, Unit, Value
from schemas.campaigns import RFM_SEGMENTS, Condition, FeatureName, Op
from schemas.decisions import Check
from schemas.money import digits_of

Test = Callable[[Facts], bool]
Threshold = str | int | float | bool | tuple[str | int | float | bool, ...]

_OPPOSITE = {Op.AT_LEAST: Op.BELOW, Op.BELOW: Op.AT_LEAST, Op.AT_MOST: Op.ABOVE, Op.ABOVE: Op.AT_MOST}
_SIGNS: Mapping[Op, Callable[[Any, Any], bool]] = {
    Op.AT_LEAST: operator.ge,
    Op.AT_MOST: operator.le,
    Op.ABOVE: operator.gt,
    Op.BELOW: operator.lt,
}
_NEEDS: Mapping[Op, str] = {
    Op.AT_LEAST: "at least {} needed",
    Op.AT_MOST: "at most {} allowed",
    Op.ABOVE: "more than {} needed",
    Op.BELOW: "less than {} needed",
    Op.EQUALS: "{} needed",
    Op.ONE_OF: "one of {} needed",
}
_NEEDS_NOT: Mapping[Op, str] = {Op.EQUALS: "anything but {} needed", Op.ONE_OF: "none of {} allowed"}
#: Answers kept per comparison, the ones asked for last: counts take few values, and wording them costs most.
_KEPT_MAX = 64


class _NoFlip:
    """There is no value with the other answer."""


_NO_FLIP = _NoFlip()


class Comparison:
    """One feature against one threshold. All words that can be are made once, here."""

    __slots__ = (
        "_code",
        "_currency",
        "_digits",
        "_end",
        "_is_ordered",
        "_is_real",
        "_is_words",
        "_negated",
        "_op",
        "_start",
        "_threshold",
        "_to_fail",
        "_to_pass",
        "check",
        "feature",
        "holds",
        "is_shared",
        "key",
        "read",
        "test",
    )

    def __init__(self, condition: Condition, feature: Feature, currency: str, negated: bool) -> None:
        self._op = condition.comparisons()[0]
        self._is_ordered = self._op in _OPPOSITE
        self._threshold: Threshold = getattr(condition, self._op.value)
        self._code = feature.code.value
        self._is_real = feature.unit is Unit.REAL
        self._is_words = feature.unit in (Unit.TEXT, Unit.FLAG)
        self.feature = feature
        #: Whether several campaigns have it: then its check is worth keeping for the rest of a decision.
        self.is_shared = False
        self.key, self.read = feature.key, feature.read
        self._currency = currency
        self._negated = negated
        self.test = _test_of(feature, self._op, self._threshold, negated)
        #: Whether a value passes, `not` included.
        self.holds = _holds_of(feature, self._op, self._threshold, negated)
        self._digits = digits_of(currency)
        self._start = f"{feature.label} is "
        self._end = f", {self.needs()}"
        holding, failing = _boundaries(feature, self._op, self._threshold)
        self._to_pass, self._to_fail = (failing, holding) if negated else (holding, failing)
        #: The sentence with its numbers for a value, and the smallest change that flips it. Kept only for
        #: values of one type: True, 1 and 1.0 would be one key.
        self.check: Callable[[Value], Check] = self._check
        if feature.unit in (Unit.COUNT, Unit.MONEY):
            self.check = lru_cache(_KEPT_MAX)(self._check)

    def _check(self, value: Value) -> Check:
        passed = self.holds(value)
        if self._is_ordered:
            target = self._to_fail if passed else self._to_pass
        else:
            target = self._other(value, passed)
        shown = self._show(value)
        if self._is_real and self._is_near(value) and self.holds(float(shown)) is not passed:
            shown = repr(value)  # words must not seem to contradict the answer, as 1.999 shown as 2.0 would
        sentence = f"{self._start}{shown}{self._end}"
        if isinstance(target, _NoFlip):
            return Check(self._code, sentence, passed, "")
        return Check(self._code, sentence, passed, self._flip(value, target), self.key, target)

    def needs(self) -> str:
        """Return what is needed, in words: "at least 3 needed"."""
        op, words = self._op, _NEEDS
        if self._negated:
            op, words = _OPPOSITE.get(op, op), _NEEDS if op in _OPPOSITE else _NEEDS_NOT
        options = self._threshold if isinstance(self._threshold, tuple) else (self._threshold,)
        return words[op].format(", ".join(self._show(option) for option in options))

    def _show(self, value: Value) -> str:
        """Return a value in words; interest and minutes shortly, with 1 or 2 digits after the point."""
        if self._is_real:
            short = f"{value:.2f}"
            return short[:-1] if short[-1] == "0" else short
        unit = self.feature.unit
        if value is None:
            return "not set" if unit is Unit.TEXT else "not known"
        if value is True or value is False:
            return "yes" if value else "no"
        if unit is Unit.MONEY:
            return f"{self._currency} {value:.{self._digits}f}"
        return str(value)

    def _is_near(self, value: Any) -> bool:
        """Return whether rounding a real number for people could carry it over the threshold."""
        threshold = self._threshold
        return isinstance(threshold, tuple) or -0.01 < value - threshold < 0.01

    def _flip(self, value: Value, target: Value) -> str:
        feature = self.feature
        if self._is_words or value is None or target is None:
            return f"{feature.label} {self._show(target)} instead of {self._show(value)}"
        assert not isinstance(value, str) and not isinstance(target, str), "these units are numbers"
        more, steps = ("more", target - value) if target > value else ("less", value - target)
        if self._is_real:
            if self._is_ordered:
                # Rounded up, so that what is said is enough; `flip_to` has the exact value.
                return f"{self._show(_hundredths_up(steps) / 100)} {more} {feature.more}"
            return f"{f'{steps:.6f}'.rstrip('0').rstrip('.')} {more} {feature.more}"
        if feature.unit is Unit.MONEY:
            return f"{self._show(steps)} {more} {feature.more}"
        count = round(steps)
        more = "fewer" if more == "less" else more
        return f"{count} {more} {feature.one if count == 1 else feature.more}"

    def _other(self, value: Value, passed: bool) -> Value | _NoFlip:
        """Return the nearest value with the other answer, for equals and one_of."""
        options = self._threshold if isinstance(self._threshold, tuple) else (self._threshold,)
        if passed is self._negated:  # it must become one of the options
            return _nearest([option for option in options if self._possible(option)], value)
        if self.feature.unit is Unit.FLAG:
            return not value
        if self.feature.unit is Unit.TEXT:
            return _another(self.feature.code, options)
        assert value is not None and not isinstance(value, str), "a number equals one of the options"
        units = round(value * self.feature.steps) + 1
        while not _matches_none(options, units / self.feature.steps):
            units += 1
        return _whole(units, self.feature)

    def _possible(self, option: Value) -> bool:
        """Return whether the feature can ever have this value: no half orders, nothing below 0."""
        if self._is_words:
            return True
        assert option is not None and not isinstance(option, str), "numbers are compared with numbers"
        return option >= 0 and Decimal(repr(option)) * self.feature.steps % 1 == 0


def _boundaries(feature: Feature, op: Op, threshold: Threshold) -> tuple[Value | _NoFlip, Value | _NoFlip]:
    """Return the values nearest to a threshold that hold and that fail, in the steps of the feature."""
    if op not in _OPPOSITE:
        return _NO_FLIP, _NO_FLIP  # found per value
    units = Decimal(repr(threshold)) * feature.steps
    up = int(units.to_integral_value(ROUND_CEILING))
    down = int(units.to_integral_value(ROUND_FLOOR))
    holding, failing = {
        Op.AT_LEAST: (up, up - 1),
        Op.AT_MOST: (down, down + 1),
        Op.ABOVE: (down + 1, down),
        Op.BELOW: (up - 1, up),
    }[op]
    negative = feature.code is FeatureName.TRAIT
    return tuple(_whole(n, feature) if n >= 0 or negative else _NO_FLIP for n in (holding, failing))  # type: ignore[return-value]


def _hundredths_up(steps: float) -> int:
    """Return ceil(round(steps * 100, 4)), mostly without `round`, which costs as much as the rest of a check.

    >>> [_hundredths_up(steps) for steps in (0.1 + 0.2, 0.300001, 0.3004, 2.0)]
    [30, 31, 31, 200]
    """
    hundredths = steps * 100
    whole = int(hundredths)
    return whole + 1 if hundredths - whole > 0.001 else ceil(round(hundredths, 4))


def _whole(units: int, feature: Feature) -> int | float:
    return units if feature.steps == 1 and feature.unit is Unit.COUNT else units / feature.steps


def _nearest(options: list[str | int | float | bool], value: Value) -> Value | _NoFlip:
    numbers = [option for option in options if _is_number(option)]
    if _is_number(value) and numbers:
        return min(numbers, key=lambda option: (abs(option - value), option))  # type: ignore[operator]
    return options[0] if options else _NO_FLIP


def _another(code: FeatureName, options: tuple[Value, ...]) -> Value:
    if code is FeatureName.RFM:
        return next((segment for segment in RFM_SEGMENTS if segment not in options), None)
    return None  # a trait that is not set


def _is_always_a_number(feature: Feature) -> bool:
    return (
        feature.unit in (Unit.COUNT, Unit.MONEY, Unit.REAL)
        and feature.code is not FeatureName.DAYS_SINCE_ORDER
    )


def _test_of(feature: Feature, op: Op, threshold: Threshold, negated: bool) -> Test:
    read = feature.read
    if feature.at_least is not None and op is Op.AT_LEAST and not negated:
        assert isinstance(threshold, int | float), "interests are compared with numbers"
        return feature.at_least(threshold)
    if op in _OPPOSITE and _is_always_a_number(feature):
        return _quick_test(read, _OPPOSITE[op] if negated else op, threshold)
    return lambda facts: _holds(op, threshold, read(facts)) is not negated


def _holds_of(feature: Feature, op: Op, threshold: Threshold, negated: bool) -> Callable[[Value], bool]:
    if op in _OPPOSITE and _is_always_a_number(feature):
        sign = _SIGNS[_OPPOSITE[op] if negated else op]
        return lambda value: sign(value, threshold)
    return lambda value: _holds(op, threshold, value) is not negated


def _quick_test(read: Read, op: Op, threshold: Threshold) -> Test:
    """Return a closure for a number that always has a value: the hot path of every trigger."""
    match op:
        case Op.AT_LEAST:
            return lambda facts: read(facts) >= threshold  # type: ignore[operator]
        case Op.AT_MOST:
            return lambda facts: read(facts) <= threshold  # type: ignore[operator]
        case Op.ABOVE:
            return lambda facts: read(facts) > threshold  # type: ignore[operator]
    return lambda facts: read(facts) < threshold  # type: ignore[operator]


def _holds(op: Op, threshold: Threshold, value: Value) -> bool:
    if value is None:
        return False
    if isinstance(threshold, tuple):
        return not _matches_none(threshold, value)
    if op is Op.EQUALS:
        return _same(threshold, value)
    return _is_number(value) and _is_number(threshold) and _SIGNS[op](value, threshold)


def _matches_none(options: tuple[Value, ...], value: Value) -> bool:
    return not any(_same(option, value) for option in options)


def _same(threshold: Value, value: Value) -> bool:
    # True == 1 in Python; a trait `1` is not a trait `true`.
    return threshold == value and isinstance(threshold, bool) is isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""Records as bytes: one way of writing JSON for replay files and Kafka values alike.

Compact, keys sorted, floats rounded half even to 6 digits after the point, `-0.0` as `0.0` (ruling 7):
the same decision gives the same bytes wherever it was made.
"""

from collections.abc import Iterable
from math import copysign
from typing import Any

import msgspec

from schemas.decisions import Decision, Promotion, Revocation

_encode = msgspec.json.Encoder(order="sorted").encode
_plain = msgspec.to_builtins
_AS_IT_IS = frozenset({str, int, bool, type(None)})


def decision_json(decision: Decision) -> bytes:
    """Return the value of a record in `decisions`, the line of decisions.jsonl."""
    return _encode(decision if _is_rounded(_numbers_of(decision)) else _rounded(_plain(decision)))


def promotion_json(promotion: Promotion) -> bytes:
    """Return the value of a record in `promotions`, the line of promotions.jsonl."""
    numbers = [promotion.propensity, *promotion.scores.values()]
    if promotion.coupon is not None:
        numbers.append(promotion.coupon.value)
    return _encode(promotion if _is_rounded(numbers) else _rounded(_plain(promotion)))


def revocation_json(revocation: Revocation) -> bytes:
    """Return the value of a record in `promotions` that takes an offer back."""
    return _encode(revocation)


def profile_json(line: dict[str, Any]) -> bytes:
    """Return the line of profiles.jsonl for the object that `processors.profile_page` makes.

    Its only floats are interests, which are rounded and above 0 already.

    >>> profile_json({"user_id": "ann", "affinity": {"shoes": 0.123457}})
    b'{"affinity":{"shoes":0.123457},"user_id":"ann"}'
    """
    return _encode(line)


def _numbers_of(decision: Decision) -> list[object]:
    """Return whatever in a decision may be a float."""
    numbers: list[object] = [decision.propensity, *decision.features.values(), *decision.scores.values()]
    for candidate in decision.candidates:
        numbers.append(candidate.expected_value)
        numbers += [check.flip_to for check in candidate.checks]
    return numbers


def _is_rounded(numbers: Iterable[object]) -> bool:
    """Return whether all floats are as `_rounded` would leave them, as most are from the start: a look at them
    costs a fraction of a copy of the record."""
    for number in numbers:
        if type(number) is not float:
            continue
        if round(number, 6) != number or (number == 0 and copysign(1.0, number) < 0):
            return False
    return True


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 6) + 0.0  # the sum turns -0.0 into 0.0
    if isinstance(value, dict):
        return {key: item if type(item) in _AS_IT_IS else _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item if type(item) in _AS_IT_IS else _rounded(item) for item in value]
    return value

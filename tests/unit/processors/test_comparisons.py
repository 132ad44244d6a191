from typing import Any

import msgspec
import pytest

from processors.comparisons import Comparison
from processors.features import feature_of
from schemas.campaigns import Condition, Op
from tests.support.story import POLICY, Json


def comparison(tree: Json, currency: str = "EUR", negated: bool = False) -> Comparison:
    condition = msgspec.convert(tree, Condition)
    return Comparison(condition, feature_of(condition, currency, POLICY), currency, negated)


ORDERS = {"feature": "orders"}
SHOES = {"feature": "affinity", "tag": "shoes"}
SPEND = {"feature": "spend", "within": "7d"}
DAYS = {"feature": "days_since_order"}
AGE = {"feature": "trait", "name": "age"}
CITY = {"feature": "trait", "name": "city"}
RFM = {"feature": "rfm"}


@pytest.mark.parametrize(
    ("tree", "value", "passed", "sentence", "flip", "flip_to"),
    [
        # counts
        ({**ORDERS, "at_least": 3}, 1, False, "number of orders is 1, at least 3 needed", "2 more orders", 3),
        ({**ORDERS, "at_least": 3}, 3, True, "number of orders is 3, at least 3 needed", "1 fewer order", 2),
        ({**ORDERS, "at_most": 3}, 3, True, "number of orders is 3, at most 3 allowed", "1 more order", 4),
        ({**ORDERS, "at_most": 3}, 5, False, "number of orders is 5, at most 3 allowed", "2 fewer orders", 3),
        ({**ORDERS, "above": 3}, 3, False, "number of orders is 3, more than 3 needed", "1 more order", 4),
        ({**ORDERS, "above": 3}, 4, True, "number of orders is 4, more than 3 needed", "1 fewer order", 3),
        ({**ORDERS, "below": 3}, 2, True, "number of orders is 2, less than 3 needed", "1 more order", 3),
        ({**ORDERS, "below": 3}, 3, False, "number of orders is 3, less than 3 needed", "1 fewer order", 2),
        ({**ORDERS, "equals": 3}, 3, True, "number of orders is 3, 3 needed", "1 more order", 4),
        ({**ORDERS, "equals": 3}, 1, False, "number of orders is 1, 3 needed", "2 more orders", 3),
        (
            {**ORDERS, "one_of": [1, 2, 3]},
            2,
            True,
            "number of orders is 2, one of 1, 2, 3 needed",
            "2 more orders",
            4,
        ),
        (
            {**ORDERS, "one_of": [1, 9]},
            7,
            False,
            "number of orders is 7, one of 1, 9 needed",
            "2 more orders",
            9,
        ),
        # half an order does not exist, and nothing is below 0
        (
            {**ORDERS, "at_least": 2.5},
            2,
            False,
            "number of orders is 2, at least 2.5 needed",
            "1 more order",
            3,
        ),
        # interest: 2 digits are shown, 6 count
        (
            {**SHOES, "at_least": 2.0},
            1.5,
            False,
            "interest in shoes is 1.5, at least 2.0 needed",
            "0.5 more interest in shoes",
            2.0,
        ),
        (
            {**SHOES, "at_least": 2.0},
            3.2,
            True,
            "interest in shoes is 3.2, at least 2.0 needed",
            "1.21 less interest in shoes",
            1.999999,
        ),
        (
            {**SHOES, "at_least": 2.0},
            1.999999,
            False,
            "interest in shoes is 1.999999, at least 2.0 needed",
            "0.01 more interest in shoes",
            2.0,
        ),
        (
            {**SHOES, "equals": 0.5},
            0.25,
            False,
            "interest in shoes is 0.25, 0.5 needed",
            "0.25 more interest in shoes",
            0.5,
        ),
        # money
        (
            {**SPEND, "at_least": 40},
            12.34,
            False,
            "money spent in the last 7 days is EUR 12.34, at least EUR 40.00 needed",
            "EUR 27.66 more spent in the last 7 days",
            40.0,
        ),
        (
            {**SPEND, "below": 40},
            39.99,
            True,
            "money spent in the last 7 days is EUR 39.99, less than EUR 40.00 needed",
            "EUR 0.01 more spent in the last 7 days",
            40.0,
        ),
        # no value
        (
            {**DAYS, "at_least": 30},
            None,
            False,
            "number of days since the last order is not known, at least 30 needed",
            "number of days since the last order 30 instead of not known",
            30,
        ),
        # texts and flags
        (
            {**RFM, "equals": "new"},
            "lost",
            False,
            "buyer group is lost, new needed",
            "buyer group new instead of lost",
            "new",
        ),
        (
            {**RFM, "one_of": ["champion", "loyal"]},
            "loyal",
            True,
            "buyer group is loyal, one of champion, loyal needed",
            "buyer group new instead of loyal",
            "new",
        ),
        (
            {**RFM, "equals": "new"},
            None,
            False,
            "buyer group is not set, new needed",
            "buyer group new instead of not set",
            "new",
        ),
        (
            {"feature": "is_known", "equals": True},
            False,
            False,
            "known by a user id is no, yes needed",
            "known by a user id yes instead of no",
            True,
        ),
        (
            {**CITY, "equals": "Berlin"},
            "Berlin",
            True,
            "trait city is Berlin, Berlin needed",
            "trait city not set instead of Berlin",
            None,
        ),
        (
            {**CITY, "equals": "Berlin"},
            None,
            False,
            "trait city is not set, Berlin needed",
            "trait city Berlin instead of not set",
            "Berlin",
        ),
        (
            {**AGE, "at_least": 18},
            17,
            False,
            "trait age is 17, at least 18 needed",
            "trait age 18.0 instead of 17",
            18.0,
        ),
        (
            {**AGE, "at_least": 18},
            "17",
            False,
            "trait age is 17, at least 18 needed",
            "trait age 18.0 instead of 17",
            18.0,
        ),
        (
            {**AGE, "at_least": 18},
            True,
            False,
            "trait age is yes, at least 18 needed",
            "trait age 18.0 instead of yes",
            18.0,
        ),
        ({**AGE, "equals": 1}, True, False, "trait age is yes, 1 needed", "trait age 1 instead of yes", 1),
    ],
)
def test_each_comparison_has_its_sentence_and_its_smallest_flip(
    tree: Json, value: Any, passed: bool, sentence: str, flip: str, flip_to: Any
) -> None:
    check = comparison(tree).check(value)
    assert (check.passed, check.sentence, check.flip, check.flip_to) == (passed, sentence, flip, flip_to)
    assert comparison(tree).holds(flip_to) is not passed


@pytest.mark.parametrize(
    ("tree", "value", "passed", "sentence", "flip"),
    [
        ({**ORDERS, "at_least": 1}, 2, False, "number of orders is 2, less than 1 needed", "2 fewer orders"),
        ({**ORDERS, "below": 3}, 2, False, "number of orders is 2, at least 3 needed", "1 more order"),
        ({**ORDERS, "at_most": 3}, 4, True, "number of orders is 4, more than 3 needed", "1 fewer order"),
        ({**ORDERS, "above": 3}, 4, False, "number of orders is 4, at most 3 allowed", "1 fewer order"),
        ({**ORDERS, "equals": 2}, 2, False, "number of orders is 2, anything but 2 needed", "1 more order"),
        (
            {**ORDERS, "one_of": [1, 2]},
            4,
            True,
            "number of orders is 4, none of 1, 2 allowed",
            "2 fewer orders",
        ),
        (
            {**DAYS, "below": 30},
            None,
            True,
            "number of days since the last order is not known, at least 30 needed",
            "number of days since the last order 29 instead of not known",
        ),
    ],
)
def test_under_a_not_a_comparison_says_what_it_needs_then(
    tree: Json, value: Any, passed: bool, sentence: str, flip: str
) -> None:
    check = comparison(tree, negated=True).check(value)
    assert (check.passed, check.sentence, check.flip) == (passed, sentence, flip)


@pytest.mark.parametrize(
    "tree", [{**ORDERS, "at_least": 0}, {**ORDERS, "at_least": -3}, {**SHOES, "at_least": 0}]
)
def test_what_nothing_can_flip_says_no_flip(tree: Json) -> None:
    check = comparison(tree).check(0)
    assert (check.passed, check.flip, check.feature, check.flip_to) == (True, "", "", None)


@pytest.mark.parametrize(
    ("currency", "shown"), [("JPY", "JPY 40"), ("KWD", "KWD 40.000"), ("USD", "USD 40.00")]
)
def test_money_is_shown_with_the_digits_of_its_currency(currency: str, shown: str) -> None:
    check = comparison({"feature": "cart_value", "at_least": 40}, currency).check(0.0)
    assert check.sentence == f"value of the cart is {currency} 0{shown[6:]}, at least {shown} needed"


def test_a_check_names_the_feature_in_the_record() -> None:
    assert comparison({**SPEND, "at_least": 1}).check(0.0).feature == "spend(7d)"
    assert comparison({**SHOES, "at_least": 1}).check(0.0).feature == "affinity(shoes)"
    assert comparison({**CITY, "equals": "x"}).check("y").feature == "trait(city)"
    assert comparison({**ORDERS, "at_least": 1}).check(0).feature == "orders"


def test_a_check_is_the_same_the_hundredth_time() -> None:
    orders = comparison({**ORDERS, "at_least": 50})
    first = [orders.check(n) for n in range(200)]
    assert [orders.check(n) for n in range(200)] == first
    assert [check.passed for check in first] == [False] * 50 + [True] * 150


@pytest.mark.parametrize("op", Op)
def test_no_comparison_passes_without_a_value_and_every_one_does_under_a_not(op: Op) -> None:
    tree = {**DAYS, op.value: [7] if op is Op.ONE_OF else 7}
    assert comparison(tree).holds(None) is False
    assert comparison(tree, negated=True).holds(None) is True

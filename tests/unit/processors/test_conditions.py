import msgspec
import pytest

from processors.conditions import Shared, compile_condition
from processors.features import Facts
from schemas.campaigns import Condition
from schemas.ids import EventTime
from tests.support.story import MONDAY, POLICY, Json, profile_of, track

VIEWED = {"feature": "views", "at_least": 1}
CLICKED = {"feature": "clicks", "at_least": 1}
ADDED = {"feature": "cart_adds", "at_least": 1}


def passes(tree: Json) -> bool:
    """Ask about a shopper with one view and one addition, without a click."""
    profile = profile_of(
        track("Product Viewed", MONDAY, product_id="p"), track("Product Added", MONDAY, product_id="p")
    )
    compiled = compile_condition(msgspec.convert(tree, Condition), "USD", POLICY)
    return compiled.test(Facts(profile, EventTime(MONDAY), POLICY))


@pytest.mark.parametrize(
    ("tree", "passed"),
    [
        ({"all": [VIEWED, ADDED]}, True),
        ({"all": [VIEWED, ADDED, CLICKED]}, False),
        ({"all": [CLICKED, VIEWED]}, False),
        ({"any": [CLICKED, VIEWED]}, True),
        ({"any": [VIEWED, CLICKED]}, True),
        ({"any": [CLICKED]}, False),
        ({"not": VIEWED}, False),
        ({"not": {"not": VIEWED}}, True),
        ({"not": {"all": [VIEWED, CLICKED]}}, True),
        ({"not": {"all": [VIEWED, ADDED]}}, False),
        ({"not": {"any": [VIEWED, CLICKED]}}, False),
        ({"not": {"any": [CLICKED, {"not": ADDED}]}}, True),
        ({"all": [VIEWED, {"any": [CLICKED, {"not": {"all": [ADDED, CLICKED]}}]}]}, True),
    ],
)
def test_all_any_and_not_mean_what_they_say(tree: Json, passed: bool) -> None:
    assert passes(tree) is passed


def test_comparisons_are_kept_in_the_order_of_the_file() -> None:
    tree = {"all": [VIEWED, {"any": [CLICKED, {"not": ADDED}]}]}
    compiled = compile_condition(msgspec.convert(tree, Condition), "USD", POLICY)
    sentences = [comparison.check(0).sentence for comparison in compiled.comparisons]
    assert sentences == [
        "number of product views is 0, at least 1 needed",
        "number of product clicks is 0, at least 1 needed",
        "number of additions to the cart is 0, less than 1 needed",
    ]


def test_equal_comparisons_are_one_object_and_1_and_true_are_not_equal() -> None:
    shared: Shared = {}
    first, again, other = (
        compile_condition(msgspec.convert(tree, Condition), "USD", POLICY, shared=shared).comparisons[0]
        for tree in (
            {"feature": "trait", "name": "size", "equals": 1},
            {"feature": "trait", "name": "size", "equals": 1},
            {"feature": "trait", "name": "size", "equals": True},
        )
    )
    assert first is again
    assert first.is_shared
    assert other is not first
    assert not other.is_shared

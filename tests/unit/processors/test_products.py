from typing import Any

import msgspec
import pytest

from processors.features import Facts
from processors.products import Chosen, choose, margin_of
from schemas.campaigns import Products
from schemas.catalog import NO_CATALOG, Catalog, Product
from schemas.ids import EventTime, Minor
from tests.support.story import MONDAY, POLICY, Json, order, profile_of, track

EVENTS = (
    track("Product Added", MONDAY, product_id="a"),
    track("Product Viewed", MONDAY + 1, product_id="b"),
    track("Product Added", MONDAY + 2, product_id="c"),
    track("Product Clicked", MONDAY + 3, product_id="a"),
    track("Product Viewed", MONDAY + 4, product_id="d"),
    order("o", MONDAY + 5, 10, "d"),
    track("Product Viewed", MONDAY + 6, product_id="b"),
)


def chosen(wanted: Json, catalog: Catalog = NO_CATALOG) -> Chosen:
    facts = Facts(profile_of(*EVENTS), EventTime(MONDAY + 9), POLICY)
    return choose(msgspec.convert(wanted, Products), facts, catalog)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"from": "cart"}, ("c", "a")),
        ({"from": "viewed"}, ("b", "a")),  # d was bought since
        ({"from": "viewed", "at_most": 1}, ("b",)),
    ],
)
def test_products_are_the_newest_first_and_what_was_bought_is_left_out(
    wanted: Any, ids: tuple[str, ...]
) -> None:
    assert chosen(wanted) == Chosen(ids)


def test_ruling_57_unknown_stock_counts_as_in_stock_and_sold_out_makes_room_for_the_next() -> None:
    catalog = {"b": Product("b", stock=0), "a": Product("a", stock=None)}
    assert chosen({"from": "viewed", "at_most": 1}, catalog) == Chosen(("a",), ("b",))
    assert chosen({"from": "cart"}, catalog) == Chosen(("c", "a"))


def test_ruling_57_an_unknown_margin_is_0() -> None:
    catalog = {"a": Product("a", margin=Minor(150)), "b": Product("b"), "c": Product("c", margin=Minor(50))}
    assert margin_of(("a", "b", "c", "unknown"), catalog) == 200
    assert margin_of((), catalog) == 0

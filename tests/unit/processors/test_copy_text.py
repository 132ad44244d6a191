from typing import Any

import msgspec
import pytest

from processors.copy_text import copy_of, discount_words
from schemas.campaigns import Coupon, Offer
from schemas.catalog import Product
from schemas.ids import EventTime
from tests.support.story import MONDAY

CATALOG = {"p": Product("p", "Trail boot"), "q": Product("q", None, "tents")}


def text(template: str, *products: str) -> str | None:
    offer = msgspec.convert(
        {
            "promotion_id": "p",
            "name": "Spring",
            "coupon": {"kind": "percent", "value": 12.5},
            "products": {"from": "cart"},
            "copy": {"template": template},
        },
        Offer,
    )
    made = copy_of(offer, products, CATALOG, "EUR", EventTime(MONDAY), "Asia/Kolkata")
    return None if made is None else made.text


def test_all_placeholders_are_filled() -> None:
    found = text("{name}: {discount} off {first_product} until {expires}", "p", "q")
    assert found == "Spring: 12.5 % off Trail boot until 2026-03-02 05:30"


@pytest.mark.parametrize(("product", "words"), [("p", "Trail boot"), ("q", "tents"), ("unknown", "unknown")])
def test_a_product_is_named_by_title_else_category_else_id(product: str, words: str) -> None:
    assert text("{first_product}", product) == words


def test_without_a_product_to_name_there_is_no_text() -> None:
    assert text("{first_product}!") is None


def test_a_placeholder_in_double_braces_is_no_placeholder() -> None:
    assert text("{{first_product}} {name}") == "{first_product} Spring"


@pytest.mark.parametrize(
    ("coupon", "words"),
    [
        ({"kind": "percent", "value": 10}, "10 %"),
        ({"kind": "amount", "value": 5}, "EUR 5.00"),
        ({"kind": "free_shipping"}, "free shipping"),
    ],
)
def test_discounts_read_as_people_write_them(coupon: Any, words: str) -> None:
    assert discount_words(msgspec.convert(coupon, Coupon), "EUR") == words

"""The catalogue, a side input."""

import pytest

from schemas.catalog import Product, read_catalog
from schemas.errors import InputError
from schemas.money import Money

MONEY = Money("USD", {"EUR": 1.1})


def test_a_catalogue_is_read_by_id_and_a_later_line_replaces_an_earlier_one() -> None:
    lines = [
        b'{"id": "p1", "title": "Old", "stock": 3}\n',
        b"\n",
        b'{"id": 622, "category": "shoes > trail", "margin": 1.005, "unknown": [1]}',
        b'{"id": "p1", "title": "New", "category": "", "margin": 10, "currency": "eur", "stock": 0}',
    ]
    assert read_catalog(lines, MONEY, "catalog.jsonl") == {
        "p1": Product("p1", "New", None, 1100, 0),
        "622": Product("622", None, "shoes > trail", 101, None),
    }


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (
            b"{}",
            "catalog.jsonl:1: Object missing required field `id`; see the row `catalog` in docs/events.md",
        ),
        (
            b'{"id": "p", "currency": "GBP"}',
            "catalog.jsonl:1: unknown currency GBP; add it to shop.currency_rates",
        ),
        (b'{"id": "p", "stock": "many"}', "catalog.jsonl:1: Expected `int | null`, got `str`"),
        (b'{"id": "p"', "catalog.jsonl:1: "),
        (b"\xff", "catalog.jsonl:1: "),
    ],
)
def test_a_bad_line_is_named(line: bytes, error: str) -> None:
    with pytest.raises(InputError) as caught:
        read_catalog([line], MONEY, "catalog.jsonl")
    assert str(caught.value).startswith(error)
    assert str(caught.value).isprintable()

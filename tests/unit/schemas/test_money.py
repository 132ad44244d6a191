"""Amounts to minor units."""

from decimal import Decimal
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SettingsError
from schemas.money import Money, digits_of, format_minor


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        (19, 1900),
        (19.99, 1999),
        ("19.99", 1999),
        (0.005, 1),
        (0.004999, 0),
        ("0.005", 1),
        (0, 0),
        (1e9, 10**11),
    ],
)
def test_ruling_21_half_a_cent_goes_up(amount: float | str, cents: int) -> None:
    assert Money("USD").minor(amount) == cents


def test_ruling_21_digits_come_from_the_base_currency() -> None:
    assert Money("JPY").minor(19.5) == 20
    assert Money("JPY").minor(19.49) == 19
    assert Money("KWD").minor(1.0005) == 1001
    assert (digits_of("EUR"), digits_of("jpy"), digits_of("KWD"), digits_of("CLF")) == (2, 0, 3, 4)


def test_ruling_21_a_text_is_rounded_once_however_long_it_is() -> None:
    assert Money("USD").minor("0.00499999999999999999999999999999999999") == 0
    assert Money("USD").minor("0.00500000000000000000000000000000000001") == 1


def test_ruling_68_floats_count_by_their_decimal_text() -> None:
    assert Money("EUR").minor(1.005) == 101  # binary 1.00499999999999989...
    assert Money("EUR").minor(2.675) == 268
    assert Money("EUR").minor(8.345) == 835


@given(st.decimals(min_value=0, max_value=10**9, places=4, allow_nan=False))
def test_rulings_21_and_68_every_price_is_the_floor_of_its_text_plus_a_half(price: Decimal) -> None:
    amount = float(price)
    assert Money("USD").minor(amount) == floor(Decimal(repr(amount)) * 100 + Decimal("0.5"))


def test_ruling_22_other_currencies_go_by_the_table_and_codes_by_upper_case() -> None:
    money = Money("usd", {"eur": 1.1, "JPY": 0.0065})
    assert money.minor(10, "EUR") == money.minor(10, "eur") == money.minor("10.0", "Eur") == 1100
    assert money.minor(1000, "JPY") == 650
    assert money.minor(0.1, "JPY") == 0
    assert (money.knows("usd"), money.knows("Jpy"), money.knows("GBP"), money.knows("")) == (
        True,
        True,
        False,
        False,
    )


def test_ruling_22_without_settings_the_base_is_usd_and_the_table_empty() -> None:
    assert Money().base == "USD"
    assert not Money().knows("EUR")


def test_the_base_currency_has_no_rate_but_1() -> None:
    assert Money("USD", {"USD": 1}).knows("USD")
    with pytest.raises(SettingsError) as caught:
        Money("USD", {"usd": 1.1})
    assert str(caught.value) == "shop.currency_rates: gives USD, the base currency, a rate; leave it out"


def test_amounts_are_shown_in_their_currency() -> None:
    assert format_minor(123456, "usd") == "USD 1234.56"
    assert format_minor(5, "KWD") == "KWD 0.005"

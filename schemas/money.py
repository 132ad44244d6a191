"""Amounts: from what shops send to integer minor units of the base currency, and back to words."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal

from schemas.errors import SettingsError
from schemas.ids import Minor

# ISO 4217 currencies whose minor unit is not a hundredth (list one, 2024-06-25).
_DIGITS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}

Amount = int | float | str


def digits_of(currency: str) -> int:
    """Return the digits after the point of a currency.

    >>> digits_of("EUR"), digits_of("JPY"), digits_of("KWD")
    (2, 0, 3)
    """
    return _DIGITS.get(currency.upper(), 2)


class Money:
    """Converts amounts into minor units of the base currency.

    `rates` says how many units of the base currency one unit of another one is worth.
    """

    def __init__(self, base: str = "USD", rates: Mapping[str, float] | None = None) -> None:
        self.base = base.upper()
        self.digits = digits_of(self.base)
        self._rates = {code.upper(): Decimal(repr(rate)) for code, rate in (rates or {}).items()}
        if self._rates.get(self.base, Decimal(1)) != 1:
            raise SettingsError(
                "shop.currency_rates", f"gives {self.base}, the base currency, a rate", "leave it out"
            )
        self._whole = 10**self.digits
        self._unit = Decimal(1).scaleb(-self.digits)

    def knows(self, currency: str) -> bool:
        """Return whether amounts in `currency` (any case) can be converted."""
        code = currency.upper()
        return code == self.base or code in self._rates

    def minor(self, amount: Amount, currency: str | None = None) -> Minor:
        """Return minor units, half up on the decimal text of the number (rulings 21 and 68).

        `currency` None means the base currency; another one must be known.

        >>> Money("EUR").minor(1.005), Money("JPY").minor("19.5"), Money("USD", {"EUR": 1.1}).minor(10, "eur")
        (101, 20, 1100)
        """
        foreign = currency is not None and currency != self.base and currency.upper() != self.base
        if not foreign:
            if type(amount) is int:
                return Minor(amount * self._whole)
            if type(amount) is float and 0 <= (scaled := amount * self._whole) < _SURE_BELOW:
                near = int(scaled + 0.5)
                # Away from the middle, binary and decimal text round alike; this is most of all amounts.
                if -0.499 < scaled - near < 0.499:
                    return Minor(near)
        value = Decimal(amount) if type(amount) is not float else Decimal(repr(amount))
        if foreign and currency is not None:
            value = _EXACT.multiply(value, self._rates[currency.upper()])
        # Rounded once: `quantize` sees all digits of the text, however many there are.
        return Minor(int(_EXACT.scaleb(_EXACT.quantize(value, self._unit), self.digits)))


#: Digits for any amount times any rate; half up.
_EXACT = Context(prec=80, rounding=ROUND_HALF_UP)
#: Below this, a product of two floats is off by less than a thousandth.
_SURE_BELOW = 1e11


def format_minor(minor: int, currency: str) -> str:
    """Return an amount as people read it.

    >>> format_minor(4000, "EUR"), format_minor(-5, "USD"), format_minor(7, "JPY")
    ('EUR 40.00', 'USD -0.05', 'JPY 7')
    """
    digits = digits_of(currency)
    return f"{currency.upper()} {Decimal(minor).scaleb(-digits):.{digits}f}"

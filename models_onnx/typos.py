"""Slips of a hand on a keyboard, as searches are full of them."""

from random import Random


def with_typo(text: str, rng: Random) -> str:
    """Return the text with two neighbouring letters swapped, one left out, or one doubled.

    >>> with_typo("espresso", Random(1)), with_typo("espresso", Random(5))
    ('esspresso', 'espreso')
    """
    if len(text) < 3:
        return text
    at = rng.randrange(len(text) - 1)
    one, two, rest = text[at], text[at + 1], text[at + 2 :]
    return text[:at] + rng.choice((two + one, one, one + one + two)) + rest

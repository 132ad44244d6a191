"""Who shops in the simulated shop: people whose one interest and whose will to buy are known.

Nothing here reaches Beckon except through events, so what it finds out can be checked afterwards.
"""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

_NAMES = (
    "ada amir ana ben bo carla chen dina edo elif emma finn gita hana hugo ines ivan jana jon kaya "
    "lea leo lina maja malik mara milo nadia nils noor olga omar paul rosa sam sofia tariq uma vera yuki"
).split()

#: Time zones around the globe: at any hour it is night for some shoppers and day for the others.
PLACES = (
    ("Pacific/Auckland", "en-NZ"),
    ("Australia/Sydney", "en-AU"),
    ("Asia/Tokyo", "en-JP"),
    ("Asia/Singapore", "en-SG"),
    ("Asia/Kolkata", "en-IN"),
    ("Asia/Dubai", "en-AE"),
    ("Africa/Nairobi", "en-KE"),
    ("Europe/Berlin", "en-DE"),
    ("Europe/London", "en-GB"),
    ("America/Sao_Paulo", "en-BR"),
    ("America/New_York", "en-US"),
    ("America/Denver", "en-US"),
    ("America/Los_Angeles", "en-US"),
    ("Pacific/Honolulu", "en-US"),
)

#: (share of shoppers, chance that a checkout ends in an order without, and with, a promotion). The four kinds of
#: uplift modelling: persuadable, sure thing, lost cause, and the one whom promotions put off.
TEMPERS = (
    (0.35, 0.15, 0.40),
    (0.15, 0.70, 0.70),
    (0.40, 0.05, 0.05),
    (0.10, 0.35, 0.20),
)

#: (share of shoppers, what they say to marketing); None: never says anything.
CONSENTS = ((0.75, True), (0.15, False), (0.10, None))


class Shopper(Struct, frozen=True):
    """`focus`: the chance that a search or look is about the interest; the rest is noise.

    `buys` and `buys_promoted`: the chance that a started checkout ends in an order, without and with a
    promotion. `known`: signed in, so events carry a userId.
    """

    id: str
    known: bool
    interest: str
    focus: float
    timezone: str
    locale: str
    marketing: bool | None
    buys: float
    buys_promoted: float

    def truth(self) -> dict[str, object]:
        """Return the line of `shoppers.jsonl`: what is true and Beckon must find out."""
        return {
            "user_id": self.id,
            "interest": self.interest,
            "focus": self.focus,
            "timezone": self.timezone,
            "locale": self.locale,
            "marketing": self.marketing,
            "propensity": {"without": self.buys, "with": self.buys_promoted},
            "uplift": round(self.buys_promoted - self.buys, 6),
        }


def population(seed: int, count: int, interests: Sequence[str]) -> tuple[Shopper, ...]:
    """Return `count` shoppers, equally many per interest (give or take one); same seed, same people."""
    rng = Random(f"shoppers {seed}")
    return tuple(_shopper(rng, number, interests[number % len(interests)]) for number in range(count))


def _shopper(rng: Random, number: int, interest: str) -> Shopper:
    known = rng.random() < 0.7
    timezone, locale = rng.choice(PLACES)
    (_, buys, buys_promoted) = rng.choices(TEMPERS, [temper[0] for temper in TEMPERS])[0]
    (_, marketing) = rng.choices(CONSENTS, [consent[0] for consent in CONSENTS])[0]
    name = rng.choice(_NAMES) if known else "visitor"
    return Shopper(
        id=f"{name}-{number:04d}",
        known=known,
        interest=interest,
        focus=round(rng.uniform(0.75, 0.95), 2),
        timezone=timezone,
        locale=locale,
        marketing=marketing,
        buys=buys,
        buys_promoted=buys_promoted,
    )

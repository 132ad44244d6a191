"""What the simulated shop sells, and what people type into its search box."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from models_onnx.sample_titles import LABELS, queries, titles

#: As coarse as a real shop's departments: they do not tell a runner from a yogi, the titles do.
DEPARTMENTS = {
    "running-shoes": "Sport",
    "yoga": "Sport",
    "camping": "Outdoor",
    "coffee": "Home",
    "kitchen": "Home",
    "headphones": "Electronics",
    "gaming": "Electronics",
    "skincare": "Beauty",
}
_PRICES = {
    "running-shoes": (59, 179),
    "yoga": (15, 89),
    "camping": (25, 299),
    "coffee": (8, 189),
    "kitchen": (12, 149),
    "headphones": (29, 329),
    "gaming": (19, 249),
    "skincare": (9, 79),
}
_PRICES_ELSE = (10, 100)
_BRANDS = ("Northway", "Fennel & Sons", "Kumo", "Brightside", "Halden", "Otter", "Pico")


class Product(Struct, frozen=True):
    """`interest` is the truth and never part of an event; `price` in major units."""

    id: str
    title: str
    interest: str
    department: str
    brand: str
    price: float


class Goods:
    """The shop's shelves, made from the project's own sample titles with a seed kept out of training."""

    def __init__(self, seed: int, count: int) -> None:
        rng = Random(f"goods {seed}")
        self.interests: Sequence[str] = tuple(LABELS)
        self._shelves: dict[str, list[Product]] = {interest: [] for interest in self.interests}
        for number, (title, interest) in enumerate(titles(seed, count)):
            self._shelves[interest].append(_product(rng, number, title, interest))

    def pick(self, interest: str, rng: Random) -> Product:
        """Return one product of an interest."""
        return rng.choice(self._shelves[interest])

    def query(self, interest: str, rng: Random) -> str:
        """Return what someone with that interest may search for."""
        return queries(interest, rng)

    def all(self) -> list[Product]:
        """Return every product, shelf by shelf."""
        return [product for shelf in self._shelves.values() for product in shelf]


def _product(rng: Random, number: int, title: str, interest: str) -> Product:
    low, high = _PRICES.get(interest, _PRICES_ELSE)
    return Product(
        id=f"p-{number:04d}",
        title=title,
        interest=interest,
        department=DEPARTMENTS.get(interest, "Other"),
        brand=rng.choice(_BRANDS),
        price=rng.randint(low, high) - 0.05,
    )

"""The project's own corpus: product titles and searches of eight interests, made from word lists and a seed.

The demo's model learns from it and the simulated shop sells from it. Two things keep that honest. Words such
as mat, mug, filter or headset belong to several interests, so that it takes the words around them to tell.
And one (describing word, thing) pair in five is kept out of training: titles with such pairs are combinations
that the model has never met.
"""

from collections.abc import Iterator
from hashlib import blake2b
from random import Random

from msgspec import Struct

from models_onnx.typos import with_typo

#: Below this value of a pair's first digest byte, of 256, the pair is kept out of training.
_KEPT_OUT_BELOW = 51
#: Searches are written by hand.
_TYPO_SHARE = 0.08


class Words(Struct, frozen=True):
    """What titles of one interest are made of; `traits` stand before a thing, `extras` behind it."""

    traits: tuple[str, ...]
    things: tuple[str, ...]
    extras: tuple[str, ...]


def _words(traits: str, things: str, extras: str) -> Words:
    return Words(*(tuple(part.strip() for part in text.split(",")) for text in (traits, things, extras)))


WORDS = {
    "running-shoes": _words(
        "Trail, Road, Marathon, Tempo, Cushioned, Carbon Plate, Stability, Neutral, Racing, Daily Training, Speed,"
        " Grippy, Track, Long Distance, Sprint",
        "Running Shoes, Racers, Runner, Racing Flats, Trainers, Track Spikes, Jogging Shoes, Trail Runners,"
        " Race Shoes, Running Sneakers",
        "8 mm Drop, Wide Fit, Knit Upper, Foam Midsole, Rubber Outsole, for Pronation, for Half Marathons,"
        " for Muddy Trails, Size 42, Reflective Heel",
    ),
    "yoga": _words(
        "Non-Slip, Cork, Pilates, Hatha, Vinyasa, Hot Yoga, Meditation, Stretching, Natural Rubber, Alignment,"
        " Restorative, Ashtanga, Studio, Padded, High Waist",
        "Yoga Mat, Yoga Block, Yoga Strap, Bolster, Yoga Leggings, Meditation Cushion, Yoga Wheel, Exercise Mat,"
        " Foam Roller, Yoga Towel, Balance Ball",
        "6 mm Thick, with Carry Strap, for Beginners, for Deep Stretches, Extra Long, with Alignment Lines,"
        " for Sun Salutations, Machine Washable, for Home Practice, Set of 2",
    ),
    "camping": _words(
        "Ultralight, Two Person, Four Season, Waterproof, Inflatable, Folding, Down, Titanium, Backpacking,"
        " Family, Windproof, Trekking, Solar, Alpine, Packable",
        "Tent, Sleeping Bag, Sleeping Mat, Camping Stove, Camping Chair, Camping Mug, Water Filter, Hammock,"
        " Headlamp, Lantern, Tarp, Cooking Pot, Cool Box",
        "with Groundsheet, 1.4 kg, for Base Camp, Comfort -5 C, with Pegs, for Wild Nights, with Stuff Sack,"
        " 300 Lumen, for Festivals, with Carry Bag",
    ),
    "coffee": _words(
        "Espresso, Pour Over, Cold Brew, French Press, Arabica, Dark Roast, Single Origin, Burr, Barista,"
        " Ceramic, Stovetop, Milk, Decaf, Filter, Gooseneck",
        "Coffee Beans, Coffee Grinder, Espresso Machine, Coffee Maker, Coffee Mug, Coffee Filter, Moka Pot,"
        " Tamper, Milk Frother, Drip Kettle, Espresso Cups, Coffee Scale",
        "1 kg Bag, 15 Bar, for 6 Cups, with Steam Wand, Whole Bean, Freshly Roasted, with Cocoa Notes,"
        " Size 4, with Thermal Carafe, for Crema",
    ),
    "kitchen": _words(
        "Cast Iron, Chef's, Nonstick, Santoku, Oven Proof, Bamboo, Japanese, Paring, Enamelled, Induction,"
        " Silicone, Bread, Salad, Copper, Stainless",
        "Frying Pan, Knife, Cutting Board, Saucepan, Mixing Bowl, Baking Tray, Dutch Oven, Peeler, Spice Grinder,"
        " Dish Rack, Drying Mat, Wok, Food Processor, Spatula",
        "28 cm, with Glass Lid, Dishwasher Safe, for All Hobs, 20 cm Blade, for Sourdough, with Pouring Lip,"
        " Set of 3, 5 Litres, with Wooden Handle",
    ),
    "headphones": _words(
        "Wireless, Noise Cancelling, Over-Ear, In-Ear, Bluetooth, Open-Back, Hi-Res, Bone Conduction, On-Ear,"
        " Neckband, Studio Monitor, Planar, Sport, Bass Boost, Audiophile",
        "Headphones, Earbuds, Earphones, Headset, Headphone Stand, Headphone Amplifier, Ear Pads, In-Ear Monitors,"
        " Headphone Cable, Audio Adapter",
        "40 h Battery, with Charging Case, with Microphone, 50 mm Drivers, for Music Lovers, with Ear Hooks,"
        " 32 Ohm, for Commuters, with Transparency Mode, IPX5",
    ),
    "gaming": _words(
        "Mechanical, RGB, Esports, Arcade, Retro, Console, 144 Hz, Streaming, Tournament, Ergonomic, Racing,"
        " Handheld, Wireless, Ultrawide, Programmable",
        "Gaming Mouse, Gaming Keyboard, Game Controller, Gaming Headset, Gaming Chair, Mouse Mat, Graphics Card,"
        " Joystick, Gaming Monitor, Steering Wheel, Console Stand, Capture Card",
        "16000 DPI, with Macro Keys, for PC and Console, Hot Swappable, with Lumbar Pillow, 27 Inch,"
        " with Force Feedback, Low Latency, for Speedruns, with Thumb Grips",
    ),
    "skincare": _words(
        "Hydrating, Vitamin C, Retinol, Gentle, Hyaluronic, Mineral, Anti-Age, Niacinamide, Sensitive, Clay,"
        " Aloe Vera, Brightening, Night, Exfoliating, Micellar",
        "Face Serum, Moisturizer, Day Cream, Cleanser, Face Mask, Sunscreen, Eye Cream, Toner, Lip Balm,"
        " Foam Cleanser, Face Oil, Body Lotion, Peeling",
        "50 ml, SPF 50, Fragrance Free, for Dry Skin, for Oily Skin, with Ceramides, Vegan,"
        " Dermatologist Tested, Refill, for Glowing Skin",
    ),
}
LABELS: tuple[str, ...] = tuple(WORDS)

#: Said of anything; they tell nothing about the interest.
_EVERYWHERE = (
    "Pro, Lite, Classic, Black, White, Grey, Olive Green, Navy, Limited Edition, New, Compact, Premium, Essential,"
    " Travel, Recycled, Eco, Mini, Max, II, 2026, Gift Set, Best Seller, Starter, Signature"
).split(", ")
_WISHES = (
    "best, cheap, good, new, small, black, gift, sale, for women, for men, reviews, 2026, under 50".split(
        ", "
    )
)


def titles(seed: int, count: int) -> Iterator[tuple[str, str]]:
    """Yield `count` (title, label) pairs, the labels in turn; the same seed gives the same titles."""
    rng = Random(f"titles {seed}")
    for number in range(count):
        label = LABELS[number % len(LABELS)]
        trait, thing = _pair(label, rng)
        yield _title(label, trait, thing, rng), label


def unseen_titles(seed: int, count: int) -> Iterator[tuple[str, str]]:
    """Yield titles as `titles` does, all with (describing word, thing) pairs that training never shows."""
    rng = Random(f"unseen titles {seed}")
    for number in range(count):
        label = LABELS[number % len(LABELS)]
        trait, thing = _pair(label, rng)
        while not kept_out(trait, thing):
            trait, thing = _pair(label, rng)
        yield _title(label, trait, thing, rng), label


def queries(label: str, rng: Random) -> str:
    """Return what someone with this interest may type into a search box."""
    return _query(*_pair(label, rng), rng)


def training_texts(seed: int, count: int) -> Iterator[tuple[str, str]]:
    """Yield `count` (text, label) pairs, titles and searches in turn, without the pairs that are kept out."""
    rng = Random(f"training {seed}")
    for number in range(count):
        label = LABELS[number // 2 % len(LABELS)]
        trait, thing = _pair(label, rng)
        while kept_out(trait, thing):
            trait, thing = _pair(label, rng)
        yield _title(label, trait, thing, rng) if number % 2 else _query(trait, thing, rng), label


def kept_out(trait: str, thing: str) -> bool:
    """Return whether training never shows this pair."""
    return blake2b(f"{trait}|{thing}".encode()).digest()[0] < _KEPT_OUT_BELOW


def _pair(label: str, rng: Random) -> tuple[str, str]:
    words = WORDS[label]
    return rng.choice(words.traits), rng.choice(words.things)


def _title(label: str, trait: str, thing: str, rng: Random) -> str:
    parts = [trait, thing]
    if rng.random() < 0.6:
        parts.insert(rng.choice((0, 2)), rng.choice(_EVERYWHERE))
    if rng.random() < 0.5:
        parts.append(rng.choice(WORDS[label].extras))
    if rng.random() < 0.3:
        parts.append(rng.choice(_EVERYWHERE))
    return " ".join(parts)


def _query(trait: str, thing: str, rng: Random) -> str:
    words = thing if rng.random() < 0.4 else f"{trait} {thing}"
    if rng.random() < 0.3:
        wish = rng.choice(_WISHES)
        words = f"{words} {wish}" if wish.startswith(("for", "under", "rev")) else f"{wish} {words}"
    text = words.lower()
    return with_typo(text, rng) if rng.random() < _TYPO_SHARE else text

"""The same events give the same bytes, in another process with other hashes of texts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

from tests.support.story import HOUR, MINUTE, MONDAY, Json, consent, identify, order, track

ROOT = Path(__file__).parents[2]
#: Prints every decision, promotion and final profile of the events on standard input.
PROGRAM = """
import json, sys
from msgspec import json as fast
from schemas.codec import encode_profile
from tests.support.story import campaigns_of, tell
told = json.load(sys.stdin)
campaigns = campaigns_of(*told["campaigns"], **told["shop"])
for events in told["shoppers"]:
    story = tell(campaigns, events)
    for what in (*story.decisions, *story.promotions):
        sys.stdout.buffer.write(fast.encode(what) + b"\\n")
    sys.stdout.buffer.write(encode_profile(story.profile).hex().encode() + b"\\n")
"""


def shopper(user: str, random: Random) -> list[Json]:
    """Return 150 events of one shopper, some late, with many interests."""
    events = [
        consent(MONDAY, "yes", user, marketing=True),
        identify(MONDAY + 1, "who", user, vip=True, city="Ulm"),
    ]
    for number in range(150):
        at = MONDAY + number * 7 * HOUR + random.randrange(-20, 20) * 40 * MINUTE
        name = random.choice(("Product Viewed", "Product Added", "Product Clicked", "Product Removed"))
        category = f"tag {random.randrange(80)}"
        product = f"p{random.randrange(30)}"
        event = track(name, at, f"m{number}", user, product_id=product, category=category, price=number)
        bought = order(f"o{number}", at, number, product, message_id=f"m{number}")
        events.append({**bought, "userId": user} if number % 9 == 0 else event)
    return events


def test_two_processes_with_different_hash_seeds_give_the_same_bytes() -> None:
    random = Random("determinism")
    story = {
        "campaigns": [
            {
                "id": f"c{n}",
                "triggers": ["Product Viewed", "Product Added", "Order Completed"],
                "when": {
                    "any": [
                        {"feature": "affinity", "tag": f"tag {n}", "at_least": 0.5},
                        {"feature": "rfm", "one_of": ["champion", "loyal"]},
                    ]
                },
                "caps": [{"at_most": 2, "per": "7d"}],
                "hold_out": 0.3,
            }
            for n in range(12)
        ],
        "shop": {"cool_down": "1h", "quiet_hours": {"from": "21:00", "to": "08:00"}},
        "shoppers": [shopper(f"u{n}", random) for n in range(8)],
    }
    told = json.dumps(story).encode()
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            input=told,
            capture_output=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        ).stdout
        for seed in ("1", "4711")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b'"promotion.offered"') > 50
    assert outputs[0].count(b'"held_out"') > 20

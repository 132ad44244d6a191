"""How long the pure core takes: `python -m benchmarks.core` prints nanoseconds per fold and per decision.

Each figure is processor time, the best of several rounds, beside a baseline of plain dicts in the same run;
the ratio travels between machines, the nanoseconds do not. Nothing here judges.
"""

import gc
import sys
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from random import Random
from time import process_time_ns

import msgspec
from msgspec import Struct

from processors.campaigns import Campaigns, compile_campaigns
from processors.decision import decide
from processors.fold import fold
from processors.policy import ProfilePolicy
from processors.side_inputs import NO_SCORES, SideInputs
from processors.tagging import category_tags
from schemas.campaigns import CampaignFile
from schemas.catalog import NO_CATALOG
from schemas.codec import encode_profile
from schemas.decisions import Trigger
from schemas.events import (
    ConsentChanged,
    Envelope,
    EventName,
    OrderCompleted,
    OrderLine,
    ProductEvent,
    Purpose,
    SearchEvent,
    ShopEvent,
)
from schemas.ids import EventTime, Minor, OrderId, ProductId, ShopperId, Tags, digest_of
from schemas.profiles import Profile

START_MS = 1_704_067_200_000
POLICY = ProfilePolicy()
SHOPPERS = 40
#: Enough events per shopper to bring every bounded part of a profile to its bound.
FILLING = 3_000
#: From one event of a shopper to the next: 17 minutes, so that the filling spans 35 days.
STEP_MS = 17 * 60_000
CAMPAIGNS = 50
ROUNDS = 7
_NAMES = (EventName.PRODUCT_VIEWED, EventName.PRODUCT_CLICKED, EventName.PRODUCT_ADDED)
_NAME_WEIGHTS = (70, 15, 15)


class Line(Struct, frozen=True):
    """One figure: `baseline_ns` is the plain-dict job of the same run."""

    name: str
    ns: float
    baseline_ns: float


def main() -> None:
    """Measure and print."""
    random = Random("core")
    shoppers = [_full_profile(number, random) for number in range(SHOPPERS)]
    gc.freeze()  # as the worker does: full profiles are not for the collector to walk
    gc.set_threshold(100_000, 50, 100)
    mean_bytes = sum(len(encode_profile(profile)) for profile in shoppers) / SHOPPERS
    sys.stdout.write(f"full profiles: {SHOPPERS}, {mean_bytes:.0f} bytes each in the changelog\n")
    lines = [_fold_line(shoppers, random), *_decide_lines(shoppers)]
    for line in lines:
        ratio = line.ns / line.baseline_ns
        sys.stdout.write(
            f"{line.name:<58}{line.ns:>10.0f} ns {ratio:>8.1f} times plain dicts ({line.baseline_ns:.0f} ns)\n"
        )


def _full_profile(number: int, random: Random) -> Profile:
    profile = Profile(ShopperId(f"u{number}"))
    first = Envelope(profile.shopper, "yes", digest_of("yes"), EventTime(START_MS), known=True)
    fold(profile, ConsentChanged(first, EventName.CONSENT_CHANGED, {Purpose.MARKETING: True}), (), POLICY)
    for place in range(FILLING):
        event = event_of(profile.shopper, place, random)
        fold(profile, event, category_tags(event, NO_CATALOG), POLICY)
    return profile


def event_of(shopper: ShopperId, place: int, random: Random) -> ShopEvent:
    """Return one event of a shopper's history; `place` is its number."""
    at, message_id = EventTime(START_MS + place * STEP_MS), f"{shopper}-{place}"
    envelope = Envelope(shopper, message_id, digest_of(message_id), at, known=True)
    product = ProductId(f"p{random.randrange(500)}")
    category = f"tag{random.randrange(64)}"
    kind = random.random()
    if kind < 0.05:
        line = OrderLine(product, 1, None, category, Minor(1999))
        return OrderCompleted(
            envelope, EventName.ORDER_COMPLETED, OrderId(message_id), Minor(1999), False, (line,)
        )
    if kind < 0.15:
        return SearchEvent(envelope, EventName.PRODUCTS_SEARCHED, "warm boots")
    (name,) = random.choices(_NAMES, _NAME_WEIGHTS)
    return ProductEvent(envelope, name, product, None, category, None, Minor(1999))


def _fold_line(shoppers: Sequence[Profile], random: Random) -> Line:
    """Fold new events into full profiles; the baseline counts them in dicts and keeps their products."""
    counts: dict[str, dict[str, int]] = {profile.shopper: {} for profile in shoppers}
    recent: dict[str, list[str]] = {profile.shopper: [] for profile in shoppers}
    best, best_baseline = float("inf"), float("inf")
    for number in range(ROUNDS):
        work: list[tuple[Profile, ShopEvent, tuple[Tags, ...]]] = []
        for place in range(FILLING + number * 100, FILLING + number * 100 + 100):
            for profile in shoppers:
                event = event_of(profile.shopper, place, random)
                work.append((profile, event, category_tags(event, NO_CATALOG)))

        def ours(work: list[tuple[Profile, ShopEvent, tuple[Tags, ...]]] = work) -> None:
            for profile, event, tags in work:
                fold(profile, event, tags, POLICY)

        def plain(work: list[tuple[Profile, ShopEvent, tuple[Tags, ...]]] = work) -> None:
            for profile, event, _ in work:
                shopper, name = profile.shopper, event.name
                mine = counts[shopper]
                mine[name] = mine.get(name, 0) + 1
                log = recent[shopper]
                log.append(event.envelope.message_id)
                if len(log) > 50:
                    del log[0]

        best = min(best, _ns(ours, len(work)))
        best_baseline = min(best_baseline, _ns(plain, len(work)))
    return Line("fold one event into a full profile", best, best_baseline)


def _decide_lines(shoppers: Sequence[Profile]) -> list[Line]:
    """Decide with 50 campaigns of 5 conditions; the baseline looks 50 values up in a dict and compares them."""
    triggers = [
        Trigger(EventName.PRODUCT_VIEWED.value, f"t{n}", profile.last_seen)
        for n, profile in enumerate(shoppers)
    ]
    pairs = list(islice(cycle(zip(shoppers, triggers, strict=True)), 5 * SHOPPERS))
    side = SideInputs()
    plain_profiles = [{f"tag{n}": 3.0 for n in range(64)} for _ in pairs]

    def plain() -> None:
        for interests in plain_profiles:
            _ = [n for n in range(CAMPAIGNS) if interests[f"tag{n}"] >= 4.0]

    baseline = min(_ns(plain, len(pairs)) for _ in range(ROUNDS))
    lines = []
    for name, campaigns in (
        ("decide, 50 campaigns, all fail at their first condition", _campaigns("tag", 1e9)),
        ("decide, 50 campaigns, none of their tags is known", _campaigns("unheard", 1e-6)),
        ("decide, 50 campaigns, a full record of 250 conditions", _campaigns("tag", 0)),
        ("decide, the same, 250 different ones, 50 priorities", _campaigns("tag", 0, apart=1)),
    ):

        def ours(campaigns: Campaigns = campaigns) -> None:
            for profile, trigger in pairs:
                decide(profile, trigger, NO_SCORES, campaigns, side)

        lines.append(Line(name, min(_ns(ours, len(pairs)) for _ in range(ROUNDS)), baseline))
    return lines


def _campaigns(tag: str, interest: float, apart: int = 0) -> Campaigns:
    """Return campaigns that ask for an interest each and for the same else; with `apart` 1 no two ask for the same
    number, and no two have the same priority: then nothing can be worded once for all of them."""
    conditions = [
        [
            {"feature": "views", "at_least": 1 + n * apart},
            {"feature": "views", "within": "7d", "at_least": 1 + n * apart},
            {"feature": "cart_value", "at_least": n * apart / 100},
            {"not": {"feature": "orders", "within": "7d", "at_least": 10_000 + n * apart}},
        ]
        for n in range(CAMPAIGNS)
    ]
    tree = [
        {
            "id": f"c{n}",
            "triggers": [EventName.PRODUCT_VIEWED.value],
            "when": {
                "all": [{"feature": "affinity", "tag": f"{tag}{n}", "at_least": interest}, *conditions[n]]
            },
            "offers": [{"promotion_id": f"p{n}", "name": f"offer {n}"}],
            "caps": [{"at_most": 1, "per": "7d"}],
            "priority": n * apart,
        }
        for n in range(CAMPAIGNS)
    ]
    return compile_campaigns(msgspec.convert({"campaigns": tree}, CampaignFile), POLICY, "USD")


def _ns(run: Callable[[], None], count: int) -> float:
    started = process_time_ns()
    run()
    return (process_time_ns() - started) / count


if __name__ == "__main__":
    main()

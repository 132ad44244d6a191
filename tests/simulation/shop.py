"""What shops send in a run, and what must come of it: a replay of the same events says so.

Shoppers `solo-...` send all through one topic, in the order of time: of them every decision is known beforehand.
Those of a household turn out to be one shopper and send through two topics: what is known of them is the profile, and
which of their events asked for a decision, since what a decision knew depends on when a profile arrived.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

from models_onnx.batcher import Answer
from processors.campaigns import Campaigns, compile_campaigns
from processors.decision import SideInputs
from processors.policy import ProfilePolicy
from processors.profile_page import profile_line
from processors.tagging import category_tags
from schemas.campaign_file import load_campaigns
from schemas.catalog import NO_CATALOG
from schemas.decode import Border
from schemas.events import DeadLetter, ShopEvent, Skipped
from schemas.ids import EventTime, ShopperId, Tags
from schemas.profiles import Profile
from schemas.topics import CLICKS, IDENTITIES
from streams.batch import NO_TEXTS
from streams.parts import Parts
from streams.replay_fold import Totals, fold_connected
from tests.simulation.kafka import WALL_MS

Json = dict[str, Any]
HOUR = 3_600_000
POLICY = ProfilePolicy()
#: Every event of this kind asks for one decision, whatever the profile holds.
ASKS = "Checkout Started"
_EVENTS = """
campaigns:
  - id: fans
    triggers: [Product Viewed, Product Added]
    when: {feature: affinity, tag: shoes, at_least: 2}
    offers: [{promotion_id: fans, name: For fans, products: {from: viewed}}]
    caps: [{at_most: 2, per: 1d}]
  - id: asked
    triggers: [Checkout Started]
    offers: [{promotion_id: asked, name: For all}]
"""
_TIMERS = """
  - id: carts
    triggers: [Cart Abandoned, Session Ended]
    offers: [{promotion_id: carts, name: For carts}]
"""


def _campaigns(text: str) -> Campaigns:
    return compile_campaigns(
        load_campaigns(text, "campaigns"), POLICY, "USD", 0.05, stale_after_ms=10_000 * HOUR
    )


#: Each twice, so that a run can switch to others that decide the same.
EVENTS_ONLY = (_campaigns(_EVENTS), _campaigns(_EVENTS))
WITH_TIMERS = (_campaigns(_EVENTS + _TIMERS), _campaigns(_EVENTS + _TIMERS))
_BORDER = Border("USD")


def parts_with(campaigns: Campaigns, tagger: Any = None) -> Parts:
    """Return what lanes decide by."""
    return Parts(_BORDER, POLICY, campaigns, NO_CATALOG, tagger, SideInputs())


class Sent(msgspec.Struct, frozen=True):
    """A record of a shop: its topic, key and value.

    `is_stray`: it comes in on any partition. `is_broken`: a dead letter must come of it.
    """

    topic: str
    key: str
    value: bytes
    is_stray: bool
    is_broken: bool


@dataclass
class Wanted:
    """What must have come of it."""

    events: list[ShopEvent] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)


def day_of(chance: Random, events: int) -> tuple[list[Sent], Wanted]:
    """Return records in the order of their times, and the parts of them that count."""
    households = [(f"user-{n}", f"phone-{n}", f"tablet-{n}", f"old-{n}") for n in range(chance.randint(0, 2))]
    solos = [f"solo-{n}" for n in range(chance.randint(1, 3))]
    links = [link for household in households for link in _links(chance, household)]
    linked_at = sorted(chance.randrange(events) for _ in links)
    sent, wanted, at = list[Sent](), Wanted(), WALL_MS - 40 * HOUR
    for place in range(events):
        at += chance.choice((1_000, 60_000, 20 * 60_000, 50 * 60_000))
        while linked_at and linked_at[0] <= place:
            linked_at.pop(0)
            at += 1
            _send(sent, wanted, IDENTITIES.name, {**links.pop(), "timestamp": at}, chance)
        if households and chance.random() < 0.5:
            shopper = chance.choice(chance.choice(households))
            topic = CLICKS.name if chance.random() < 0.7 else IDENTITIES.name
        else:
            shopper, topic = chance.choice(solos), CLICKS.name
        _send(sent, wanted, topic, _event(chance, shopper, f"m{place}", at + 1), chance)
        if chance.random() < 0.08:
            sent.append(chance.choice([one for one in sent if one.key == sent[-1].key]))
    return sent, wanted


def _links(chance: Random, household: tuple[str, str, str, str]) -> list[Json]:
    """Return the events that make ids one; each is claimed by one user at most."""
    user, phone, tablet, old = household
    links: list[Json] = [
        {"type": "identify", "userId": user, "anonymousId": phone, "messageId": f"i-{user}"},
        {"type": "alias", "userId": user, "previousId": tablet, "messageId": f"a-{user}"},
        {"type": "alias", "userId": old, "previousId": user, "messageId": f"o-{user}"},
    ]
    return chance.sample(links, chance.randint(0, 3))


def _send(sent: list[Sent], wanted: Wanted, topic: str, event: Json, chance: Random) -> None:
    key, value = event.get("userId") or event["anonymousId"], msgspec.json.encode(event)
    stray = not key.startswith("solo") and chance.random() < 0.05
    is_broken = event["messageId"].startswith("poison")
    if chance.random() < 0.04:
        is_broken, value = True, value[:-5]
    elif not is_broken:
        read = _BORDER.read(value, WALL_MS)
        assert not isinstance(read, DeadLetter | Skipped), (read, value)
        wanted.events.append(read)
        if event.get("event") == ASKS:
            wanted.asked[event["messageId"]] = 1
    sent.append(Sent(topic, key, value, stray, is_broken))


def _event(chance: Random, shopper: str, message_id: str, at: int) -> Json:
    named = chance.choice(
        ("Product Viewed", "Product Viewed", "Product Added", "Product Removed", ASKS, "Consent Changed")
    )
    properties: Json = {}
    if named.startswith("Product"):
        category = chance.choice(("shoes", "tents"))
        properties = {
            "product_id": f"{category}{chance.randrange(3)}",
            "name": category,
            "category": category,
            "price": 10,
            "quantity": 1,
        }
    elif named == "Consent Changed":
        properties = {"consents": {"marketing": chance.random() < 0.8}}
    if chance.random() < 0.04:
        message_id = f"poison-{message_id}"
    user = "anonymousId" if shopper.startswith(("phone", "tablet")) else "userId"
    return {
        "type": "track",
        "event": named,
        "messageId": message_id,
        "timestamp": at,
        user: shopper,
        "properties": properties,
    }


@dataclass
class Replayed:
    """A replay: profiles by shopper, decisions and promotions of the solo shoppers as bytes."""

    profiles: dict[ShopperId, Profile]
    decisions: dict[tuple[str, str], Any]
    promotions: list[bytes]
    as_of: EventTime


class Decided(msgspec.Struct, frozen=True):
    """What of a decision does not depend on when it was made."""

    user_id: str
    trigger: Any
    now: int
    outcome: str
    campaign_id: str | None
    decision_id: str | None
    features: dict[str, Any]
    offers: dict[str, list[int]]
    consent: dict[str, bool]


decided = msgspec.json.Decoder(Decided).decode


def replay(events: Iterable[ShopEvent], campaigns: Campaigns) -> Replayed:
    """Replay what counts of a run."""
    story = sorted(events, key=lambda event: (event.envelope.at, event.envelope.digest))
    totals, as_of = Totals(), EventTime(WALL_MS)
    tags = lambda event: category_tags(event, NO_CATALOG)  # noqa: E731
    profiles = fold_connected(story, parts_with(campaigns), tags, as_of, totals)
    rows = [row for row in totals.rows if row.shopper.startswith("solo")]
    decisions = [decided(row.decision) for row in rows if row.decision is not None]
    return Replayed(
        {profile.shopper: profile for profile in profiles},
        {(each.user_id, each.trigger["message_id"]): each for each in decisions},
        sorted(row.promotion for row in rows if row.promotion is not None),
        as_of,
    )


def line(profile: Profile, as_of: EventTime) -> Json:
    """Return a profile as a replay writes it, with floats as there."""
    made = profile_line(profile, as_of, POLICY)
    return {**made, "affinity": {tag: round(value, 4) for tag, value in made["affinity"].items()}}


class SlowTagger:
    """A model that answers late, gives up or fails as chance says; a title is its own tag, as categories are."""

    model_versions: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, chance: Random, sleep: Any, fails: float) -> None:
        self._chance = chance
        self._sleep = sleep
        self.fails = fails

    def cached(self, texts: list[str]) -> list[Tags] | None:
        """Return what is known already."""
        return None if self._chance.random() < 0.4 else self._tags(texts)

    async def tag_async(self, texts: list[str]) -> Answer:
        """Answer some time."""
        await self._sleep(self._chance.random() * 0.3)
        if self._chance.random() < self.fails:
            raise RuntimeError("the model fails")
        if self._chance.random() < 0.1:
            return Answer([() for _ in texts], set(texts))
        return Answer(self._tags(texts), NO_TEXTS)

    def _tags(self, texts: list[str]) -> list[Tags]:
        return [((text, 1.0),) for text in texts]  # type: ignore[misc]

"""Several ids, one shopper, over lanes that tell each other by and by."""

from pathlib import Path
from random import Random

import msgspec
import pytest

from schemas.decisions import Trigger
from schemas.errors import BeckonError
from schemas.events import IdentityEvent
from schemas.ids import ShopperId
from schemas.profiles import Profile
from schemas.topics import DECISIONS, INTERNAL, PROMOTIONS
from streams.internal import Claim
from streams.moves import claims_of, hand_over_to, has_claimed_earlier
from streams.parts import build
from streams.settings import load
from tests.support.simulated import Simulated
from tests.support.stand import CAMPAIGNS
from tests.support.story import BROKER_MS, DAY, Json

AT = BROKER_MS - DAY
ANN, PHONE = ShopperId("ann"), ShopperId("phone")


def view(shopper: str, message_id: str, at: int, **properties: str) -> Json:
    seen = {"product_id": "p1", "category": "running-shoes", **properties}
    return {
        "type": "track", "event": "Product Viewed", "messageId": message_id, "timestamp": at,
        "anonymousId": shopper, "properties": seen,
    }  # fmt: skip


def identify(user: str, anonymous: str, at: int) -> Json:
    told = f"{user} is {anonymous} at {at}"
    return {"type": "identify", "messageId": told, "timestamp": at, "userId": user, "anonymousId": anonymous}


@pytest.fixture
def lanes(tmp_path: Path) -> Simulated:
    return Simulated(tmp_path, build(load({"models.tags": ""}), tags="category"))


def worked(lanes: Simulated, *events: Json, seed: int = 1) -> None:
    lanes.put(events, BROKER_MS)
    lanes.run(Random(seed), BROKER_MS)


def test_an_id_moves_once_and_what_comes_later_goes_to_the_user(lanes: Simulated) -> None:
    worked(lanes, view("phone", "m1", AT))
    worked(lanes, identify("ann", "phone", AT + 1))
    worked(lanes, view("phone", "m2", AT + 2), view("phone", "m0", AT - 1))
    worked(lanes, identify("ann", "phone", AT + 3))
    profiles = lanes.profiles()
    ann, phone = profiles[ANN], profiles[PHONE]
    assert (ann.views, ann.merged_from, ann.first_seen) == (3, ["phone"], AT - 1)
    assert (phone.redirect, phone.views, phone.first_seen) == ("ann", 0, -1)
    kinds = [dict(output.headers)["kind"] for output in lanes.sent]
    assert sorted(kinds) == [b"claim", b"claim", b"redirected", b"redirected", b"transfer"]


def test_a_second_user_gets_the_new_events_and_nothing_of_the_past(lanes: Simulated) -> None:
    worked(lanes, view("phone", "m1", AT))
    worked(lanes, identify("ann", "phone", AT + 1))
    worked(lanes, identify("bob", "phone", AT + 2))
    worked(lanes, view("phone", "m2", AT + 3))
    profiles = lanes.profiles()
    assert (profiles[ANN].views, profiles[ShopperId("bob")].views) == (1, 1)
    assert profiles[ShopperId("bob")].merged_from == []


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("first", "second"), [("ann", "bob"), ("bob", "ann")])
def test_of_two_that_claim_each_other_at_once_the_earlier_one_stays(
    lanes: Simulated, first: str, second: str, seed: int
) -> None:
    worked(lanes, view("ann", "m1", AT), view("bob", "m2", AT))
    # Each identify is folded before the other one's claim can have come.
    lanes.put([identify(first, second, AT + 1), identify(second, first, AT + 2)], BROKER_MS)
    lanes.each_lane_once(BROKER_MS)
    lanes.run(Random(seed), BROKER_MS)
    worked(lanes, view("ann", "m3", AT + 3), view("bob", "m4", AT + 3), seed=seed)
    profiles = lanes.profiles()
    stays, moved = profiles[ShopperId(first)], profiles[ShopperId(second)]
    assert (stays.views, stays.merged_from, stays.redirect) == (4, [second], "")
    assert (moved.views, moved.merged_from, moved.redirect) == (0, [], first)


def test_what_was_on_its_way_to_a_user_who_moved_meanwhile_follows(lanes: Simulated) -> None:
    worked(lanes, view("phone", "m1", AT), view("ann", "m2", AT))
    worked(lanes, identify("anna", "ann", AT + 1))
    worked(lanes, identify("ann", "phone", AT + 2))  # it belongs to anna, who claims the phone
    worked(lanes, view("phone", "m3", AT + 3))
    anna = lanes.profiles()[ShopperId("anna")]
    assert (anna.views, anna.merged_from) == (3, ["ann", "phone"])


def test_offers_that_came_along_are_held_against_the_consent_of_the_user(tmp_path: Path) -> None:
    settings = load({"models.tags": "", "campaigns.file": str(CAMPAIGNS)})
    lanes = Simulated(tmp_path, build(settings, tags="category"))
    yes, no = (
        {
            "type": "track", "event": "Consent Changed", "messageId": f"c{at}", "timestamp": at, name: shopper,
            "properties": {"consents": {"marketing": granted}},
        }
        for name, shopper, at, granted in (("anonymousId", "phone", AT, True), ("userId", "ann", AT + 50, False))
    )  # fmt: skip
    worked(lanes, yes)
    worked(lanes, *(view("phone", f"m{number}", AT + number) for number in range(1, 6)))
    promoted = [output for output in lanes.sent if output.topic == PROMOTIONS.name]
    assert [output.key for output in promoted] == [b"phone"]
    worked(lanes, no)
    worked(lanes, identify("ann", "phone", AT + 100))
    revoked = [output for output in lanes.sent if output.topic == PROMOTIONS.name][1:]
    (value,) = [msgspec.json.decode(output.value or b"") for output in revoked]
    assert (value["type"], value["user_id"], value["reason"]) == (
        "promotion.revoked",
        "phone",
        "consent_withdrawn",
    )
    assert revoked[0].partition == promoted[0].partition  # the revocation follows its promotion


def test_what_was_due_before_the_claim_is_decided_about_the_id_of_then(tmp_path: Path) -> None:
    file = tmp_path / "campaigns.yaml"
    file.write_text(
        "campaigns:\n  - {id: cart, triggers: [Cart Abandoned], offers: [{promotion_id: p, name: P}]}\n"
    )
    settings = load({"models.tags": "", "campaigns.file": str(file)})
    lanes = Simulated(tmp_path / "data", build(settings, tags="category"))
    added = view("phone", "m1", AT) | {"event": "Product Added"}
    worked(lanes, added)
    worked(lanes, identify("ann", "phone", AT + 2 * 3_600_000))
    decided = [msgspec.json.decode(out.value or b"") for out in lanes.sent if out.topic == DECISIONS.name]
    assert [(each["user_id"], each["trigger"]["at"]) for each in decided] == [("phone", AT + 3_600_000)]
    assert [out.topic for out in lanes.sent] == [INTERNAL.name, DECISIONS.name, INTERNAL.name]


def claim_by(user: str, at: int) -> Claim:
    return Claim(ShopperId(user), Trigger("Identify", f"claim at {at}", at))


def saying(profile: Profile, *events: Json) -> Profile:
    """Return the profile once it has folded events that claim other ids."""
    border = build(load({"models.tags": ""}), tags="category").border
    for told in events:
        event = border.read(msgspec.json.encode(told), BROKER_MS)
        assert isinstance(event, IdentityEvent)
        assert len(claims_of(event, profile, 4)) == 1
    return profile


def test_of_several_claims_to_one_id_the_earliest_counts() -> None:
    ann = saying(
        Profile(ANN),
        identify("ann", "bob", AT + 5),
        identify("ann", "bob", AT + 1),
        identify("ann", "bob", AT + 9),
    )
    assert has_claimed_earlier(ann, claim_by("bob", AT + 2))
    assert not has_claimed_earlier(ann, claim_by("bob", AT))
    assert not has_claimed_earlier(ann, claim_by("eve", AT + 2))


def test_an_id_that_moved_still_knows_what_it_had_claimed() -> None:
    ann = saying(Profile(ANN), identify("ann", "bob", AT))
    assert hand_over_to(ann, claim_by("anna", AT + 1), 4)
    assert has_claimed_earlier(ann, claim_by("bob", AT + 2))


def test_only_the_eight_ids_claimed_last_are_remembered() -> None:
    ann = saying(Profile(ANN), *(identify("ann", f"device {number}", AT + number) for number in range(9)))
    assert [made.other for made in ann.claims] == [f"device {number}" for number in range(1, 9)]


def test_a_profile_that_fits_in_no_record_is_refused_with_the_remedy() -> None:
    large = Profile(PHONE, merged_from=[f"{number:0128}" for number in range(7_000)])
    with pytest.raises(BeckonError, match=r"more than the 900000 that fit in a record; lower the bounds"):
        hand_over_to(large, claim_by("ann", AT), 4)

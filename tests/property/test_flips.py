"""What a check says would flip it does flip it, and nothing smaller does."""

import re
from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from processors import caps
from processors.campaigns import Campaigns, Ready, compile_campaigns
from processors.comparisons import Comparison
from processors.decision import decide, remember
from processors.features import Facts, Unit
from processors.fold import fold
from processors.side_inputs import NO_SCORES, SideInputs
from processors.tagging import category_tags
from processors.weighing import open_case, weigh
from schemas.campaigns import CampaignFile
from schemas.catalog import Product
from schemas.codec import decode_profile, encode_profile
from schemas.decisions import Check, Decision, Trigger
from schemas.ids import EventTime
from schemas.profiles import OfferMade, Profile, Stated, Touch
from schemas.timestamps import parse_time
from tests.support.histories import (
    agreed,
    campaign_files,
    catalogs,
    histories,
    nearly_in_order,
    some_histories,
)
from tests.support.story import MINUTE, POLICY, read


class Scene(msgspec.Struct):
    """One candidate of one decision, and all that it was weighed with."""

    profile: Profile
    decision: Decision
    file: CampaignFile
    campaigns: Campaigns
    side: SideInputs
    place: int  # in the file

    @property
    def ready(self) -> Ready:
        return self.campaigns.by_id[self.file.campaigns[self.place].id]

    def with_campaign(self, **changed: object) -> "Scene":
        """Return the scene with another campaign file."""
        campaigns = list(self.file.campaigns)
        campaigns[self.place] = msgspec.structs.replace(campaigns[self.place], **changed)
        return self.with_file(msgspec.structs.replace(self.file, campaigns=tuple(campaigns)))

    def with_file(self, file: CampaignFile) -> "Scene":
        return msgspec.structs.replace(self, file=file, campaigns=compile_campaigns(file, POLICY, "USD"))

    def with_side(self, **changed: object) -> "Scene":
        return msgspec.structs.replace(self, side=msgspec.structs.replace(self.side, **changed))

    def with_profile(self, change: Callable[[Profile], object]) -> "Scene":
        profile = decode_profile(encode_profile(self.profile))
        change(profile)
        return msgspec.structs.replace(self, profile=profile)

    def weighed(self) -> list[Check]:
        """Return the checks of the candidate, before arbitration and hold-out."""
        facts = Facts(self.profile, EventTime(self.decision.now), POLICY)
        case = open_case(facts, self.decision.trigger, NO_SCORES, self.campaigns, self.side)
        return weigh(case, self.ready).checks

    def passes(self, code: str) -> bool:
        """Return whether no check of this code fails."""
        return all(check.passed for check in self.weighed() if check.code == code)

    def decided(self) -> list[Check]:
        """Return the checks of the candidate from a whole decision."""
        verdict = decide(self.profile, self.decision.trigger, NO_SCORES, self.campaigns, self.side)
        assert verdict.decision is not None
        (mine,) = [c for c in verdict.decision.candidates if c.campaign_id == self.ready.id]
        return list(mine.checks)


@some_histories
@given(st.data())
def test_the_stated_change_flips_its_check_and_a_smaller_one_does_not(data: st.DataObject) -> None:
    file, catalog = data.draw(campaign_files()), data.draw(catalogs)
    arrivals = data.draw(nearly_in_order(agreed(data.draw(histories()))))
    side = SideInputs(data.draw(st.sampled_from((0, 0, 0, 1, 9 * MINUTE + 1, 11 * MINUTE))), catalog)
    campaigns = compile_campaigns(file, POLICY, "USD")
    profile = Profile(read(arrivals[0]).envelope.shopper)
    for event in map(read, arrivals):
        if not fold(profile, event, category_tags(event, catalog), POLICY):
            continue
        trigger = Trigger(event.name.value, event.envelope.message_id, event.envelope.at)
        decision = decide(profile, trigger, NO_SCORES, campaigns, side).decision
        if decision is None:
            continue
        places = {campaign.id: place for place, campaign in enumerate(file.campaigns)}
        for candidate in decision.candidates:
            place = places[candidate.campaign_id]
            prove_all(Scene(profile, decision, file, campaigns, side, place), candidate.checks)
        remember(profile, decision, campaigns)


def prove_all(scene: Scene, checks: tuple[Check, ...]) -> None:
    comparisons = scene.ready.comparisons if scene.decision.consent["profiling"] else ()
    for comparison, check in zip(comparisons, checks, strict=False):
        prove_condition(comparison, check, scene.decision)
    windows = iter(scene.ready.caps)
    for check in checks[len(comparisons) :]:
        if check.code == "cap":
            prove_cap(scene, check, next(windows))
        else:
            PROOFS[check.code](scene, check)


def number_in(text: str) -> float:
    found = re.search(r"-?\d+(\.\d+)?", text)
    assert found is not None, text
    return float(found[0])


def prove_condition(comparison: Comparison, check: Check, decision: Decision) -> None:
    feature = comparison.feature
    value = decision.features[feature.key]
    assert comparison.holds(value) is check.passed
    if not check.flip:
        assert not check.feature
        numbers = (n / feature.steps for n in range(300 * feature.steps, -1, -max(1, feature.steps // 10)))
        assert feature.unit not in (Unit.TEXT, Unit.FLAG)
        assert all(comparison.holds(number) is check.passed for number in numbers)
        return
    assert check.feature == feature.key
    assert comparison.holds(check.flip_to) is not check.passed, check
    again = comparison.check(check.flip_to)
    assert again.passed is not check.passed
    if feature.unit in (Unit.TEXT, Unit.FLAG) or value is None:
        return
    assert isinstance(value, int | float) and isinstance(check.flip_to, int | float)
    # The words say enough, too.
    sign = 1 if " more " in check.flip else -1
    said = value + sign * number_in(check.flip)
    if check.flip_to != 0 or sign > 0 or feature.unit is not Unit.REAL:  # rounding up may lead below 0
        assert comparison.holds(round(said, 6)) is not check.passed, check
    step = 1 / feature.steps
    if abs(check.flip_to - value) > step * 1.5:
        nearer = round(check.flip_to - sign * step, 6)
        assert comparison.holds(nearer) is check.passed, check


def prove_consent(scene: Scene, check: Check) -> None:
    purposes = check.flip.partition("consent to ")[2].split(" and ")
    said = Stated(not check.passed, EventTime(1), 0)  # type: ignore[arg-type]
    after = scene.with_profile(lambda profile: profile.consent.update(dict.fromkeys(purposes, said)))
    assert after.passes("consent") is not check.passed
    if len(purposes) > 1:
        one = scene.with_profile(lambda profile: profile.consent.update({purposes[0]: said}))
        assert not one.passes("consent")


def prove_reach(scene: Scene, check: Check) -> None:
    change = round(number_in(check.flip) * 1000)
    lag_ms = scene.side.lag_ms
    if check.passed:
        assert scene.with_side(lag_ms=lag_ms + change).passes("reach")
        assert not scene.with_side(lag_ms=lag_ms + change + 1).passes("reach")
    else:
        assert scene.with_side(lag_ms=lag_ms - change).passes("reach")
        assert not scene.with_side(lag_ms=lag_ms - change + 1).passes("reach")


def made(times: list[int]) -> list[OfferMade]:
    return [OfferMade(EventTime(at), "d", "p") for at in times]


def time_in(flip: str) -> EventTime:
    at = parse_time(flip.removeprefix("the same event at ").removesuffix(" or later"))
    assert at is not None
    return at


def prove_cap(scene: Scene, check: Check, window: caps.Window) -> None:
    times, now = scene.decision.offers.get(scene.ready.id, []), EventTime(scene.decision.now)
    # The record alone gives the same check.
    alone = caps.check_cap(window, made(times), now)
    assert alone.sentence == check.sentence
    if check.passed:
        assert alone == check
        more = round(number_in(check.flip))
        assert not caps.check_cap(window, made([*times, *[now] * more]), now).passed
        assert caps.check_cap(window, made([*times, *[now] * (more - 1)]), now).passed
    else:
        at, windows = time_in(check.flip), scene.ready.caps
        assert all(caps.check_cap(each, made(times), at).passed for each in windows)
        assert not all(caps.check_cap(each, made(times), EventTime(at - 1)).passed for each in windows)


def prove_cool_down(scene: Scene, check: Check) -> None:
    campaigns, now = scene.campaigns, EventTime(scene.decision.now)
    offers = {campaign_id: made(times) for campaign_id, times in scene.decision.offers.items()}

    def cooled(at: EventTime) -> Check:
        return caps.check_cool_down(campaigns.cool_down_ms, campaigns.cool_down_words, offers.values(), at)

    assert cooled(now) == check
    if check.passed:
        offers["another"] = made([now])
        assert not cooled(now).passed
    else:
        at = time_in(check.flip)
        assert cooled(at).passed
        assert not cooled(EventTime(at - 1)).passed


def prove_stock(scene: Scene, check: Check) -> None:
    in_stock = not check.passed
    catalog = {
        key: Product(key, margin=product.margin, stock=1 if in_stock else 0)
        for key, product in scene.side.catalog.items()
    }
    if check.passed:
        catalog |= {key: Product(key, stock=0) for key in ("boots", "tent", "mug", "7")}
    assert scene.with_side(catalog=catalog).passes("stock") is in_stock


def prove_value(scene: Scene, check: Check) -> None:
    most, offer = number_in(check.flip), scene.file.campaigns[scene.place].offers[0]

    def worth_it_at(cost: float) -> bool:
        return scene.with_campaign(offers=(msgspec.structs.replace(offer, cost=cost),)).passes("value")

    assert worth_it_at(most)
    assert not worth_it_at(round(most + 0.000_001, 6))


def prove_copy(scene: Scene, check: Check) -> None:
    assert not check.passed
    now = EventTime(scene.decision.now)
    seen = Touch(now, 0, 0, "something new", "view")  # type: ignore[arg-type]
    products = msgspec.convert({"from": "viewed"}, type(scene.file.campaigns[scene.place].offers[0].products))
    offer = msgspec.structs.replace(scene.file.campaigns[scene.place].offers[0], products=products)
    after = scene.with_campaign(offers=(offer,)).with_profile(lambda profile: profile.recent.append(seen))
    assert after.passes("copy")


def prove_quiet_hours(scene: Scene, check: Check) -> None:
    def in_time(minutes: int) -> bool:
        return scene.with_campaign(valid_for=f"{minutes}m").passes("quiet_hours")

    if not check.flip:
        assert check.passed and in_time(1)
        return
    minutes = round(number_in(check.flip))
    assert in_time(minutes)
    assert not in_time(minutes - 1) or minutes == 1


def prove_arbitration(scene: Scene, check: Check) -> None:
    priority = round(number_in(check.flip))
    assert "arbitration" not in [c.code for c in scene.with_campaign(priority=priority).decided()]
    assert check.code in [c.code for c in scene.with_campaign(priority=priority - 1).decided()]


def prove_hold_out(scene: Scene, check: Check) -> None:
    if "for all campaigns" in check.flip:
        return  # two shares at once: `test_flip_by_flip` does what it says
    share = number_in(check.flip)
    whole_shop = "all campaigns" in check.sentence

    def held_out_at(share: float) -> bool:
        if whole_shop:
            shop = msgspec.structs.replace(scene.file.shop, hold_out=share)
            after = scene.with_file(msgspec.structs.replace(scene.file, shop=shop))
        else:
            after = scene.with_campaign(hold_out=share)
        same = [
            c
            for c in after.decided()
            if c.code == "hold_out" and ("all campaigns" in c.sentence) is whole_shop
        ]
        return any(not c.passed for c in same)

    assert held_out_at(share if check.passed else share + 0.000_001)
    assert not held_out_at(share - 0.000_001 if check.passed else share)


PROOFS: dict[str, Callable[[Scene, Check], None]] = {
    "consent": prove_consent,
    "reach": prove_reach,
    "cool_down": prove_cool_down,
    "stock": prove_stock,
    "value": prove_value,
    "copy": prove_copy,
    "quiet_hours": prove_quiet_hours,
    "arbitration": prove_arbitration,
    "hold_out": prove_hold_out,
}

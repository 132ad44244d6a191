"""Whoever does what `why` says would have changed a decision has it changed: flip by flip, up to the offer.

Each flip is taken from its words, done to the record or to the campaign file that it names, and decided again from
the record alone.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.campaigns import compile_campaigns
from processors.redecide import redecide
from processors.side_inputs import SideInputs
from processors.words.zh_sentences import said
from schemas.campaigns import Campaign, CampaignFile, FeatureName
from schemas.decisions import Candidate, Decision, Goods, Reason
from schemas.timestamps import parse_time
from tests.support.histories import (
    agreed,
    campaign_files,
    catalogs,
    histories,
    nearly_in_order,
    some_histories,
)
from tests.support.story import MINUTE, POLICY, tell

_NUMBERS = re.compile(r"\d+(?:\.\d+)?")


class Scene(msgspec.Struct, frozen=True):
    """A record, the file that decided it, and the campaign that is asked about."""

    record: Decision
    file: CampaignFile
    place: int

    @property
    def campaign(self) -> Campaign:
        return self.file.campaigns[self.place]

    @property
    def candidate(self) -> Candidate | None:
        """The campaign's candidate; None when it is not eligible."""
        return next((c for c in self.record.candidates if c.campaign_id == self.campaign.id), None)

    def again(self) -> "Scene":
        campaigns = compile_campaigns(self.file, POLICY, "USD", self.record.propensity)
        return replace(self, record=redecide(self.record, campaigns))

    def with_record(self, **changed: Any) -> "Scene":
        return replace(self, record=replace(self.record, **changed))

    def with_campaign(self, **changed: Any) -> "Scene":
        campaigns = list(self.file.campaigns)
        campaigns[self.place] = replace(self.campaign, **changed)
        return replace(self, file=replace(self.file, campaigns=tuple(campaigns)))

    def with_offer(self, **changed: Any) -> "Scene":
        return self.with_campaign(offers=(replace(self.campaign.offers[0], **changed),))

    def with_goods(self, goods: Goods) -> "Scene":
        candidates = [replace(c, goods=goods) if c is self.candidate else c for c in self.record.candidates]
        return self.with_record(candidates=tuple(candidates))


def _agree(scene: Scene, flip: str) -> Scene:
    stated = flip.removeprefix("consent to ").split(" and ")
    consent = scene.record.consent | dict.fromkeys(stated, True)
    said_so = tuple(purpose for purpose in consent if purpose in {*scene.record.consent_stated, *stated})
    return scene.with_record(consent=consent, consent_stated=said_so)


def _hurry(scene: Scene, flip: str) -> Scene:
    return scene.with_record(lag_ms=scene.record.lag_ms - round(_number(flip) * 1000))


def _wait(scene: Scene, flip: str) -> Scene:
    at = parse_time(flip.removeprefix("the same event at ").removesuffix(" or later"))
    assert at is not None and at > scene.record.now
    return scene.with_record(now=at)


def _restock(scene: Scene, flip: str) -> Scene:
    assert flip == "one of them in stock again"
    assert scene.candidate is not None and scene.candidate.goods is not None
    first, *others = scene.candidate.goods.sold_out
    return scene.with_goods(replace(scene.candidate.goods, ids=(first,), sold_out=tuple(others)))


def _spend_less(scene: Scene, flip: str) -> Scene:
    return scene.with_offer(cost=_number(flip))


def _name_a_product(scene: Scene, flip: str) -> Scene:
    assert flip == "a product to name"
    products = msgspec.convert({"from": "viewed"}, type(scene.campaign.offers[0].products))
    return scene.with_offer(products=products).with_goods(Goods(ids=("anything",)))


def _hold_longer(scene: Scene, flip: str) -> Scene:
    return scene.with_campaign(valid_for=f"{round(_number(flip))}m")


def _rank_higher(scene: Scene, flip: str) -> Scene:
    return scene.with_campaign(priority=round(_number(flip)))


def _let_go(scene: Scene, flip: str) -> Scene:
    shares = [float(number) for number in _NUMBERS.findall(flip)]
    if len(shares) == 2:
        shop, mine = shares
        scene = replace(scene, file=replace(scene.file, shop=replace(scene.file.shop, hold_out=shop)))
        return scene.with_campaign(hold_out=mine)
    assert scene.candidate is not None
    if "all campaigns" in scene.candidate.checks[-1].sentence:
        return replace(scene, file=replace(scene.file, shop=replace(scene.file.shop, hold_out=shares[0])))
    return scene.with_campaign(hold_out=shares[0])


def _number(flip: str) -> float:
    (found,) = _NUMBERS.findall(flip)
    return float(found)


#: What the words of each reason ask for. A reason that a record can have and that is not here fails below.
DO: Mapping[Reason, Callable[[Scene, str], Scene]] = {
    Reason.NO_CONSENT: _agree,
    Reason.TOO_LATE: _hurry,
    Reason.CAPPED: _wait,
    Reason.COOLING_DOWN: _wait,
    Reason.OUT_OF_STOCK: _restock,
    Reason.LOW_VALUE: _spend_less,
    Reason.COPY_REJECTED: _name_a_product,
    Reason.QUIET_HOURS: _hold_longer,
    Reason.LOST_ARBITRATION: _rank_higher,
    Reason.HELD_OUT: _let_go,
}
#: A candidate never ends with these: without a record, or not at all (budgets are refused so far).
NEVER_RECORDED = {Reason.STALE, Reason.NOT_LIVE, Reason.NOT_ELIGIBLE, Reason.BUDGET_EXHAUSTED}
STEPS = list(Reason)


def test_every_reason_that_a_record_can_have_says_what_to_do() -> None:
    assert DO.keys() == set(Reason) - NEVER_RECORDED


@some_histories
@given(st.data())
def test_doing_what_each_flip_says_leads_to_the_offer(data: st.DataObject) -> None:
    file, catalog = data.draw(campaign_files()), data.draw(catalogs)
    told_with = data.draw(st.sampled_from((agreed, agreed, list)))
    side = SideInputs(
        lag_ms=data.draw(st.sampled_from((0, 0, 0, 9 * MINUTE + 1, 11 * MINUTE))),
        catalog=catalog,
        default_profiling=data.draw(st.sampled_from((True, True, False))),
    )
    arrivals = data.draw(nearly_in_order(told_with(data.draw(histories(events_max=15)))))
    for decision in tell(compile_campaigns(file, POLICY, "USD"), arrivals, side).decisions:
        for place in range(len(file.campaigns)):
            follow(Scene(decision, file, place))


def follow(scene: Scene) -> None:
    """Do what is said again and again; each time a later step must stop the campaign, or none."""
    while (candidate := scene.candidate) is not None and candidate.reason is not None:
        flip = candidate.checks[-1].flip
        assert flip and said(flip) != flip, candidate  # nothing is beyond help, and it is said in Chinese too
        after = DO[candidate.reason](scene, flip).again()
        if after.candidate is None:
            # Without profiling no condition was looked at; now they are, and none of them is in the record.
            assert candidate.reason is Reason.NO_CONSENT or not _is_live(after)
            return
        left = after.candidate.reason
        assert left is None or STEPS.index(left) > STEPS.index(candidate.reason), (candidate, after.candidate)
        scene = after


def _is_live(scene: Scene) -> bool:
    end = scene.campaign.live.to
    return end is None or scene.record.now < (parse_time(end) or 0)


@some_histories
@given(st.data())
def test_the_value_that_a_condition_says_would_flip_it_takes_the_campaign_out(data: st.DataObject) -> None:
    """A condition alone in its campaign: with the value that its check names, the record asks the campaign no more."""
    file = data.draw(campaign_files())
    arrivals = data.draw(nearly_in_order(agreed(data.draw(histories(events_max=15)))))
    for decision in tell(compile_campaigns(file, POLICY, "USD"), arrivals).decisions:
        for place, campaign in enumerate(file.campaigns):
            scene = Scene(decision, file, place)
            if campaign.when is None or scene.candidate is None or not decision.consent["profiling"]:
                continue
            checks = [check for check in scene.candidate.checks if check.code in set(FeatureName)]
            if len(checks) == 1 and checks[0].flip:
                features = decision.features | {checks[0].feature: checks[0].flip_to}
                assert scene.with_record(features=features).again().candidate is None

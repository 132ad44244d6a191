from processors.decision import NOTHING
from processors.side_inputs import SideInputs
from processors.step import StepResult, step
from schemas.events import EventName
from schemas.ids import ShopperId
from schemas.profiles import Profile
from tests.support.story import DAY, MONDAY, POLICY, campaigns_of, consent, read, tell, track

YES = consent(MONDAY, marketing=True)


def test_an_event_that_triggers_nothing_has_no_verdict() -> None:
    profile = Profile(ShopperId("ann"))
    event = read(track("Product Clicked", MONDAY, product_id="p"))
    assert step(profile, event, (), campaigns_of({"id": "c"}), POLICY, SideInputs()) == StepResult(True)
    assert step(profile, event, (), None, POLICY, SideInputs()) == StepResult(False)
    assert NOTHING.decision is None


def test_a_duplicate_decides_nothing() -> None:
    view = track("Product Viewed", MONDAY, product_id="p")
    told = tell(campaigns_of({"id": "c"}), [YES, view, view])
    assert len(told.decisions) == 1


def test_at_most_one_offer_per_trigger() -> None:
    campaigns = campaigns_of(*({"id": f"c{n}"} for n in range(20)))
    told = tell(campaigns, [YES, *(track("Product Viewed", MONDAY + n, product_id="p") for n in range(5))])
    assert len(told.promotions) == len(told.decisions) == 5


def test_v1_names_trigger_like_the_names_of_today() -> None:
    told = tell(campaigns_of({"id": "c"}), [YES, track("Viewed Product", MONDAY, product_id="p")])
    assert told.decision.trigger.event == EventName.PRODUCT_VIEWED


def test_offers_that_left_every_window_are_forgotten() -> None:
    campaigns = campaigns_of({"id": "c", "valid_for": "1d", "caps": [{"at_most": 2, "per": "7d"}]})
    events = [track("Product Viewed", MONDAY + n * 4 * DAY, product_id="p") for n in range(6)]
    told = tell(campaigns, [YES, *events])
    assert [made.at for made in told.profile.offers["c"]] == [MONDAY + 16 * DAY, MONDAY + 20 * DAY]


def test_offers_of_a_campaign_that_was_taken_out_count_in_the_cool_down_until_it_is_over() -> None:
    old = tell(campaigns_of({"id": "old"}), [YES, track("Product Viewed", MONDAY, product_id="p")])
    campaigns, side = campaigns_of({"id": "new", "valid_for": "1h"}, cool_down="1d"), SideInputs()
    outcomes = []
    for at in (MONDAY + DAY - 1, MONDAY + DAY):
        event = read(track("Product Viewed", at, product_id="p"))
        (verdict,) = step(old.profile, event, (), campaigns, POLICY, side).verdicts
        assert verdict.decision is not None
        outcomes.append(verdict.decision.candidates[0].reason)
    assert outcomes == ["cooling_down", None]
    assert list(old.profile.offers) == ["new"]

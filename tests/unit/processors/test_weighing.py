import msgspec
import pytest

from processors.side_inputs import SideInputs
from schemas.catalog import Product
from schemas.decisions import Reason
from schemas.ids import Minor
from tests.support.story import (
    HOUR,
    MINUTE,
    MONDAY,
    OFFER,
    Json,
    campaigns_of,
    consent,
    tell,
    track,
)

YES = consent(MONDAY, marketing=True)


def viewed(at: int, product_id: str = "p") -> Json:
    return track("Product Viewed", at, f"view {at} {product_id}", product_id=product_id, category="shoes")


def offer(**parts: object) -> list[Json]:
    return [{**OFFER, **parts}]


def test_ruling_57_the_prior_propensity_is_0_05_and_low_value_needs_a_cost() -> None:
    catalog = {"p": Product("p", margin=Minor(2000))}
    shown = {"from": "viewed"}
    for cost, reason, value in ((0, None, 1.0), (1, None, 0.0), (1.000001, Reason.LOW_VALUE, -0.000001)):
        campaigns = campaigns_of({"id": "c", "offers": offer(cost=cost, products=shown)})
        told = tell(campaigns, [YES, viewed(MONDAY)], SideInputs(catalog=catalog))
        assert told.reasons == [reason]
        assert told.decision.candidates[0].expected_value == value
    # Without a catalogue the margin is 0, and without a cost that is fine.
    assert tell(campaigns_of({"id": "c", "offers": offer(cost=0.01)}), [YES, viewed(MONDAY)]).reasons == [
        "low_value"
    ]


def test_ruling_36_without_profiling_every_decision_is_refused_and_no_interest_is_read() -> None:
    campaigns = campaigns_of({"id": "c", "when": {"feature": "affinity", "tag": "shoes", "at_least": 100}})
    told = tell(campaigns, [YES, consent(MONDAY, "no", profiling=False), viewed(MONDAY + 1)])
    assert told.reasons == ["no_consent"]
    assert told.decision.features == {}
    (check,) = told.decision.candidates[0].checks
    assert (check.sentence, check.flip) == ("the shopper refused profiling", "consent to profiling")
    assert told.not_eligible == 0


def test_profiling_follows_the_setting_until_the_shopper_says_so() -> None:
    campaigns = campaigns_of({"id": "c"})
    told = tell(campaigns, [YES, viewed(MONDAY)], SideInputs(default_profiling=False))
    assert told.reasons == ["no_consent"]
    agreed = consent(MONDAY, "yes", profiling=True)
    told = tell(campaigns, [YES, agreed, viewed(MONDAY)], SideInputs(default_profiling=False))
    assert told.reasons == [None]


@pytest.mark.parametrize("purpose", ["marketing", "training"])
def test_unknown_is_no_for_marketing_and_training(purpose: str) -> None:
    campaigns = campaigns_of({"id": "c", "purpose": purpose})
    told = tell(campaigns, [viewed(MONDAY)])
    assert told.decision.candidates[0].checks[-1].sentence == f"the shopper has not agreed to {purpose}"
    assert told.reasons == ["no_consent"]
    assert tell(campaigns, [consent(MONDAY, **{purpose: True}), viewed(MONDAY)]).reasons == [None]


def test_a_withdrawn_consent_stops_the_next_offer() -> None:
    withdrawn = consent(MONDAY + 2, "no", marketing=False)
    told = tell(campaigns_of({"id": "c"}), [YES, viewed(MONDAY + 1), withdrawn, viewed(MONDAY + 3)])
    assert [decision.outcome for decision in told.decisions] == ["offered", "suppressed"]


def test_too_late_is_a_lag_above_reach_within() -> None:
    for lag_ms, reason in ((10 * MINUTE, None), (10 * MINUTE + 1, "too_late")):
        told = tell(campaigns_of({"id": "c"}), [YES, viewed(MONDAY)], SideInputs(lag_ms))
        assert (told.reasons, told.decision.lag_ms) == ([reason], lag_ms)


def test_products_that_are_all_sold_out_stop_an_offer() -> None:
    campaigns = campaigns_of({"id": "c", "offers": offer(products={"from": "viewed"})})
    events = [YES, viewed(MONDAY, "p"), viewed(MONDAY + 1, "q")]
    gone = {"p": Product("p", stock=0), "q": Product("q", stock=0)}
    told = tell(campaigns, events, SideInputs(catalog=gone))
    assert told.reasons == ["out_of_stock"]
    assert (
        told.decision.candidates[0].checks[-1].sentence
        == "2 of the products sold out (q, ...), at least one in stock needed"
    )
    told = tell(campaigns, events, SideInputs(catalog={**gone, "p": Product("p", stock=1)}))
    assert (told.reasons, told.promotions[-1].product_ids) == ([None], ("p",))
    told = tell(campaigns, events, SideInputs(catalog={"p": Product("p"), "x": Product("x", stock=0)}))
    assert told.promotions[-1].product_ids == ("q", "p")


def test_a_text_without_a_product_to_name_is_rejected() -> None:
    parts = {"products": {"from": "cart"}, "copy": {"template": "{first_product} waits"}}
    campaigns = campaigns_of({"id": "c", "offers": offer(**parts)})
    assert tell(campaigns, [YES, viewed(MONDAY)]).reasons == ["copy_rejected"]
    added = track("Product Added", MONDAY, product_id="boots")
    told = tell(campaigns, [YES, added, viewed(MONDAY)])
    assert msgspec.to_builtins(told.promotions[0].copy) == {
        "text": "boots waits",
        "locale": "und",
        "source": "template",
    }


def test_quiet_hours_put_an_offer_off_until_they_end() -> None:
    night = {"from": "21:00", "to": "08:00"}
    campaigns = campaigns_of({"id": "c", "valid_for": "9h"}, quiet_hours=night)
    told = tell(campaigns, [YES, viewed(MONDAY)])
    (promotion,) = told.promotions
    assert (promotion.not_before, promotion.expires_at) == (MONDAY + 8 * HOUR, MONDAY + 9 * HOUR)
    assert promotion.deliver_before == MONDAY + 8 * HOUR + 10 * MINUTE


def test_quiet_hours_that_end_with_the_offer_or_later_suppress_it() -> None:
    night = {"from": "21:00", "to": "08:00"}
    told = tell(campaigns_of({"id": "c", "valid_for": "8h"}, quiet_hours=night), [YES, viewed(MONDAY)])
    assert told.reasons == ["quiet_hours"]
    check = told.decision.candidates[0].checks[-1]
    assert check.flip == "an offer valid for at least 481 minutes"
    assert tell(
        campaigns_of({"id": "c", "valid_for": "8h"}, quiet_hours=night), [YES, viewed(MONDAY + 1)]
    ).reasons == [None]


def test_quiet_hours_are_those_of_the_shoppers_time_zone() -> None:
    night = {"from": "21:00", "to": "08:00"}
    campaigns = campaigns_of({"id": "c"}, quiet_hours=night, time_zone="Europe/Berlin")
    at_five = {**viewed(MONDAY), "context": {"timezone": "Asia/Kolkata"}}  # 05:30 there, 01:00 in Berlin
    assert tell(campaigns, [YES, at_five]).promotions[0].not_before == MONDAY + 2 * HOUR + 30 * MINUTE
    assert tell(campaigns, [YES, viewed(MONDAY)]).promotions[0].not_before == MONDAY + 7 * HOUR


def test_the_first_step_that_fails_is_the_reason() -> None:
    """Take the obstacles away one after the other, from the first step to the last."""
    night = {"from": "21:00", "to": "08:00"}
    parts = {
        "products": {"from": "viewed"},
        "copy": {"template": "{first_product}"},
        "cost": 5,
    }
    caps = [{"at_most": 1, "per": "7d"}]

    def reason(
        valid_for: str, lag_ms: int, *before: Json, stock: int = 0, cost: float = 5, hours: object = night
    ) -> object:
        campaign = {
            "id": "c",
            "valid_for": valid_for,
            "caps": caps,
            "offers": offer(**{**parts, "cost": cost}),
        }
        side = SideInputs(lag_ms, {"p": Product("p", stock=stock)})
        return tell(
            campaigns_of(campaign, cool_down="1d", quiet_hours=hours), [*before, viewed(MONDAY + 1)], side
        ).reasons[0]

    assert reason("1h", 11 * MINUTE) == "no_consent"
    assert reason("1h", 11 * MINUTE, YES) == "too_late"
    assert reason("1h", 0, YES) == "out_of_stock"
    assert reason("1h", 0, YES, stock=1) == "low_value"
    assert reason("1h", 0, YES, stock=1, cost=0) == "quiet_hours"
    assert reason("9h", 0, YES, stock=1, cost=0) is None
    assert reason("1h", 0, YES, viewed(MONDAY), stock=1, cost=0) == "quiet_hours"
    assert reason("9h", 0, YES, viewed(MONDAY), stock=1, cost=0) == "capped"


def test_a_conditions_sentences_are_the_reasons_of_a_promotion() -> None:
    when = {"any": [{"feature": "clicks", "at_least": 1}, {"feature": "views", "at_least": 1}]}
    (promotion,) = tell(campaigns_of({"id": "c", "when": when}), [YES, viewed(MONDAY)]).promotions
    assert [msgspec.to_builtins(reason) for reason in promotion.reasons] == [
        {"code": "views", "sentence": "number of product views is 1, at least 1 needed"}
    ]


@pytest.mark.parametrize(
    ("coupon", "out"),
    [
        (
            {"kind": "percent", "value": 10, "code": "RUN10"},
            {"kind": "percent", "value": 10.0, "code": "RUN10"},
        ),
        ({"kind": "amount", "value": 5}, {"kind": "amount", "value": 5.0, "code": ""}),
        ({"kind": "free_shipping", "code": "X"}, {"kind": "free_shipping", "value": 0.0, "code": "X"}),
    ],
)
def test_a_coupon_goes_out_with_kind_value_and_code(coupon: Json, out: Json) -> None:
    (promotion,) = tell(
        campaigns_of({"id": "c", "offers": offer(coupon=coupon)}), [YES, viewed(MONDAY)]
    ).promotions
    assert msgspec.to_builtins(promotion.coupon) == out

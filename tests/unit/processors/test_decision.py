from hashlib import blake2b

import msgspec
import pytest

from processors.side_inputs import SideInputs
from schemas.catalog import Product
from schemas.decisions import Outcome, Reason
from schemas.ids import Minor
from tests.support.story import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    OFFER,
    Json,
    campaigns_of,
    consent,
    order,
    tell,
    track,
)

YES = consent(MONDAY, marketing=True)


def viewed(at: int, product_id: str = "p") -> Json:
    return track("Product Viewed", at, f"view {at} {product_id}", product_id=product_id, category="shoes")


def offer(**parts: object) -> list[Json]:
    return [{**OFFER, **parts}]


def id_of(campaign: str, message: str) -> str:
    return blake2b(f'["ann","{campaign}","{message}"]'.encode()).digest()[:16].hex()


def test_ruling_57_a_campaign_without_any_rule_offers_at_once_by_its_defaults() -> None:
    told = tell(campaigns_of({"id": "c"}), [YES, viewed(MONDAY)])
    (promotion,) = told.promotions
    assert promotion.not_before == MONDAY
    assert promotion.expires_at == MONDAY + 7 * DAY
    assert promotion.deliver_before == MONDAY + 10 * MINUTE
    assert (promotion.purpose, promotion.experiment, promotion.reasons) == ("marketing", None, ())
    assert (promotion.product_ids, promotion.copy, promotion.coupon, promotion.creative) == (
        (),
        None,
        None,
        None,
    )
    assert told.decision.candidates[0].expected_value == 0.0


def test_ruling_59_a_record_has_the_fields_of_the_contract() -> None:
    campaigns = campaigns_of(
        {"id": "a", "priority": 1}, {"id": "b"}, {"id": "no", "when": {"feature": "clicks", "at_least": 1}}
    )
    told = tell(campaigns, [YES, viewed(MONDAY + 5)])
    decision = told.decision
    assert msgspec.to_builtins(decision.trigger) == {
        "event": "Product Viewed",
        "message_id": f"view {MONDAY + 5} p",
        "at": MONDAY + 5,
    }
    assert (decision.user_id, decision.now, decision.outcome) == ("ann", MONDAY + 5, Outcome.OFFERED)
    assert (decision.campaign_id, decision.promotion_id) == ("a", "p")
    assert decision.decision_id == id_of("a", f"view {MONDAY + 5} p")
    found = [(c.campaign_id, c.decision_id, c.outcome, c.reason) for c in decision.candidates]
    assert found == [
        ("a", id_of("a", f"view {MONDAY + 5} p"), "offered", None),
        ("b", id_of("b", f"view {MONDAY + 5} p"), "suppressed", "lost_arbitration"),
    ]
    assert (told.not_live, told.not_eligible) == (0, 1)


def test_ruling_59_without_a_live_and_eligible_campaign_there_is_no_record() -> None:
    campaigns = campaigns_of(
        {"id": "later", "live": {"from": "2026-03-03T00:00:00Z"}},
        {"id": "no", "when": {"feature": "clicks", "at_least": 1}},
    )
    told = tell(campaigns, [YES, viewed(MONDAY)])
    assert (told.decisions, told.not_live, told.not_eligible) == ([], 1, 1)


def test_ruling_59_a_record_without_a_winner_is_suppressed_and_has_no_ids() -> None:
    decision = tell(campaigns_of({"id": "c"}), [viewed(MONDAY)]).decision
    assert (decision.outcome, decision.campaign_id, decision.promotion_id, decision.decision_id) == (
        Outcome.SUPPRESSED,
        None,
        None,
        None,
    )
    assert decision.candidates[0].outcome is Outcome.SUPPRESSED


def test_a_campaign_is_live_from_its_first_moment_until_before_its_end() -> None:
    live = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z"}
    campaigns = campaigns_of({"id": "c", "live": live})
    for at, decided in ((MONDAY - 1, 0), (MONDAY, 1), (MONDAY + DAY - 1, 1), (MONDAY + DAY, 0)):
        assert len(tell(campaigns, [{**YES, "timestamp": MONDAY - 1}, viewed(at)]).decisions) == decided


def test_a_trigger_of_exactly_an_hour_ago_decides_and_an_older_one_is_stale() -> None:
    for late, stale in ((HOUR, 0), (HOUR + 1, 1)):
        told = tell(campaigns_of({"id": "c"}), [YES, track("Cart Viewed", MONDAY + late), viewed(MONDAY)])
        assert (told.stale, len(told.decisions)) == (stale, 1 - stale)


def test_a_late_trigger_is_decided_at_stream_time() -> None:
    told = tell(campaigns_of({"id": "c"}), [YES, track("Cart Viewed", MONDAY + HOUR), viewed(MONDAY)])
    assert (told.decision.now, told.decision.trigger.at) == (MONDAY + HOUR, MONDAY)
    assert told.promotions[0].expires_at == MONDAY + HOUR + 7 * DAY


def test_a_late_event_cannot_reopen_a_closed_cap_window() -> None:
    campaigns = campaigns_of({"id": "c", "caps": [{"at_most": 1, "per": "1h"}]})
    told = tell(campaigns, [YES, viewed(MONDAY + 50 * MINUTE), viewed(MONDAY)])
    assert told.reasons == ["capped"]


def test_ruling_56_a_capped_campaign_leaves_the_trigger_to_the_others() -> None:
    campaigns = campaigns_of({"id": "a", "priority": 1, "caps": [{"at_most": 1, "per": "7d"}]}, {"id": "b"})
    told = tell(campaigns, [YES, viewed(MONDAY), viewed(MONDAY + 1), viewed(MONDAY + 7 * DAY)])
    assert [decision.campaign_id for decision in told.decisions] == ["a", "b", "a"]
    assert [c.reason for c in told.decisions[1].candidates] == ["capped", None]


def test_ruling_56_one_cool_down_over_all_campaigns() -> None:
    campaigns = campaigns_of(
        {"id": "a", "priority": 1, "caps": [{"at_most": 1, "per": "7d"}]}, {"id": "b"}, cool_down="1d"
    )
    told = tell(campaigns, [YES, viewed(MONDAY), viewed(MONDAY + DAY - 1), viewed(MONDAY + DAY)])
    assert [[c.reason for c in d.candidates] for d in told.decisions] == [
        [None, "lost_arbitration"],
        ["capped", "cooling_down"],
        ["capped", None],
    ]


def test_a_ghost_offer_counts_in_caps_and_cool_down_and_sends_nothing() -> None:
    held = campaigns_of({"id": "c", "hold_out": 1.0, "caps": [{"at_most": 1, "per": "7d"}]})
    told = tell(held, [YES, viewed(MONDAY), viewed(MONDAY + 1)])
    first, second = told.decisions
    assert (first.outcome, first.campaign_id, first.candidates[0].reason) == ("held_out", "c", "held_out")
    assert (first.decision_id, first.promotion_id) == (first.candidates[0].decision_id, "p")
    assert second.candidates[0].reason == "capped"
    assert told.promotions == []
    cooling = campaigns_of({"id": "c", "hold_out": 1.0}, cool_down="1d")
    assert tell(cooling, [YES, viewed(MONDAY), viewed(MONDAY + 1)]).reasons == ["cooling_down"]


def test_the_hold_out_is_the_last_step_and_only_the_winner_can_become_a_ghost() -> None:
    campaigns = campaigns_of({"id": "a", "hold_out": 1.0}, {"id": "b", "priority": 1, "hold_out": 1.0})
    told = tell(campaigns, [YES, viewed(MONDAY)])
    assert told.reasons == ["lost_arbitration", "held_out"]
    assert told.decision.candidates[1].checks[-1].code == "hold_out"


def test_a_global_hold_out_holds_for_all_campaigns() -> None:
    told = tell(campaigns_of({"id": "c"}, hold_out=1.0), [YES, viewed(MONDAY)])
    assert told.reasons == ["held_out"]


def test_an_offer_of_a_campaign_with_a_hold_out_names_its_experiment() -> None:
    told = tell(campaigns_of({"id": "c", "hold_out": 1e-12}), [YES, viewed(MONDAY)])
    assert msgspec.to_builtins(told.promotions[0].experiment) == {"key": "c", "variation": "offered"}


@pytest.mark.parametrize(
    ("campaigns", "winner"),
    [
        (({"id": "a"}, {"id": "b", "priority": 1}), "b"),
        (({"id": "a", "priority": -1}, {"id": "b"}), "b"),
        (({"id": "a"}, {"id": "b"}), "a"),
        (({"id": "a"}, {"id": "b", "offers": offer(products={"from": "viewed"})}), "b"),
        (({"id": "a", "priority": 1}, {"id": "b", "offers": offer(products={"from": "viewed"})}), "a"),
    ],
)
def test_priority_decides_then_expected_value_then_the_place_in_the_file(
    campaigns: tuple[Json, ...], winner: str
) -> None:
    side = SideInputs(catalog={"p": Product("p", margin=Minor(1000))})
    told = tell(campaigns_of(*campaigns), [YES, viewed(MONDAY)], side)
    assert told.decision.campaign_id == winner
    assert len(told.promotions) == 1


@pytest.mark.parametrize(
    ("campaigns", "flip"),
    [
        (({"id": "a", "priority": 5}, {"id": "b"}), "priority 6"),
        (({"id": "a"}, {"id": "b", "priority": 5}), "priority 5"),  # at equal priority a would come first
        (
            ({"id": "a"}, {"id": "b", "priority": 1_000_000}, {"id": "c", "priority": 1_000_000}),
            "priority 1000000",
        ),
    ],
)
def test_a_loser_says_the_lowest_priority_that_wins(campaigns: tuple[Json, ...], flip: str) -> None:
    decision = tell(campaigns_of(*campaigns), [YES, viewed(MONDAY)]).decision
    loser = next(c for c in decision.candidates if c.reason is Reason.LOST_ARBITRATION)
    assert loser.checks[-1].flip == flip


def test_a_priority_beyond_what_a_file_allows_is_no_flip() -> None:
    top = {"priority": 1_000_000}
    decision = tell(campaigns_of({"id": "a", **top}, {"id": "b", **top}), [YES, viewed(MONDAY)]).decision
    assert decision.candidates[1].checks[-1].flip == ""


def test_a_record_keeps_what_it_was_decided_from() -> None:
    when = {
        "all": [
            {"feature": "views", "at_least": 1},
            {"not": {"feature": "orders", "within": "7d", "at_least": 1}},
        ]
    }
    campaigns = campaigns_of({"id": "c", "when": when, "caps": [{"at_most": 5, "per": "1d"}]})
    side = SideInputs(model_versions={"tags": "v1"})
    told = tell(campaigns, [YES, viewed(MONDAY), viewed(MONDAY + 1), viewed(MONDAY + DAY)], side)
    first, second, third = told.decisions
    assert third.features == {"views": 3, "orders(7d)": 0}
    # The offers of before, within the longest window; the offer itself is not among them.
    assert first.offers == {}
    assert second.offers == {"c": [MONDAY]}
    assert third.offers == {"c": [MONDAY, MONDAY + 1]}  # kept while an offer is valid
    assert first.consent == {"profiling": True, "marketing": True, "training": False}
    assert (first.model_versions, first.scores, first.positions) == ({"tags": "v1"}, {}, {})
    assert first.policy_digest == campaigns.digest


def test_the_trigger_is_folded_in_before_conditions_are_read() -> None:
    campaigns = campaigns_of(
        {"id": "c", "triggers": ["Order Completed"], "when": {"feature": "orders", "equals": 1}}
    )
    assert len(tell(campaigns, [YES, order("o", MONDAY, 10)]).promotions) == 1

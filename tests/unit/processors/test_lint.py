"""Campaigns that are right as text and can never fire, or always lose."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.campaigns import compile_campaigns
from processors.lint import lint
from processors.possible import Setting, why_never
from schemas.campaign_file import load_campaigns
from schemas.campaigns import CampaignFile, Condition
from tests.support.histories import agreed, campaign_files, histories, nearly_in_order, some_histories
from tests.support.story import MONDAY, OFFER, POLICY, Json, tell

LATER = MONDAY + 1


def found(*campaigns: Json, **shop: object) -> list[str]:
    """Return the findings about some campaigns, notes in brackets."""
    full = [
        {"id": f"c{place}", "triggers": ["Product Viewed"], "offers": [OFFER], **campaign}
        for place, campaign in enumerate(campaigns)
    ]
    file = load_campaigns(json.dumps({"shop": shop, "campaigns": full}), "c.yaml")
    return [
        f"[{finding.line()}]" if finding.is_note else finding.line()
        for finding in lint(file, compile_campaigns(file, POLICY, "USD"), ("vip",), LATER)
    ]


def never(*conditions: Json, triggers: tuple[str, ...] = ("Product Clicked",)) -> str | None:
    (line,) = found({"when": {"all": list(conditions)}, "triggers": list(triggers)}) or [None]
    return None if line is None else line.removeprefix("campaigns[0] (c0): can never fire: ")


def f(feature: str, **parts: object) -> Json:
    return {"feature": feature, **parts}


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ([f("orders", at_least=3), f("orders", below=3)], "number of orders: at least 3 needed and less than 3 needed"),
        ([f("orders", at_least=3), f("orders", below=3.5)], None),
        ([f("orders", above=2), f("orders", below=3)], "number of orders: more than 2 needed and less than 3 needed"),
        ([f("affinity", tag="a", above=2), f("affinity", tag="a", below=3)], None),
        ([f("affinity", tag="a", at_least=3), f("affinity", tag="b", below=3)], None),
        ([f("orders", equals=2.5)], "number of orders: 2.5 needed"),
        ([f("cart_value", equals=0.005)], "value of the cart: USD 0.01 needed"),
        ([f("views", below=0)], "number of product views: less than 0 needed"),
        ([f("is_known", equals=True), {"not": f("is_known", equals=True)}], "known by a user id: yes needed"),
        ([f("rfm", equals="new"), f("rfm", one_of=["lost", "loyal"])], "buyer group: new needed"),
        ([f("rfm", equals="new"), f("rfm", one_of=["new", "loyal"])], None),
        ([{"not": f("rfm", one_of=["champion", "loyal", "new", "promising", "at_risk", "lost", "prospect"])}], None),
        ([f("trait", name="vip", equals=True), f("trait", name="vip", equals="yes")], "trait vip: "),
        ([f("trait", name="vip", at_least=1), f("trait", name="vip", at_most=1.5)], None),
        ([f("trait", name="shoe_size", at_least=1)], "trait shoe_size: at least 1 needed, but the setting shop.traits"),
        ([{"not": f("trait", name="shoe_size", at_least=1)}], None),
        ([f("trait", name="timezone", equals="Europe/Berlin")], None),
        ([f("days_since_seen", at_least=7)], "number of days since the last visit: at least 7 needed, but it is 0 for"),
        ([f("session_events", at_least=51)], "number of product events in this visit: at least 51 needed"),
        ([f("session_events", at_least=50)], None),
        ([f("views", within="2h", at_least=51)], "number of product views in the last 2 hours: at least 51 needed"),
        ([f("views", within="2d", at_least=51)], None),
        ([f("orders", within="2h", at_least=65)], "number of orders in the last 2 hours: at least 65 needed"),
        ([f("orders", within="7d", at_least=2), f("orders", at_most=1)], "number of orders in the last 7 days: at least 2"),
        ([f("orders", within="7d", at_most=1), f("orders", at_least=2)], None),
        ([f("orders", within="2d", at_least=2), f("orders", within="7d", below=2)], "number of orders in the last 2 days"),
        ([f("orders", within="7d", at_least=2), f("orders", within="24h", below=2)], None),
        ([f("spend", within="24h", above=9), f("spend", within="2d", at_most=9)], "money spent in the last 24 hours"),
        ([f("spend", within="24h", above=9), f("spend", within="1d", at_most=9)], None),  # 24 hours span two days
        ([f("cart_value", above=0), f("cart_items", below=1)], "value of the cart: more than USD 0.00 needed, against"),
        ([f("cart_value", at_least=0), f("cart_items", below=1)], None),
        ([f("session_minutes", above=0), f("session_events", at_most=1)], "minutes in this visit: more than 0.0"),
        ([f("days_since_order", at_least=1), f("orders", equals=0)], "number of days since the last order"),
        ([{"not": f("days_since_order", at_least=1)}, f("orders", equals=0)], None),
        ([{"any": [f("orders", below=0), f("views", below=0)]}], "number of orders: less than 0 needed"),
        ([{"any": [f("orders", below=0), f("views", below=1)]}], None),
        ([{"not": {"any": [f("orders", at_least=0), f("views", above=3)]}}], "number of orders: less than 0 needed"),
    ],
)  # fmt: skip
def test_conditions_that_cannot_hold_are_told_with_the_reason(
    conditions: list[Json], words: str | None
) -> None:
    told = never(*conditions)
    assert told is None if words is None else (told or "").startswith(words), told


def test_the_event_that_asks_has_been_counted() -> None:
    assert never(f("views", equals=0), triggers=("Product Viewed",)) is not None
    assert never(f("views", equals=0), triggers=("Product Viewed", "Product Added")) is None
    assert (
        never(f("views", within="1h", equals=0), triggers=("Product Viewed",)) is None
    )  # it may have come late


def test_an_offer_that_costs_and_earns_nothing_and_a_hold_out_of_all_never_fire() -> None:
    costly = {**OFFER, "cost": 1.0}
    assert found({"offers": [costly]}) == [
        (
            "campaigns[0] (c0): can never fire: its offer has a cost and no `products` to earn it back,"
            " so its value is always below 0"
        )
    ]
    assert found({"offers": [{**costly, "products": {"from": "cart"}}]}) == []
    assert found({"hold_out": 1}) == [
        "campaigns[0] (c0): can never fire: hold_out is 1, so everybody is held out"
    ]
    assert found({}, hold_out=1) == [
        "campaigns[0] (c0): can never fire: shop.hold_out is 1, so everybody is held out"
    ]


def test_what_is_over_paused_or_superfluous_is_a_note() -> None:
    past = {"live": {"from": "2020-01-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}}
    assert found(past) == ["[campaigns[0] (c0): was live until 2026-03-02T00:00:00.000Z]"]
    assert found({"paused": True}) == ["[campaigns[0] (c0): is paused]"]
    caps = [{"at_most": 5, "per": "7d"}, {"at_most": 3, "per": "30d"}, {"at_most": 1, "per": "1d"}]
    assert found({"caps": caps}) == ["[campaigns[0] (c0): caps[0] changes nothing: caps[1] allows no more]"]
    assert found({"caps": caps[1:2] * 2}) == [
        "[campaigns[0] (c0): caps[1] changes nothing: caps[0] allows no more]"
    ]


STRONG: Json = {"priority": 9, "when": f("orders", at_least=1)}
WEAK: Json = {"when": {"all": [f("orders", at_least=2), f("views", at_least=1)]}}


def test_a_campaign_always_loses_to_one_that_fits_whenever_it_does_and_ranks_higher() -> None:
    assert found(WEAK, STRONG) == [
        (
            "campaigns[0] (c0): always loses to campaigns[1] (c1), which fits whenever it does, has no caps,"
            " and priority 9 over 0"
        )
    ]
    assert found(WEAK, {"triggers": ["Product Viewed", "Product Added"], "priority": 1}) != []
    assert found({}, {}) == [
        (
            "campaigns[1] (c1): always loses to campaigns[0] (c0), which fits whenever it does, has no caps,"
            " and stands before it with the same priority"
        )
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"priority": 0},
        {"paused": True},
        {"caps": [{"at_most": 100, "per": "1h"}]},
        {"when": f("orders", at_least=3)},
        {"when": f("orders", within="7d", at_least=1)},
        {"triggers": ["Product Added"]},
        {"live": {"to": "2030-01-01T00:00:00Z"}},
        {"purpose": "training"},
        {"reach_within": "1m"},
        {"offers": [{**OFFER, "products": {"from": "viewed"}}]},
    ],
    ids=str,
)
def test_whatever_may_let_the_other_one_through_is_no_finding(change: Json) -> None:
    assert [line for line in found(WEAK, {**STRONG, **change}) if not line.startswith("[")] == []


def test_quiet_hours_may_stop_the_offer_that_ends_sooner() -> None:
    quiet = {"from": "21:00", "to": "08:00"}
    assert found(WEAK, {**STRONG, "valid_for": "1h"}, quiet_hours=quiet) == []
    assert len(found(WEAK, {**STRONG, "valid_for": "8d"}, quiet_hours=quiet)) == 1


def test_a_condition_with_too_many_ways_to_hold_is_taken_as_possible() -> None:
    either = {"any": [f("orders", below=0), f("orders", below=-1)]}
    setting = Setting("USD", POLICY, (), ("Product Viewed",))
    tree: Json = {"all": [either] * 12}
    condition = load_campaigns(
        json.dumps({"campaigns": [{"id": "c", "triggers": ["Product Viewed"], "offers": [OFFER], "when": tree}]}), "c"
    ).campaigns[0].when  # fmt: skip
    assert isinstance(condition, Condition)
    assert why_never(condition, setting) is None


@some_histories
@given(st.data())
def test_what_is_said_never_to_fire_or_always_to_lose_is_never_chosen(data: st.DataObject) -> None:
    file: CampaignFile = data.draw(campaign_files())
    campaigns = compile_campaigns(file, POLICY, "USD")
    odd = {
        finding.campaign_id
        for finding in lint(file, campaigns, ("vip", "age", "city"), 0)
        if not finding.is_note
    }
    told = tell(campaigns, data.draw(nearly_in_order(agreed(data.draw(histories())))))
    assert not odd & {promotion.campaign_id for promotion in told.promotions}

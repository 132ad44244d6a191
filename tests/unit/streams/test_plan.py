"""What a campaign file would do, counted over events, beside another one."""

from pathlib import Path

import msgspec
import pytest

from schemas.campaign_file import load_campaigns
from schemas.campaigns import CampaignFile
from streams.parts import build, compiled, policy_of
from streams.plan import Effect, Effects, changes, effects_of
from streams.plan_page import plan_page
from streams.settings import Settings
from tests.support.lines import NOW_MS, write
from tests.support.story import DAY, MINUTE, MONDAY, consent, track

OLD = """
campaigns:
  - id: looker
    triggers: [Product Viewed]
    offers: [{promotion_id: p10, name: Ten off, products: {from: viewed}, cost: 1.25}]
    caps: [{at_most: 1, per: 7d}]
  - {id: gone, triggers: [Product Added], offers: [{promotion_id: g, name: G}]}
"""
NEW = """
shop: {cool_down: 1m}
campaigns:
  - {id: fresh, triggers: [Product Viewed], offers: [{promotion_id: f, name: F}], when: {feature: views, at_least: 3}}
  - id: looker
    triggers: [Product Viewed]
    offers: [{promotion_id: p10, name: Ten off, products: {from: viewed}, cost: 1.25}]
    caps: [{at_most: 2, per: 7d}]
"""


def file_of(text: str) -> CampaignFile:
    return load_campaigns(text, "campaigns.yaml")


def effects(tmp_path: Path, text: str) -> Effects:
    settings = Settings()
    catalog = write(
        tmp_path / "catalog.jsonl", {"id": "boots", "margin": 90, "currency": "USD", "price": 100}
    )
    settings = msgspec.structs.replace(
        settings, campaigns=msgspec.structs.replace(settings.campaigns, catalog=str(catalog))
    )
    events = [
        event
        for user in ("ann", "bob", "zoe")
        for event in (
            consent(MONDAY - 1, f"{user} yes", user, marketing=user != "zoe"),
            *(
                track("Product Viewed", MONDAY + n * MINUTE, f"{user} {n}", user, product_id="boots")
                for n in range(4)
            ),
        )
    ]
    file = write(
        tmp_path / "e.jsonl",
        *events,
        track("Product Viewed", MONDAY + 9 * DAY, "later", "bob", product_id="boots"),
    )
    campaigns = compiled(file_of(text), settings, policy_of(settings.profile))
    return effects_of([file], build(settings, tags="category"), campaigns, lambda *_: None, NOW_MS)


def test_offers_cost_reach_and_reasons_are_counted_per_campaign(tmp_path: Path) -> None:
    found = effects(tmp_path, OLD)
    assert found.by_campaign == {
        "looker": Effect(3, 0, 3.75, 2, {"capped": 6, "no_consent": 4}),  # type: ignore[arg-type]
        "gone": Effect(),
    }
    assert (found.total.offers, found.total.cost, found.total.reach) == (3, 3.75, 2)
    assert found.unasked == {}
    new = effects(tmp_path, NEW)
    assert new.by_campaign["fresh"].reach == 2
    assert new.unasked == {"not_eligible": 6}
    assert new.total.reach == 2
    assert not list(tmp_path.glob("beckon-plan-*"))


def test_the_page_shows_both_files_side_by_side(tmp_path: Path) -> None:
    old, new = effects(tmp_path, OLD), effects(tmp_path, NEW)
    page = plan_page(new, old, list(changes(file_of(OLD), file_of(NEW))), "USD")
    lines = page.splitlines()
    assert lines[0] == f"campaign file {new.digest}, beside {old.digest}"
    assert lines[1:5] == [
        "  changed  shop: cool_down",
        "  new      fresh",
        "  changed  looker: caps",
        "  removed  gone",
    ]
    assert [line.split() for line in lines[6:11]] == [
        ["offers", "cost", "in", "USD", "reach", "held", "out"],
        ["fresh", "0", "->", "4", "0.00", "0", "->", "2", "0"],
        ["looker", "3", "->", "5", "3.75", "->", "6.25", "2", "0"],
        ["gone", "0", "0.00", "0", "0"],
        ["all", "campaigns", "3", "->", "9", "3.75", "->", "6.25", "2", "0"],
    ]
    assert any(line.split() == ["looker", "no_consent", "4"] for line in lines)
    alone = plan_page(old, None, (), "USD")
    assert "->" not in alone
    assert any(line.split() == ["looker", "3", "3.75", "2", "0"] for line in alone.splitlines())


def test_changes_name_what_differs_and_what_moved() -> None:
    def told(old: str, new: str) -> list[str]:
        return [change.line() for change in changes(file_of(old), file_of(new))]

    assert told(OLD, OLD) == []
    one = "campaigns:\n  - {id: ID, triggers: [Product Viewed], offers: [{promotion_id: p, name: P}]}\n"
    a, b = (one.replace("ID", name).split("\n", 1)[1] for name in "ab")
    assert told(f"campaigns:\n{a}{b}", f"campaigns:\n{b}{a}") == ["moved    b", "moved    a"]
    assert told(f"campaigns:\n{a}", f"campaigns:\n{a.replace('}]}', '}], priority: 3, paused: true}')}") == [
        "changed  a: priority, paused"
    ]


@pytest.mark.parametrize("text", ["campaigns: []", NEW])
def test_no_events_are_no_offers(tmp_path: Path, text: str) -> None:
    settings = Settings()
    campaigns = compiled(file_of(text), settings, policy_of(settings.profile))
    empty = write(tmp_path / "e.jsonl")
    found = effects_of([empty], build(settings, tags="category"), campaigns, lambda *_: None, NOW_MS)
    assert found.total == Effect()
    assert "nothing was stopped" in plan_page(found, None, (), "USD")

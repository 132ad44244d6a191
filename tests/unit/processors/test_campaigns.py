import pytest

from processors.policy import ProfilePolicy
from schemas.errors import CampaignError
from tests.support.story import DAY, HOUR, MINUTE, campaigns_of


def test_campaigns_are_found_by_trigger_in_the_order_of_the_file() -> None:
    campaigns = campaigns_of(
        {"id": "a", "triggers": ["Product Added", "Product Viewed"]},
        {"id": "b", "triggers": ["Product Viewed"]},
    )
    found = {trigger: [ready.id for ready in some] for trigger, some in campaigns.by_trigger.items()}
    assert found == {"Product Added": ["a"], "Product Viewed": ["a", "b"]}


def test_texts_become_milliseconds() -> None:
    campaign = {
        "id": "c",
        "live": {"from": "1970-01-02T00:00:00Z"},
        "valid_for": "48h",
        "reach_within": "5m",
        "caps": [{"at_most": 1, "per": "90d"}, {"at_most": 20, "per": "7d"}],
    }
    campaigns = campaigns_of(campaign, cool_down="1h", quiet_hours={"from": "21:00", "to": "08:30"})
    ready = campaigns.by_id["c"]
    assert (ready.live_from, ready.live_to) == (DAY, 1 << 62)
    assert (ready.valid_ms, ready.reach_ms) == (48 * HOUR, 5 * MINUTE)
    assert (ready.keep_ms, ready.keep_count) == (90 * DAY, 20)
    assert (campaigns.cool_down_ms, campaigns.keep_ms) == (HOUR, 90 * DAY)
    assert campaigns.quiet is not None and (campaigns.quiet.start, campaigns.quiet.end) == (1260, 510)


def test_a_window_longer_than_profiles_remember_is_one_readable_line() -> None:
    when = {"all": [{"not": {"feature": "orders", "within": "8d", "at_least": 1}}]}
    with pytest.raises(CampaignError) as error:
        campaigns_of({"id": "c", "when": when}, policy=ProfilePolicy(days_max=7))
    assert str(error.value) == (
        "campaigns[0].when.all[0].not.within: `8d` is longer than profiles remember; write 1d to 7d"
    )


def test_a_currency_other_than_the_settings_is_one_readable_line() -> None:
    with pytest.raises(CampaignError) as error:
        campaigns_of({"id": "c"}, currency="EUR")
    assert str(error.value) == (
        "shop.currency: is EUR, but the settings say USD; set shop.currency alike in both"
    )
    assert campaigns_of({"id": "c"}, currency="usd").currency == "USD"

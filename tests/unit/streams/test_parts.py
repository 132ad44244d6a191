"""Parts: what the settings name is read once, and what cannot be used is one line."""

from pathlib import Path

import pytest

from schemas.errors import BeckonError, CampaignError, InputError, SettingsError
from streams.parts import build, policy_of
from streams.settings import load

CAMPAIGNS = "campaigns: [{id: a, triggers: [Product Viewed], offers: [{promotion_id: p, name: P}]}]\n"


def test_defaults_need_no_file_at_all() -> None:
    parts = build(load(), tags="category")
    assert (parts.campaigns, parts.tagger, dict(parts.catalog)) == (None, None, {})
    assert parts.border.money.base == "USD"


def test_settings_of_profiles_become_the_policy_in_its_units() -> None:
    policy = policy_of(load({"profile.half_life_days": 7.0, "profile.session_gap_minutes": 0.5}).profile)
    assert (policy.half_life_ms, policy.session_gap_ms, policy.cart_age_ms) == (
        604_800_000.0,
        30_000,
        2_592_000_000,
    )
    assert policy_of(load().profile) == type(policy)()


def test_campaigns_and_catalogue_are_read(tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text(CAMPAIGNS)
    (tmp_path / "catalog.jsonl").write_text('{"id": "p1", "category": "shoes", "margin": 1.5}\n\n')
    flags = {
        "campaigns.file": str(tmp_path / "campaigns.yaml"),
        "campaigns.catalog": str(tmp_path / "catalog.jsonl"),
        "campaigns.prior_propensity": 0.2,
        "campaigns.stale_after_minutes": 2.0,
    }
    parts = build(load(flags), tags="category")
    assert parts.campaigns is not None
    assert list(parts.campaigns.by_id) == ["a"]
    assert (parts.campaigns.prior_propensity, parts.campaigns.stale_after_ms) == (0.2, 120_000)
    assert (parts.catalog["p1"].category, parts.catalog["p1"].margin) == ("shoes", 150)


@pytest.mark.parametrize(
    ("name", "raw", "error", "message"),
    [
        ("campaigns.file", None, InputError, "{file}: cannot be read (No such file or directory); give campaigns.file"),
        ("campaigns.file", b"\xff", InputError, "{file}: is not UTF-8 (byte 0); save it as UTF-8"),
        ("campaigns.file", b"campaigns: 1", CampaignError, "campaigns: wants a list, got a whole number"),
        ("campaigns.catalog", None, InputError, "{file}: cannot be read (No such file or directory)"),
        ("campaigns.catalog", b'{"id": "a"}\n{"id": []}\n', InputError, "{file}:2: "),
        ("campaigns.catalog", b'{"id": "a", "currency": "EUR"}', InputError, "{file}:1: unknown currency EUR"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_one_line(
    tmp_path: Path, name: str, raw: bytes | None, error: type[BeckonError], message: str
) -> None:
    path = tmp_path / "file"
    if raw is not None:
        path.write_bytes(raw)
    with pytest.raises(error) as caught:
        build(load({name: str(path)}), tags="category")
    assert str(caught.value).startswith(message.format(file=path)), str(caught.value)


def test_a_model_is_asked_for_only_when_tags_come_from_one(tmp_path: Path) -> None:
    settings = load({"models.dir": str(tmp_path)})
    assert build(settings, tags="category").tagger is None
    with pytest.raises(SettingsError, match="there is no model tags"):
        build(settings, tags="model")
    with pytest.raises(SettingsError, match=r"models\.tags: is empty"):
        build(load({"models.tags": ""}), tags="model")

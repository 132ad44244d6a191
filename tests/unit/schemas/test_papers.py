"""The pages that error lines point to: their examples work and no name is missing."""

import json
import re
from pathlib import Path

import pytest

from schemas.campaign_file import load_campaigns
from schemas.campaigns import Campaign, FeatureName, Offer, Op, Shop
from schemas.decisions import Reason
from schemas.events import EventName, Rejection
from schemas.exact import ALIASES
from tests.support.border import verdict

DOCS = Path(__file__).resolve().parents[3] / "docs"
EVENTS = (DOCS / "events.md").read_text(encoding="utf-8")
CAMPAIGNS = (DOCS / "campaigns.md").read_text(encoding="utf-8")


def test_the_example_event_is_accepted() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", EVENTS, re.DOTALL)
    assert verdict(json.loads(example)) == "accepted"


def test_the_example_campaign_is_accepted() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", CAMPAIGNS, re.DOTALL)
    assert load_campaigns(example, "docs/campaigns.md").campaigns[0].id == "first-run"


@pytest.mark.parametrize("name", [*EventName, *ALIASES])
def test_events_are_described_by_name(name: str) -> None:
    assert re.search(rf"\b{name}\b", EVENTS)


@pytest.mark.parametrize("reason", Rejection)
def test_reasons_of_dead_letters_have_a_row(reason: Rejection) -> None:
    assert f"\n| `{reason}` |" in EVENTS


@pytest.mark.parametrize("reason", Reason)
def test_reasons_of_suppression_have_a_row(reason: Reason) -> None:
    assert f"\n| `{reason}` |" in CAMPAIGNS


@pytest.mark.parametrize(
    "name",
    [
        *FeatureName,
        *Op,
        *Campaign.__struct_encode_fields__,
        *Offer.__struct_encode_fields__,
        *Shop.__struct_encode_fields__,
    ],
)
def test_fields_features_and_comparisons_have_a_row(name: str) -> None:
    assert re.search(rf"\n\| [^|]*`{name}`", CAMPAIGNS)


def test_links_lead_to_headings() -> None:
    for paper, target in re.findall(r"\]\((\w+\.md)#([\w-]+)\)", CAMPAIGNS + EVENTS):
        headings = re.findall(r"^#+ (.+)$", (DOCS / paper).read_text(encoding="utf-8"), re.MULTILINE)
        assert target in {heading.lower().replace(" ", "-") for heading in headings}

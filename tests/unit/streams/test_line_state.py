"""A profile put together again from its line decides as the profile itself would."""

from hypothesis import given
from hypothesis import strategies as st

from processors.campaigns import compile_campaigns
from processors.features import Facts
from processors.profile_page import profile_line
from processors.side_inputs import SideInputs
from processors.why_not import Answer, ask
from schemas.campaigns import CampaignFile, FeatureName
from schemas.decisions import Check
from schemas.ids import EventTime
from streams.line_state import profile_from
from streams.pages import read_profile
from streams.records import profile_json
from tests.support.histories import agreed, campaign_files, histories, some_histories
from tests.support.story import DAY, HOUR, POLICY, tell

_UNKNOWN = (FeatureName.TRAIT, FeatureName.IS_KNOWN)


@some_histories
@given(st.data())
def test_a_line_and_the_decisions_are_enough_for_every_feature_but_traits(data: st.DataObject) -> None:
    file: CampaignFile = data.draw(campaign_files())
    campaigns = compile_campaigns(file, POLICY, "USD")
    events = sorted(agreed(data.draw(histories())), key=lambda event: event["timestamp"])
    told = tell(campaigns, events)
    profile = told.profile
    as_of = EventTime(profile.last_seen + data.draw(st.sampled_from((0, 0, HOUR, 3 * DAY))))
    line = read_profile(profile_json(profile_line(profile, as_of, POLICY)))
    again = profile_from(line, as_of, told.decisions)
    at = EventTime(as_of + data.draw(st.sampled_from((0, 1, DAY, 40 * DAY))))
    facts, others = Facts(profile, at, POLICY), Facts(again, at, POLICY)
    for ready in campaigns.by_id.values():
        for comparison in ready.comparisons:
            if comparison.feature.code not in _UNKNOWN:
                _assert_same(comparison.key, comparison.read(facts), comparison.read(others))
    answers = [ask(each, "Product Viewed", at, campaigns, SideInputs()) for each in (profile, again)]
    one, other = map(_counted, answers)
    assert all(one[campaign] == other[campaign] for campaign in one.keys() & other.keys())


def _assert_same(key: str, one: object, other: object) -> None:
    is_close = isinstance(one, float) and isinstance(other, float) and abs(one - other) <= 2e-6
    assert one == other or is_close, key


def _counted(answer: Answer) -> dict[str, list[Check]]:
    """Return what caps and cool-down say of each candidate."""
    candidates = () if answer.decision is None else answer.decision.candidates
    return {c.campaign_id: [x for x in c.checks if x.code in ("cap", "cool_down")] for c in candidates}

"""Every decision can be made again from its record alone, byte for byte (design 6); a changed one cannot."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.campaigns import compile_campaigns
from processors.redecide import redecide
from processors.side_inputs import SideInputs
from schemas.decisions import Decision
from streams.records import decision_json
from tests.support.histories import (
    agreed,
    campaign_files,
    catalogs,
    histories,
    nearly_in_order,
    some_histories,
)
from tests.support.story import HOUR, MINUTE, MONDAY, POLICY, campaigns_of, consent, tell, track

_read = msgspec.json.Decoder(Decision).decode


@some_histories
@given(st.data())
def test_deciding_again_from_the_record_gives_the_same_bytes(data: st.DataObject) -> None:
    file = data.draw(campaign_files())
    prior = data.draw(st.sampled_from((0.05, 0.2, 1 / 3)))
    campaigns = compile_campaigns(file, POLICY, "USD", prior)
    told_with = data.draw(st.sampled_from((agreed, list)))
    side = SideInputs(
        lag_ms=data.draw(st.sampled_from((0, 0, 9 * MINUTE + 1, 11 * MINUTE))),
        catalog=data.draw(catalogs),
        default_profiling=data.draw(st.sampled_from((True, True, False))),
    )
    arrivals = data.draw(nearly_in_order(told_with(data.draw(histories()))))
    for decision in tell(campaigns, arrivals, side).decisions:
        raw = decision_json(decision)
        # Another worker's prior: the record has its own.
        again = redecide(_read(raw), compile_campaigns(file, POLICY, "USD", 0.7))
        assert decision_json(again) == raw


CAMPAIGNS = campaigns_of(
    {"id": "a", "when": {"any": [{"feature": "affinity", "tag": "shoes", "at_least": 1.5}, {"feature": "orders", "at_least": 1}]}, "caps": [{"at_most": 3, "per": "1d"}]},
    {"id": "b", "caps": [{"at_most": 1, "per": "7d"}], "hold_out": 0.5, "priority": -1},
    {"id": "c", "when": {"not": {"feature": "views", "at_least": 3}}},
    cool_down="1m",
)  # fmt: skip
STORY = (
    consent(MONDAY, marketing=True),
    *(track("Product Viewed", MONDAY + n * MINUTE, product_id="x", category="shoes") for n in range(5)),
)
RECORD = tell(CAMPAIGNS, STORY).decisions[2]
CHANGES: dict[str, Callable[[Decision], Decision]] = {
    "a value on the other side of a threshold": lambda d: _with(d, features={**d.features, "affinity(shoes)": 1.0}),
    "a value that no sentence shows": lambda d: _with(d, features={**d.features, "orders": 7, "clicks": 0}),
    "a value that is missing": lambda d: _with(d, features={"orders": 0}),
    "a consent that was not given": lambda d: _with(d, consent={**d.consent, "marketing": False}),
    "a consent that nobody stated": lambda d: _with(d, consent_stated=()),
    "an offer that was not made": lambda d: _with(d, offers={"z": [d.now - 1000]}),
    "an offer that was forgotten": lambda d: _with(d, offers={}),
    "another lag": lambda d: _with(d, lag_ms=HOUR),
    "a candidate that is missing": lambda d: _with(d, candidates=d.candidates[1:]),
    "a candidate that never was": lambda d: _with(d, candidates=(*d.candidates, d.candidates[0])),
    "candidates in another order": lambda d: _with(d, candidates=d.candidates[::-1]),
    "another outcome": lambda d: _with(d, outcome="suppressed"),
    "another shopper": lambda d: _with(d, user_id="bob"),
    "another trigger": lambda d: _with(d, trigger=msgspec.structs.replace(d.trigger, message_id="m")),
    "another file": lambda d: _with(d, policy_digest="0" * 32),
}  # fmt: skip


def _with(decision: Decision, **changes: object) -> Decision:
    return msgspec.structs.replace(decision, **changes)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_record_that_was_changed_does_not_come_out_as_it_went_in(
    change: Callable[[Decision], Decision],
) -> None:
    assert len(RECORD.candidates) == 2  # c needs fewer than 3 views
    assert decision_json(redecide(RECORD, CAMPAIGNS)) == decision_json(RECORD)
    changed = _read(decision_json(change(RECORD)))
    assert decision_json(redecide(changed, CAMPAIGNS)) != decision_json(changed)


def test_a_record_that_proves_another_campaign_eligible_gets_it_back() -> None:
    campaigns = campaigns_of({"id": "a", "when": {"feature": "views", "at_least": 1}}, {"id": "b"})
    (decision,) = tell(campaigns, [STORY[0], STORY[1]]).decisions
    without = _with(decision, candidates=decision.candidates[:1])
    assert [c.campaign_id for c in redecide(without, campaigns).candidates] == ["a", "b"]

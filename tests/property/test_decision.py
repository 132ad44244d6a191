"""Decisions against the slow model of truth, on whole histories that come in nearly in order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.campaigns import compile_campaigns
from processors.decision import Verdict
from processors.side_inputs import SideInputs
from processors.step import StepResult, step
from processors.tagging import category_tags
from schemas.profiles import Profile
from tests.oracle import decisions as oracle
from tests.support.histories import (
    agreed,
    campaign_files,
    catalogs,
    histories,
    nearly_in_order,
    some_histories,
)
from tests.support.story import MINUTE, POLICY, Json, read

#: Mostly none; the others lie on the edges of `reach_within`.
LAGS = (0, 0, 0, 0, 0, 0, 9 * MINUTE, 9 * MINUTE + 1, 10 * MINUTE, 10 * MINUTE + 1)


def plain(verdict: Verdict) -> Json:
    """Return what the model of truth says about a trigger, said by us."""
    if verdict.stale:
        return {"stale": True}
    decision = verdict.decision
    counts: Json = {"not_live": verdict.not_live, "not_eligible": verdict.not_eligible}
    if decision is None:
        return counts
    names = ("now", "outcome", "campaign_id", "promotion_id", "decision_id", "features", "consent")
    found = counts | {name: getattr(decision, name) for name in names}
    found["candidates"] = [
        {name: getattr(candidate, name) for name in ("campaign_id", "decision_id", "outcome", "reason")}
        for candidate in decision.candidates
    ]
    if verdict.promotion is not None:
        sent = verdict.promotion
        found["promotion"] = {
            "not_before": sent.not_before,
            "expires_at": sent.expires_at,
            "product_ids": list(sent.product_ids),
        }
    return found


def told(arrivals: list[Json], campaigns: Any, side: SideInputs) -> list[StepResult]:
    """Return what came of each event."""
    profile = Profile(read(arrivals[0]).envelope.shopper)
    return [
        step(profile, event, category_tags(event, side.catalog), campaigns, POLICY, side)
        for event in map(read, arrivals)
    ]


def taken_back(found: list[StepResult]) -> list[tuple[str, str]]:
    """Return (decision_id, reason); those of one event stand in the order of the profile, which nobody promises."""
    return [
        pair for result in found for pair in sorted((r.decision_id, r.reason.value) for r in result.revoked)
    ]


@some_histories
@given(st.data())
def test_every_decision_is_that_of_the_contract(data: st.DataObject) -> None:
    file, catalog = data.draw(campaign_files()), data.draw(catalogs)
    arrivals = data.draw(nearly_in_order(agreed(data.draw(histories()))))
    lag_ms = data.draw(st.sampled_from(LAGS))
    default_profiling = data.draw(st.sampled_from((True, True, True, False)))
    side = SideInputs(lag_ms, catalog, default_profiling=default_profiling)
    wanted = oracle.decisions(arrivals, file, catalog, lag_ms, default_profiling)
    found = told(arrivals, compile_campaigns(file, POLICY, "USD"), side)
    assert sorted(taken_back(found)) == sorted(one["revoked"] for one in wanted if "revoked" in one)
    verdicts = [verdict for result in found for verdict in result.verdicts]
    triggers = [result for result in wanted if "revoked" not in result]
    assert len(verdicts) == len(triggers)
    for mine, its in zip(verdicts, triggers, strict=True):
        values = its.pop("features", {})
        decided = bool(its.get("candidates") or its.get("stale"))
        record = plain(mine)
        assert_close(record.pop("features", {}), values)
        assert record == (its if decided else {key: its[key] for key in ("not_live", "not_eligible")})


def assert_close(found: Json, wanted: Json) -> None:
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        if isinstance(value, float):
            assert found[key] == pytest.approx(value, abs=1.5e-6, rel=1e-6), key
        else:
            assert found[key] == value, key


@some_histories
@given(st.data())
def test_a_duplicate_decides_nothing_and_changes_nothing(data: st.DataObject) -> None:
    file, events = data.draw(campaign_files()), agreed(data.draw(histories(events_max=12)))
    campaigns, side = compile_campaigns(file, POLICY, "USD"), SideInputs()
    profile = Profile(read(events[0]).envelope.shopper)
    for event in map(read, events):
        step(profile, event, (), campaigns, POLICY, side)
    for event in map(read, events):
        assert step(profile, event, (), campaigns, POLICY, side) == StepResult(False)

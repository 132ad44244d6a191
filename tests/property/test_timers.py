"""Timers and revocations against the slow model of truth; and ticks in the silence, which change nothing."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.campaigns import Campaigns, compile_campaigns
from processors.decision import Verdict
from processors.side_inputs import SideInputs
from processors.step import step
from processors.tagging import category_tags
from processors.timers import fire, next_deadline
from schemas.decisions import Revocation
from schemas.ids import EventTime
from schemas.profiles import Profile
from tests.oracle import decisions as oracle
from tests.property.test_decision import assert_close, plain
from tests.support.histories import (
    HISTORIES,
    agreed,
    campaign_files,
    catalogs,
    histories,
    nearly_in_order,
    some_histories,
)
from tests.support.story import DAY, HOUR, MINUTE, POLICY, Json, read

#: From the last event to the look at the end.
_SILENCES = st.sampled_from((0, 1, 30 * MINUTE, HOUR, 30 * DAY, 400 * DAY))
#: The model of truth folds everything anew for each deadline, so its examples are fewer.
few_histories = settings(some_histories, max_examples=max(1, HISTORIES // 2))


class Run:
    """One shopper's events through `step`, with ticks where they are asked for."""

    def __init__(self, campaigns: Campaigns, side: SideInputs) -> None:
        self.verdicts: list[Verdict] = []
        self.revoked: list[Revocation] = []
        self._campaigns = campaigns
        self._side = side
        self.profile: Profile | None = None

    def take(self, told: Json) -> None:
        event = read(told)
        if self.profile is None:
            self.profile = Profile(event.envelope.shopper)
        tags = category_tags(event, self._side.catalog)
        result = step(self.profile, event, tags, self._campaigns, POLICY, self._side)
        self.verdicts += result.verdicts
        self.revoked += result.revoked

    def tick(self, at: int) -> None:
        if self.profile is not None:
            self.verdicts += fire(self.profile, EventTime(at), self._campaigns, POLICY, self._side)


@few_histories
@given(st.data())
def test_ruling_9_timers_and_what_is_taken_back_are_those_of_the_contract(data: st.DataObject) -> None:
    file, catalog = data.draw(campaign_files(timers=True)), data.draw(catalogs)
    arrivals = data.draw(nearly_in_order(agreed(data.draw(histories(events_max=10)))))
    as_of = max(event["timestamp"] for event in arrivals) + data.draw(_SILENCES)
    side = SideInputs(0, catalog)
    wanted = oracle.decisions(arrivals, file, catalog, 0, True, as_of)
    run = Run(compile_campaigns(file, POLICY, "USD"), side)
    for event in arrivals:
        run.take(event)
    run.tick(as_of)
    triggers = [result for result in wanted if "revoked" not in result]
    assert len(run.verdicts) == len(triggers)
    for mine, its in zip(run.verdicts, triggers, strict=True):
        values = its.pop("features", {})
        decided = bool(its.get("candidates") or its.get("stale"))
        record = plain(mine)
        assert_close(record.pop("features", {}), values)
        assert record == (its if decided else {key: its[key] for key in ("not_live", "not_eligible")})
    mine = [(one.decision_id, one.reason.value) for one in run.revoked]
    # Several offers taken back by one event come in the order of the profile, which nobody promises.
    assert sorted(mine) == sorted(result["revoked"] for result in wanted if "revoked" in result)


@some_histories
@given(st.data())
def test_ruling_9_ticks_anywhere_in_the_silence_change_no_decision(data: st.DataObject) -> None:
    file = data.draw(campaign_files(timers=True))
    events = sorted(agreed(data.draw(histories(events_max=14))), key=lambda event: event["timestamp"])
    as_of = events[-1]["timestamp"] + data.draw(_SILENCES)
    campaigns, side = compile_campaigns(file, POLICY, "USD"), SideInputs()
    plain_run, ticked, exact = (Run(campaigns, side) for _ in range(3))
    before = events[0]["timestamp"]
    for event in events:
        for _ in range(data.draw(st.integers(0, 2))):
            ticked.tick(data.draw(st.integers(before, event["timestamp"])))
        _tick_when_due(exact, event["timestamp"], campaigns)
        before = event["timestamp"]
        for run in (plain_run, ticked, exact):
            run.take(event)
    _tick_when_due(exact, as_of, campaigns)
    for run in (plain_run, ticked, exact):
        run.tick(as_of)
    assert plain_run.verdicts == ticked.verdicts == exact.verdicts
    assert plain_run.revoked == ticked.revoked == exact.revoked
    assert _lasting(plain_run.profile) == _lasting(ticked.profile) == _lasting(exact.profile)


def _tick_when_due(run: Run, until: int, campaigns: Campaigns) -> None:
    """Tick as a lane does that waits for the next deadline."""
    while run.profile is not None:
        due = next_deadline(run.profile, campaigns, POLICY)
        if due is None or due > until:
            return
        run.tick(due)


def _lasting(profile: Profile | None) -> Any:
    assert profile is not None
    names = [name for name in Profile.__struct_fields__ if name not in ("pending", "timers_at")]
    # What waits, waits; entries that have fired may lie about until the next one is put there.
    passed = max(profile.last_seen, profile.timers_at)
    waiting = [entry for entry in profile.pending if entry.deadline > passed]
    return [getattr(profile, name) for name in names], waiting

"""Several ids, one shopper: merging is as order-proof as folding, and ends as the slow model of truth says."""

import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.identity import hand_over, take_in
from processors.profile_page import profile_line
from schemas.ids import EventTime, ShopperId
from schemas.profiles import DayCounts, Profile
from streams.parts import build
from streams.replay import Request, replay
from streams.settings import Settings
from streams.shuffle import CALM, Disturbance
from tests.oracle import profiles as oracle
from tests.property.test_fold import assert_same
from tests.support.histories import HISTORIES, disturbed, histories, some_histories
from tests.support.lines import read, write
from tests.support.story import BROKER_MS, DAY, POLICY, Json, profile_of

ANN, PHONE = ShopperId("ann"), ShopperId("phone")
some_replays = settings(some_histories, max_examples=max(1, HISTORIES // 4))


def by(event: Json, user: str | None, anonymous: str | None) -> Json:
    """Return the event as sent with these ids."""
    rest = {key: value for key, value in event.items() if key not in ("userId", "anonymousId")}
    ids = {"userId": user, "anonymousId": anonymous}
    return rest | {key: value for key, value in ids.items() if value is not None}


@some_histories
@given(st.data())
def test_folded_apart_and_merged_is_folded_together_in_any_order(data: st.DataObject) -> None:
    events = data.draw(histories())
    mine = [data.draw(st.booleans()) for _ in events]
    anns = [by(event, "ann", None) for event, is_mine in zip(events, mine, strict=True) if is_mine]
    phones = [by(event, None, "phone") for event, is_mine in zip(events, mine, strict=True) if not is_mine]
    together = profile_of(*data.draw(disturbed([*anns, *phones])))
    ann, phone = (profile_of(*data.draw(disturbed(some))) if some else None for some in (anns, phones))
    ann, phone = ann or Profile(ANN), phone or Profile(PHONE)
    moved = hand_over(phone, ann.shopper)
    assert moved is not None and take_in(ann, moved, POLICY)
    as_of = EventTime(
        max(event["timestamp"] for event in events) + data.draw(st.sampled_from((0, 1, 40 * DAY)))
    )
    assert_same(profile_line(ann, as_of, POLICY) | {"merged_from": []}, _line(together, as_of))
    # What no line shows must not differ either.
    assert (ann.is_known, ann.traits) == (together.is_known, together.traits)
    assert sorted(ann.seen) == sorted(together.seen)
    assert {tag: s.as_of for tag, s in ann.affinity.items()} == {
        tag: s.as_of for tag, s in together.affinity.items()
    }
    filled = [{d: c for d, c in p.days.items() if c != DayCounts()} for p in (ann, together)]
    assert filled[0] == filled[1]
    by_id = [sorted(p.orders_log, key=lambda order: order.order_id) for p in (ann, together)]
    assert by_id[0] == by_id[1]
    assert (ann.recent, ann.cart_log, ann.consent) == (together.recent, together.cart_log, together.consent)


def _line(profile: Profile, as_of: EventTime) -> Json:
    return profile_line(profile, as_of, POLICY) | {"user_id": "ann"}


@some_histories
@given(st.data())
def test_three_profiles_come_to_the_same_whichever_two_are_merged_first(data: st.DataObject) -> None:
    events = data.draw(histories())
    names = ("ann", "phone", "tablet")
    shares: dict[str, list[Json]] = {name: [] for name in names}
    for event in events:
        name = data.draw(st.sampled_from(names))
        shares[name].append(by(event, None, name))

    def merged(order: list[tuple[str, str]]) -> Profile:
        profiles = {
            name: profile_of(*some) if some else Profile(ShopperId(name)) for name, some in shares.items()
        }
        for to, other in order:
            moved = hand_over(profiles[other], ShopperId(to))
            assert moved is not None and take_in(profiles[to], moved, POLICY)
        return profiles["ann"]

    as_of = EventTime(max(event["timestamp"] for event in events))
    one = merged([("ann", "phone"), ("ann", "tablet")])
    other = merged([("phone", "tablet"), ("ann", "phone")])
    assert one.merged_from == other.merged_from == ["phone", "tablet"]
    assert_same(profile_line(one, as_of, POLICY), profile_line(other, as_of, POLICY))


@st.composite
def households(draw: Any) -> list[Json]:
    """Return the events of ids that all turn out to be one shopper; each anonymous id is named once."""
    ids = (("ann", None), (None, "phone"), (None, "tablet"), ("anna", None), ("ann", "phone"))
    events = [by(event, *draw(st.sampled_from(ids))) for event in draw(histories(events_max=20))]
    times = st.sampled_from([event["timestamp"] for event in events])
    # A track, or identify, with both ids merges only if it is an identify: that one is left to those below.
    events = [
        by(e, e.get("userId"), None) if e["type"] == "identify" and "userId" in e else e for e in events
    ]
    links: tuple[Json, ...] = (
        {"type": "identify", "userId": "ann", "anonymousId": "phone"},
        {"type": "alias", "userId": "ann", "previousId": "tablet"},
        {"type": "alias", "userId": "anna", "previousId": "ann"},
    )
    for number, link in enumerate(links):
        if draw(st.integers(0, 4)):
            events.append({**link, "messageId": f"link{number}", "timestamp": draw(times)})
    return events


@st.composite
def tangles(draw: Any) -> list[Json]:
    """Return events of ids that name one another as they like: several users, loops, long chains."""
    names = st.sampled_from(("a", "b", "c", "d", "e", "f", "g"))
    events = []
    for event in draw(histories(events_max=24)):
        one, other = draw(names), draw(names)
        kind = draw(st.integers(0, 2))
        if kind == 0:
            events.append(by(event, *draw(st.sampled_from(((one, None), (None, one), (one, other))))))
            if event["type"] == "identify":
                events[-1] = by(event, one, None)
        elif kind == 1:
            events.append(by({**event, "type": "identify"}, one, other))
        else:
            events.append(by({**event, "type": "alias", "previousId": other}, one, None))
    return events


def replayed(folder: Path, files: list[Path], disturbance: Disturbance = CALM, **request: Any) -> list[Json]:
    parts = build(Settings(), tags="category")
    replay(Request(files, folder, disturbance=disturbance, **request), parts, lambda *_: None, BROKER_MS)
    return read(folder / "profiles.jsonl")


def assert_same_lines(found: list[Json], wanted: list[Json]) -> None:
    assert [line["user_id"] for line in found] == [line["user_id"] for line in wanted]
    for line, other in zip(found, wanted, strict=True):
        assert_same(line, msgspec.json.decode(msgspec.json.encode(other)))


@some_replays
@given(st.data())
def test_rulings_10_39_60_a_replay_merges_as_the_contract_says_whatever_comes_when(
    data: st.DataObject,
) -> None:
    events = data.draw(households())
    wild = Disturbance(
        data.draw(st.integers(0, 9)), data.draw(st.booleans()), data.draw(st.sampled_from((0, 0.3, 1)))
    )
    wanted = oracle.profiles(events)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        halves = [data.draw(st.permutations(events[start::2])) for start in (1, 0)]
        files = [write(folder / f"half-{n}.jsonl", *half) for n, half in enumerate(halves)]
        assert_same_lines(replayed(folder / "calm", files), wanted)
        assert_same_lines(replayed(folder / "wild", files, wild), wanted)
        kept = write(folder / "kept.jsonl", *data.draw(st.permutations(events)))
        assert_same_lines(replayed(folder / "kept", [kept], keep_order=True), wanted)


@some_replays
@given(tangles())
def test_ruling_10_any_tangle_of_ids_ends_as_the_contract_says(events: list[Json]) -> None:
    with tempfile.TemporaryDirectory() as name:
        file = write(Path(name) / "a.jsonl", *events)
        assert_same_lines(replayed(Path(name) / "out", [file]), oracle.profiles(events))

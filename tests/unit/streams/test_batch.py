"""One batch of a lane, without a broker: what is applied, sent on, refused, and what a fault of ours leaves."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from faust.types import TP

from processors.step import StepResult
from schemas.events import ShopEvent
from schemas.ids import ShopperId, Tag
from schemas.profiles import Profile
from streams import batch, outputs, reading
from streams.batch import TagsOfBatch
from streams.chunk import Chunk
from streams.internal import stray_output
from streams.outputs import Origin, Output
from tests.support.chunks import BROKER_MS, OneShard, chunk, record
from tests.support.shopping import track, view
from tests.support.stand import CAMPAIGNS

AT = BROKER_MS - 3_600_000
ANN, BOB = ShopperId("ann"), ShopperId("bob")


def _views(*ids: str, user: str = "ann") -> list[bytes | None]:
    return [view(user, message_id, AT) for message_id in ids]


def test_good_broken_and_foreign_records_are_told_apart(tmp_path: Path) -> None:
    page = msgspec.json.encode({"type": "page", "messageId": "p"})
    found = OneShard(tmp_path).read(chunk("clicks", 0, [*_views("m1"), b"{", None, page], first=5))
    assert [item.record.offset for item in found.items] == [5]
    assert found.reasons == {"not_json": 1, "tombstone": 1}
    assert found.outcomes == {("clicks", "dead_letter"): 2, ("clicks", "skipped"): 1}
    assert [dict(letter.headers)["offset"] for letter in found.dead] == [b"6", b"7"]
    assert found.records == 4


def test_events_are_applied_once_by_messageid_and_once_by_position(tmp_path: Path) -> None:
    lane = OneShard(tmp_path)
    _, first = lane.apply(chunk("clicks", 0, _views("m1", "m2", "m1")))
    assert first.outcomes == {("clicks", "applied"): 2, ("clicks", "duplicate"): 1}
    _, again = lane.apply(chunk("clicks", 0, _views("m1", "m2", "m1")))
    assert again.outcomes == {("clicks", "replayed"): 3}
    assert again.touched == {}
    profile = lane.shard.find(ANN)
    assert profile is not None
    assert (profile.views, profile.positions) == (2, {"clicks-0": 2})


def test_without_the_guard_only_the_newest_message_ids_keep_doubles_out(tmp_path: Path) -> None:
    lane = OneShard(tmp_path, worker__guard_positions=False, profile__seen_max=1)
    lane.apply(chunk("clicks", 0, _views("m1", "m2")))
    _, again = lane.apply(chunk("clicks", 0, _views("m1", "m2")))
    assert again.outcomes == {("clicks", "applied"): 2}


def test_positions_of_topics_and_partitions_are_apart(tmp_path: Path) -> None:
    lane = OneShard(tmp_path)
    lane.apply(chunk("clicks", 0, _views("m1"), first=9), chunk("purchases", 0, _views("m2"), first=2))
    profile = lane.shard.find(ANN)
    assert profile is not None
    assert profile.positions == {"clicks-0": 9, "purchases-0": 2}


def test_a_stranger_on_the_wrong_partition_is_sent_home_and_a_known_shopper_is_not(tmp_path: Path) -> None:
    lane = OneShard(tmp_path, number=3, partitions=12)  # ann's home is 2
    _, result = lane.apply(chunk("clicks", 3, _views("m1"), first=7))
    assert result.outcomes == {("clicks", "stray"): 1}
    (stray,) = result.outputs
    assert (stray.topic, stray.partition, stray.key) == ("beckon.internal", 2, b"ann")
    assert dict(stray.headers)["offset"] == b"7"
    assert lane.shard.find(ANN) is None
    lane.shard.create(ANN)
    _, result = lane.apply(chunk("clicks", 3, _views("m1"), first=8))
    assert result.outcomes == {("clicks", "applied"): 1}


def _internal(number: int, *sent: Output, first: int = 0, at: int = BROKER_MS) -> Chunk:
    """Return what lanes sent as the chunk that the lane of their partition gets."""
    assert {output.partition for output in sent} == {number}
    records = [
        record(
            "beckon.internal",
            number,
            first + place,
            out.value,
            key=out.key,
            headers=out.headers,
            timestamp=at,
        )
        for place, out in enumerate(sent)
    ]
    return Chunk(TP("beckon.internal", number), records)


def test_a_stray_is_applied_at_home_under_its_place_there_and_with_the_time_it_first_came(
    tmp_path: Path,
) -> None:
    away = OneShard(tmp_path / "away", number=3, partitions=12)
    home = OneShard(tmp_path / "home", number=2, partitions=12)
    _, sent = away.apply(chunk("clicks", 3, _views("m1", "m2"), first=7))
    found, result = home.apply(_internal(2, *sent.outputs, first=40, at=BROKER_MS + 5_000))
    assert [item.broker_ms for item in found.items] == [BROKER_MS, BROKER_MS]
    assert result.outcomes == {("beckon.internal", "applied"): 2}
    profile = home.shard.find(ANN)
    assert profile is not None
    assert (profile.views, profile.positions) == (2, {"beckon.internal-2": 41})


def test_what_comes_back_on_the_internal_topic_is_never_sent_on_again(tmp_path: Path) -> None:
    sent = stray_output(ANN, *_views("m1"), Origin("clicks", 3, 7, BROKER_MS), 12)  # type: ignore[arg-type]
    lost = Chunk(
        TP("beckon.internal", 5),
        [record("beckon.internal", 5, 0, sent.value, key=sent.key, headers=sent.headers)],
    )
    _, result = OneShard(tmp_path, number=5, partitions=12).apply(lost)
    assert result.outcomes == {("beckon.internal", "applied"): 1}
    assert (result.strays, result.outputs) == (0, [])


def test_lag_is_the_wall_clock_behind_the_brokers_time_and_never_below_zero(tmp_path: Path) -> None:
    lane = OneShard(tmp_path, campaigns__file=str(CAMPAIGNS))
    consent = msgspec.json.encode(track("ann", "c", AT, "Consent Changed", consents={"marketing": True}))
    shoes = _views(*(f"m{number}" for number in range(5)))
    _, result = lane.apply(chunk("clicks", 0, [consent, *shoes]), wall_ms=BROKER_MS + 1234)
    decisions = [msgspec.json.decode(out.value or b"") for out in result.outputs if out.topic == "decisions"]
    assert {decision["lag_ms"] for decision in decisions} == {1234}
    assert result.promoted == {"runners": 1}
    assert result.promoted_from_ms == [BROKER_MS]
    _, later = lane.apply(chunk("clicks", 0, _views("m9"), first=6), wall_ms=BROKER_MS - 5)
    (decision,) = [msgspec.json.decode(out.value or b"") for out in later.outputs]
    assert decision["lag_ms"] == 0


def test_where_the_model_gave_up_categories_stand_in_and_only_that_profile_says_so(tmp_path: Path) -> None:
    lane = OneShard(tmp_path)
    bob = view("bob", "m2", AT, name="Two Person Tent", category="tents")
    found = lane.read(chunk("clicks", 0, [*_views("m1"), bob]))
    (failed,) = {*reading.texts(found, lane.rules)} - {"Two Person Tent"}
    tags = TagsOfBatch({"Two Person Tent": ((Tag("camping"), 0.9),)}, frozenset({failed}))
    batch.apply(found, tags, lane.shard, lane.rules, BROKER_MS)
    profiles = lane.shard.find(ANN), lane.shard.find(BOB)
    assert [one and (one.approximate, list(one.affinity)) for one in profiles] == [
        (True, ["running-shoes"]),
        (False, ["camping"]),
    ]


def test_texts_of_a_batch_are_each_once_and_never_empty(tmp_path: Path) -> None:
    lane = OneShard(tmp_path)
    nameless = view("ann", "m3", AT, name="", category="")
    found = lane.read(chunk("clicks", 0, [*_views("m1", "m2"), nameless]))
    assert reading.texts(found, lane.rules) == ["A shoe"]


def _failing_on(message_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fold fail for one event, after it has changed the profile."""
    step = batch.step

    def broken(profile: Profile, event: ShopEvent, *rest: Any) -> StepResult:
        result = step(profile, event, *rest)
        if event.envelope.message_id == message_id:
            raise ZeroDivisionError("a fault of ours")
        return result

    monkeypatch.setattr(batch, "step", broken)


def test_an_event_that_fails_is_a_dead_letter_and_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = OneShard(tmp_path)
    _failing_on("bad", monkeypatch)
    found, result = lane.apply(chunk("clicks", 0, [*_views("m1", "bad", "m2"), *_views("m3", user="bob")]))
    assert result.outcomes == {("clicks", "applied"): 3, ("clicks", "dead_letter"): 1}
    (letter,) = result.outputs
    headers = dict(letter.headers)
    assert (headers["reason"], headers["offset"]) == (b"processing_failed", b"1")
    assert headers["error"] == b"ZeroDivisionError: a fault of ours"
    assert [failure.record.offset for failure in result.failures] == [1]
    ann, bob = lane.shard.find(ANN), lane.shard.find(BOB)
    assert ann is not None
    assert bob is not None
    assert (ann.views, bob.views) == (2, 1)
    assert ann.positions == {"clicks-0": 2}
    assert set(result.touched) == {ANN, BOB}
    assert found.records == 4


def test_a_first_event_that_fails_creates_no_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lane = OneShard(tmp_path)
    _failing_on("bad", monkeypatch)
    _, result = lane.apply(chunk("clicks", 0, _views("bad")))
    assert lane.shard.find(ANN) is None
    assert result.touched == {}
    assert len(result.outputs) == 1


def test_a_decision_that_kafka_would_not_take_is_a_dead_letter_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = OneShard(tmp_path, campaigns__file=str(CAMPAIGNS))
    monkeypatch.setattr(outputs, "VALUE_BYTES_MAX", 1000)
    _, result = lane.apply(chunk("clicks", 0, _views(*(f"m{number}" for number in range(5)))))
    # The fourth view is the first that decides something; it and the fifth fail.
    assert result.outcomes == {("clicks", "applied"): 3, ("clicks", "dead_letter"): 2}
    assert {output.topic for output in result.outputs} == {"dead-letters"}
    assert result.decided == result.promoted == {}
    profile = lane.shard.find(ANN)
    assert profile is not None
    assert (profile.views, profile.positions) == (3, {"clicks-0": 4})


def test_an_offer_whose_shopper_withdrew_consent_is_taken_back_on_the_topic_of_promotions(
    tmp_path: Path,
) -> None:
    lane = OneShard(tmp_path, campaigns__file=str(CAMPAIGNS))
    yes, no = (
        msgspec.json.encode(track("ann", f"c {at}", at, "Consent Changed", consents={"marketing": granted}))
        for at, granted in ((AT, True), (AT + 1, False))
    )
    _, first = lane.apply(chunk("clicks", 0, [yes, *_views(*(f"m{number}" for number in range(5)))]))
    (offered,) = [output for output in first.outputs if output.topic == "promotions"]
    _, result = lane.apply(chunk("identities", 0, [no]))
    (revoked,) = [output for output in result.outputs if output.topic == "promotions"]
    assert (revoked.key, revoked.partition) == (offered.key, offered.partition) == (b"ann", 0)
    value, headers = msgspec.json.decode(revoked.value or b""), dict(revoked.headers)
    assert (value["type"], value["reason"]) == ("promotion.revoked", "consent_withdrawn")
    assert value["decision_id"] == msgspec.json.decode(offered.value or b"")["decision_id"]
    # Consumers of CloudEvents drop what has the source and id of an earlier one.
    assert headers["ce_source"] == dict(offered.headers)["ce_source"]
    assert headers["ce_id"] == value["decision_id"].encode() + b"-revoked"

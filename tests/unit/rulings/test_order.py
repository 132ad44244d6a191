"""Rulings about order and time that no other test names: what a replay reads first, and what it writes where."""

from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.errors import SettingsError
from schemas.ids import EventTime, digest_of
from streams.records import decision_json, profile_json
from streams.settings import load
from tests.support.lines import read, run, write
from tests.support.story import DAY, MINUTE, MONDAY, campaigns_of, consent, line_of, order, tell, track

CAMPAIGNS = """
campaigns:
  - id: looker
    triggers: [Product Viewed]
    when: {feature: views, at_least: 2}
    offers: [{promotion_id: p, name: Shoes}]
"""


def viewed(at: int, message_id: str, user: str = "ann") -> dict[str, Any]:
    return track("Product Viewed", at, message_id, user, product_id="p1", category="shoes", price=12.5)


def settings_in(folder: Path) -> Any:
    (folder / "campaigns.yaml").write_text(CAMPAIGNS)
    return load({"campaigns.file": str(folder / "campaigns.yaml")})


def test_ruling_1_the_profile_is_the_same_however_topics_interleave() -> None:
    click, buy, say = (
        viewed(MONDAY, "m1"),
        order("o1", MONDAY + MINUTE, 40, "p1"),
        consent(MONDAY + 2 * MINUTE, "yes", marketing=True),
    )
    lines = {profile_json(line_of(*arrival)) for arrival in permutations((click, buy, say))}
    assert len(lines) == 1
    (line,) = lines
    assert b'"orders":1' in line and b'"spend":4000' in line and b'"views":1' in line


def test_ruling_2_files_are_read_whole_and_then_folded_by_time_and_digest(tmp_path: Path) -> None:
    # digests: m2 9b..., m1 a6...: of two views at one time m2 is the first, so m1 is the second and triggers.
    assert digest_of("m2") < digest_of("m1")
    late = write(tmp_path / "a.jsonl", viewed(MONDAY + 1, "m3"), viewed(MONDAY, "m1"))
    early = write(tmp_path / "b.jsonl", viewed(MONDAY, "m2"), consent(MONDAY - DAY, "yes", marketing=True))
    run(tmp_path / "out", late, early, settings=settings_in(tmp_path))
    asked = [one["trigger"]["message_id"] for one in read(tmp_path / "out/decisions.jsonl")]
    assert asked == ["m1", "m3"]


def test_ruling_7_floats_are_written_rounded_to_6_digits_and_minus_0_as_0() -> None:
    told = tell(campaigns_of({"id": "c"}), [consent(MONDAY, "yes", marketing=True), viewed(MONDAY, "m1")])
    scores = {"a": 0.1234564999, "b": 0.1234565001, "c": 1 / 3, "d": -0.0, "e": -0.0000001}
    raw = decision_json(msgspec.structs.replace(told.decision, scores=scores))
    assert b'"scores":{"a":0.123456,"b":0.123457,"c":0.333333,"d":0.0,"e":0.0}' in raw


def test_ruling_28_as_of_is_iso_or_milliseconds_and_never_before_the_newest_event(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", viewed(MONDAY, "m1"), track("Product Praised", MONDAY + DAY))
    assert run(tmp_path / "out", file)["as_of"] == MONDAY  # unknown events do not count
    assert run(tmp_path / "out", file, as_of=EventTime(MONDAY))["as_of"] == MONDAY
    with pytest.raises(SettingsError) as caught:
        run(tmp_path / "out", file, as_of=EventTime(MONDAY - 1))
    assert caught.value.exit_code == 2


def test_ruling_64_decisions_are_in_the_order_of_time_digest_and_user(tmp_path: Path) -> None:
    events = [
        event
        for user in ("bob", "ann")
        for event in (
            consent(MONDAY - DAY, f"yes {user}", user, marketing=True),
            viewed(MONDAY - 1, "m0", user),
            viewed(MONDAY, "m1", user),
            viewed(MONDAY, "m2", user),
        )
    ]
    run(tmp_path / "out", write(tmp_path / "a.jsonl", *events), settings=settings_in(tmp_path))
    found = [
        (one["trigger"]["at"] - MONDAY, one["trigger"]["message_id"], one["user_id"])
        for one in read(tmp_path / "out/decisions.jsonl")
    ]
    assert found == [(0, "m2", "ann"), (0, "m2", "bob"), (0, "m1", "ann"), (0, "m1", "bob")]


def test_ruling_65_each_line_of_promotions_has_its_type(tmp_path: Path) -> None:
    events = (
        consent(MONDAY, "yes", marketing=True),
        viewed(MONDAY + 1, "m1"),
        viewed(MONDAY + 2, "m2"),
    )
    run(tmp_path / "out", write(tmp_path / "a.jsonl", *events), settings=settings_in(tmp_path))
    types = [one["type"] for one in read(tmp_path / "out/promotions.jsonl")]
    assert types == ["promotion.offered"]

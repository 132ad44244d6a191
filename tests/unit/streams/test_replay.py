"""Replay's contract, ruling by ruling, on files of a few lines."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import InputError, SettingsError
from schemas.ids import EventTime, digest_of
from streams.settings import load
from streams.shuffle import Disturbance
from tests.support.lines import NOW_MS, read, run, write
from tests.support.story import DAY, HOUR, MINUTE, MONDAY, consent, order, track

CAMPAIGNS = """
campaigns:
  - id: looker
    triggers: [Product Viewed]
    when: {feature: affinity, tag: shoes, at_least: 2}
    offers: [{promotion_id: p, name: Shoes}]
    caps: [{at_most: 1, per: 7d}]
  - id: later
    triggers: [Product Viewed]
    live: {from: 2099-01-01T00:00:00Z}
    offers: [{promotion_id: q, name: Later}]
"""


def viewed(at: int, message_id: str = "", user: str = "ann", **more: Any) -> dict[str, Any]:
    return track("Product Viewed", at, message_id, user, product_id="p1", category="shoes", **more)


def with_campaigns(folder: Path, text: str = CAMPAIGNS) -> Any:
    (folder / "campaigns.yaml").write_text(text)
    return load({"campaigns.file": str(folder / "campaigns.yaml")})


def test_events_are_folded_by_time_then_digest_over_all_files(tmp_path: Path) -> None:
    # By digest: m2 9b..., m1 a6..., whatever the order in the files.
    assert digest_of("m2") < digest_of("m1")
    late = write(tmp_path / "a.jsonl", viewed(MONDAY + 1, "m3"), viewed(MONDAY, "m1"))
    early = write(tmp_path / "b.jsonl", viewed(MONDAY, "m2"), consent(MONDAY - DAY, "yes", marketing=True))
    settings = with_campaigns(tmp_path)
    run(tmp_path / "one", late, early, settings=settings)
    run(tmp_path / "two", early, late, settings=settings)
    (first, *_) = read(tmp_path / "one/decisions.jsonl")
    assert first["trigger"]["message_id"] == "m1"  # the second view: the first had an interest of 1 only
    for name in ("profiles", "decisions", "promotions", "dead_letters"):
        assert (tmp_path / f"one/{name}.jsonl").read_bytes() == (tmp_path / f"two/{name}.jsonl").read_bytes()


def test_keep_order_takes_one_file_as_it_stands(tmp_path: Path) -> None:
    events = (consent(MONDAY, "yes", marketing=True), viewed(MONDAY + 2, "m3"), viewed(MONDAY + 1, "m2"))
    file = write(tmp_path / "a.jsonl", *events)
    settings = with_campaigns(tmp_path)
    run(tmp_path / "kept", file, settings=settings, keep_order=True)
    assert read(tmp_path / "kept/decisions.jsonl")[0]["trigger"]["message_id"] == "m2"
    with pytest.raises(SettingsError, match="--keep-order: there are several files"):
        run(tmp_path / "x", file, file, keep_order=True)


def test_every_line_is_accepted_skipped_or_a_dead_letter_and_the_summary_says_so(tmp_path: Path) -> None:
    lines = (
        viewed(MONDAY, "m1"),
        viewed(MONDAY, "m1"),
        {"type": "page", "messageId": "x"},
        track("Product Praised", MONDAY),
        b"",
        b"{",
        viewed(MONDAY, "m2", price=-1),
        viewed(MONDAY, "m3", price=-2),
    )
    summary = run(tmp_path / "out", write(tmp_path / "a.jsonl", *lines))
    counts = {"read": 8, "accepted": 2, "applied": 1, "duplicates": 1, "skipped": 2, "dead_lettered": 4}
    assert {name: summary[name] for name in counts} == counts
    assert summary["skipped_by_kind"] == {"type page": 1, "event": 1}
    assert summary["dead_letters"] == {"tombstone": 1, "not_json": 1, "bad_value": 2}
    assert summary["dead_letter_fields"] == {"tombstone": 1, "not_json": 1, "bad_value properties.price": 2}


def test_dead_letters_come_in_the_order_of_files_and_lines_with_the_whole_record(tmp_path: Path) -> None:
    (tmp_path / "z").mkdir()
    first = write(tmp_path / "z/b.jsonl", b"\xff\xfe", viewed(MONDAY), b" \t\r")
    second = write(tmp_path / "a.jsonl", viewed(MONDAY, "m", price="x"), b"\n" + b"y" * 400_000)
    run(tmp_path / "out", first, second)
    letters = read(tmp_path / "out/dead_letters.jsonl")
    assert [(one["source"], one["line"], one["reason"], one["field"]) for one in letters] == [
        ("b.jsonl", 1, "not_json", ""),
        ("b.jsonl", 3, "tombstone", ""),
        ("a.jsonl", 1, "wrong_type", "properties.price"),
        ("a.jsonl", 2, "tombstone", ""),
        ("a.jsonl", 3, "too_large", ""),
    ]
    assert [sorted(one) for one in letters] == [["field", "line", "raw", "reason", "source"]] * 5
    assert b64decode(letters[0]["raw"]) == b"\xff\xfe"
    assert b64decode(letters[1]["raw"]) == b" \t\r"
    assert json.loads(b64decode(letters[2]["raw"]))["properties"]["price"] == "x"
    assert b64decode(letters[4]["raw"]) == b"y" * 400_000


@pytest.mark.parametrize("size", [2_000_000, 2_000_001, 2_000_002])
def test_a_huge_line_goes_whole_into_its_dead_letter_and_a_huge_blank_one_is_a_tombstone(
    tmp_path: Path, size: int
) -> None:
    run(tmp_path / "out", write(tmp_path / "a.jsonl", b"y" * size, b" " * size, viewed(MONDAY)))
    huge, blank = read(tmp_path / "out/dead_letters.jsonl")
    assert (huge["reason"], b64decode(huge["raw"])) == ("too_large", b"y" * size)
    assert (blank["reason"], b64decode(blank["raw"])) == ("tombstone", b" " * size)
    assert run(tmp_path / "out", tmp_path / "a.jsonl")["dead_letters"] == {"too_large": 1, "tombstone": 1}


def test_a_missing_broker_time_is_the_clock_at_the_start(tmp_path: Path) -> None:
    history, tomorrow, future = viewed(MONDAY, "a"), viewed(NOW_MS + DAY, "b"), viewed(NOW_MS + DAY + 1, "c")
    received = {**viewed(MONDAY + 2 * DAY, "d"), "receivedAt": "2026-03-02T00:00:00Z"}
    summary = run(tmp_path / "out", write(tmp_path / "a.jsonl", history, tomorrow, future, received))
    assert (summary["accepted"], summary["dead_letters"]) == (2, {"bad_timestamp": 2})


def test_as_of_is_the_newest_accepted_event_unless_it_is_given(tmp_path: Path) -> None:
    unknown = track("Product Praised", MONDAY + 5)
    file = write(tmp_path / "a.jsonl", viewed(MONDAY), viewed(MONDAY + DAY, user="bob"), unknown)
    assert run(tmp_path / "out", file)["as_of"] == MONDAY + DAY
    ann, bob = read(tmp_path / "out/profiles.jsonl")
    assert (ann["affinity"], bob["affinity"]) == ({"shoes": 0.951695}, {"shoes": 1.0})  # 2 ** (-1/14)
    run(tmp_path / "out", file, as_of=EventTime(MONDAY + 14 * DAY))
    assert read(tmp_path / "out/profiles.jsonl")[0]["affinity"] == {"shoes": 0.5}


def test_a_look_before_the_newest_event_is_refused_and_leaves_the_folder_alone(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", viewed(MONDAY))
    with pytest.raises(SettingsError) as caught:
        run(tmp_path / "out", file, as_of=EventTime(MONDAY - 1))
    assert str(caught.value) == (
        "--as-of: 2026-03-01T23:59:59.999Z is before the newest event, 2026-03-02T00:00:00.000Z;"
        " give a later time, or leave it out"
    )
    assert not (tmp_path / "out").exists()


def test_profiles_are_sorted_by_code_points_and_keys_by_name(tmp_path: Path) -> None:
    users = ["b", "B", "a", "é", "\U0001f600", "\uffee", "10", "9"]
    run(tmp_path / "out", write(tmp_path / "a.jsonl", *(viewed(MONDAY, user=user) for user in users)))
    lines = read(tmp_path / "out/profiles.jsonl")
    assert [line["user_id"] for line in lines] == ["10", "9", "B", "a", "b", "é", "\uffee", "\U0001f600"]
    assert all(list(line) == sorted(line) for line in lines)


def test_there_is_one_record_per_trigger_with_an_eligible_campaign_and_the_rest_is_counted(
    tmp_path: Path,
) -> None:
    events = [consent(MONDAY, "yes", marketing=True)]
    events += [viewed(MONDAY + minute * MINUTE, f"m{minute}") for minute in range(4)]
    summary = run(tmp_path / "out", write(tmp_path / "a.jsonl", *events), settings=with_campaigns(tmp_path))
    decisions = read(tmp_path / "out/decisions.jsonl")
    # m0: not interested yet. m1 is 2 minus what faded in a minute. m2: offered. m3: had it already.
    assert [one["trigger"]["message_id"] for one in decisions] == ["m2", "m3"]
    assert [one["outcome"] for one in decisions] == ["offered", "suppressed"]
    assert [one["campaign_id"] for one in decisions] == ["looker", None]
    (promotion,) = read(tmp_path / "out/promotions.jsonl")
    assert (promotion["type"], promotion["decision_id"]) == ("promotion.offered", decisions[0]["decision_id"])
    assert summary["outcomes"] == {"offered": 1, "held_out": 0, "suppressed": 1}
    assert summary["reasons"] == {"not_live": 4, "not_eligible": 2, "capped": 1}
    assert summary["offered_by_campaign"] == {"looker": 1}


def test_a_trigger_an_hour_behind_decides_nothing_and_is_counted_as_stale(tmp_path: Path) -> None:
    events = (
        consent(MONDAY - DAY, "yes", marketing=True),
        viewed(MONDAY + HOUR + 1, "m1"),
        viewed(MONDAY, "m2"),
    )
    file = write(tmp_path / "a.jsonl", *events)
    summary = run(tmp_path / "out", file, settings=with_campaigns(tmp_path), keep_order=True)
    assert (summary["reasons"]["stale"], summary["decisions"]) == (1, 0)


def test_decisions_are_ordered_by_trigger_time_digest_and_user(tmp_path: Path) -> None:
    events = []
    for user in ("bob", "ann"):
        events.append(consent(MONDAY, f"yes {user}", user, marketing=True))
        events += [viewed(MONDAY + n, f"{message} {n}", user) for n in range(4) for message in ("x", "y")]
    run(tmp_path / "out", write(tmp_path / "a.jsonl", *events), settings=with_campaigns(tmp_path))
    places = [
        (one["trigger"]["at"], digest_of(one["trigger"]["message_id"]), one["user_id"])
        for one in read(tmp_path / "out/decisions.jsonl")
    ]
    assert len(places) > 8
    assert places == sorted(places)


def test_campaigns_are_optional(tmp_path: Path) -> None:
    summary = run(tmp_path / "out", write(tmp_path / "a.jsonl", viewed(MONDAY)))
    assert (summary["policy_digest"], summary["decisions"], summary["tags"]) == (None, 0, "category")
    assert (tmp_path / "out/decisions.jsonl").read_bytes() == b""


def test_the_summary_adds_up_orders_refunds_and_money_of_all_profiles(tmp_path: Path) -> None:
    refund = track("Order Refunded", MONDAY, order_id="o1", total=2.5)
    events = (order("o1", MONDAY, 10, "p"), order("o2", MONDAY + 1, 1.005, "p"), refund)
    bobs = {**order("o1", MONDAY, 7, "p"), "userId": "bob"}
    summary = run(tmp_path / "out", write(tmp_path / "a.jsonl", *events, bobs))
    wanted = {"profiles": 2, "orders": 3, "refunds": 1, "spend": 1551, "currency": "USD"}
    assert {name: summary[name] for name in wanted} == wanted


def test_shuffles_and_copies_change_no_profile(tmp_path: Path) -> None:
    events = [
        track("Product Added", MONDAY + n * 17 * MINUTE, f"m{n}", f"u{n % 3}", product_id=f"p{n % 7}",
              category=f"c{n % 5}", price=n)
        for n in range(300)
    ]  # fmt: skip
    file = write(tmp_path / "a.jsonl", *events)
    run(tmp_path / "calm", file)
    disturbed = run(tmp_path / "wild", file, disturbance=Disturbance(7, shuffle=True, duplicate_share=0.5))
    again = run(tmp_path / "again", file, disturbance=Disturbance(7, shuffle=True, duplicate_share=0.5))
    assert 100 < disturbed["duplicates"] == again["duplicates"] < 200
    assert disturbed["applied"] == 300
    calm, wild = (tmp_path / f"{name}/profiles.jsonl" for name in ("calm", "wild"))
    assert calm.read_bytes() == wild.read_bytes()


def test_a_file_that_is_not_there_is_told_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.jsonl: cannot be read \(No such file or directory\)"):
        run(tmp_path / "out", write(tmp_path / "a.jsonl", b"{"), tmp_path / "missing.jsonl")
    assert not (tmp_path / "out").exists()


def test_an_empty_file_gives_a_whole_folder_of_nothing(tmp_path: Path) -> None:
    summary = run(tmp_path / "out", write(tmp_path / "a.jsonl"))
    assert (summary["read"], summary["profiles"]) == (0, 0)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "dead_letters.jsonl", "decisions.jsonl", "profiles.jsonl", "promotions.jsonl", "summary.json"
    ]  # fmt: skip

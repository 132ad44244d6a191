"""Replays of shoppers with several ids, and of what time sets off: the contract's files, ruling by ruling."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from schemas.ids import EventTime
from streams.settings import load
from streams.shuffle import Disturbance
from tests.support.lines import read, run, write
from tests.support.story import DAY, HOUR, MINUTE, MONDAY, Json, consent, order, track

CAMPAIGNS = """
campaigns:
  - id: looker
    triggers: [Product Viewed]
    offers: [{promotion_id: p, name: Shoes, products: {from: viewed}}]
    caps: [{at_most: 1, per: 7d}]
  - id: left
    triggers: [Cart Abandoned]
    offers: [{promotion_id: q, name: Your cart}]
  - id: quiet
    triggers: [Days Without Visit]
    offers: [{promotion_id: r, name: We miss you}]
"""


def with_campaigns(folder: Path) -> Any:
    (folder / "campaigns.yaml").write_text(CAMPAIGNS)
    return load({"campaigns.file": str(folder / "campaigns.yaml")})


def viewed(
    at: int, user: str | None = None, anonymous: str | None = None, name: str = "Product Viewed"
) -> Json:
    told = track(name, at, f"{name} {user} {anonymous} {at}", product_id="p1", category="shoes")
    return by(told, user, anonymous)


def by(event: Json, user: str | None, anonymous: str | None) -> Json:
    rest = {key: value for key, value in event.items() if key != "userId"}
    ids = {"userId": user, "anonymousId": anonymous}
    return rest | {key: value for key, value in ids.items() if value is not None}


def identify(at: int, user: str, anonymous: str) -> Json:
    return {
        "type": "identify",
        "messageId": f"identify {user} {anonymous} {at}",
        "timestamp": at,
        "userId": user,
        "anonymousId": anonymous,
    }


def profiles(tmp_path: Path, *events: Json, **request: Any) -> dict[str, Json]:
    """Return the profile lines by user."""
    run(tmp_path / "out", write(tmp_path / "a.jsonl", *events), **request)
    return {line["user_id"]: line for line in read(tmp_path / "out/profiles.jsonl")}


def test_ruling_10_a_moved_id_has_no_line_and_its_later_and_late_events_go_to_the_user(
    tmp_path: Path,
) -> None:
    found = profiles(
        tmp_path,
        viewed(MONDAY, None, "phone"),
        identify(MONDAY + HOUR, "ann", "phone"),
        viewed(MONDAY + 2 * HOUR, None, "phone"),
    )
    assert list(found) == ["ann"]
    ann = found["ann"]
    assert (ann["views"], ann["merged_from"]) == (2, ["phone"])
    assert (ann["first_seen"], ann["last_seen"]) == (MONDAY, MONDAY + 2 * HOUR)


def test_ruling_10_a_later_identity_with_another_user_gets_new_events_only(tmp_path: Path) -> None:
    found = profiles(
        tmp_path,
        viewed(MONDAY, None, "tablet"),
        identify(MONDAY + 1, "ann", "tablet"),
        viewed(MONDAY + 2, None, "tablet"),
        identify(MONDAY + 3, "bob", "tablet"),
        viewed(MONDAY + 4, None, "tablet"),
    )
    assert {user: (line["views"], line["merged_from"]) for user, line in found.items()} == {
        "ann": (2, ["tablet"]),
        "bob": (1, []),
    }


def test_ruling_10_the_first_processed_identity_is_the_one_that_moves(tmp_path: Path) -> None:
    events = (viewed(MONDAY, None, "x"), identify(MONDAY + 2, "ann", "x"), identify(MONDAY + 1, "bob", "x"))
    assert profiles(tmp_path, *events)["bob"]["merged_from"] == ["x"]
    assert profiles(tmp_path, *events, keep_order=True)["ann"]["merged_from"] == ["x"]


def test_ruling_10_chains_end_at_depth_4_and_nothing_is_lost_there(tmp_path: Path) -> None:
    ids = ["a", "b", "c", "d", "e", "f"]
    chain = [identify(MONDAY + n, to, come) for n, (come, to) in enumerate(pairwise(ids))]
    found = profiles(tmp_path, *chain, viewed(MONDAY + 9, None, "a"), viewed(MONDAY + 10, None, "b"))
    # From a it is five steps to f: its event stays with e. From b it is four.
    assert {user: line["views"] for user, line in found.items()} == {"e": 1, "f": 1}
    assert found["f"]["merged_from"] == ["a", "b", "c", "d", "e"]


def test_ruling_10_a_loop_is_ignored(tmp_path: Path) -> None:
    found = profiles(tmp_path, identify(MONDAY, "ann", "bob"), identify(MONDAY + 1, "bob", "ann"))
    assert {user: line["merged_from"] for user, line in found.items()} == {"ann": ["bob"]}
    assert found["ann"]["last_seen"] == MONDAY + 1


def test_ruling_39_one_id_in_both_fields_is_one_profile_and_a_track_with_two_ids_merges_nothing(
    tmp_path: Path,
) -> None:
    found = profiles(
        tmp_path,
        viewed(MONDAY, "x"),
        viewed(MONDAY, None, "x"),
        viewed(MONDAY, "ann", "phone"),
        viewed(MONDAY, None, "phone"),
    )
    assert {user: (line["views"], line["merged_from"]) for user, line in found.items()} == {
        "ann": (1, []),
        "phone": (1, []),
        "x": (2, []),
    }


def test_ruling_62_an_id_without_events_is_merged_all_the_same(tmp_path: Path) -> None:
    assert profiles(tmp_path, identify(MONDAY, "ann", "nobody"))["ann"]["merged_from"] == ["nobody"]


def test_ruling_38_a_message_that_one_id_sent_is_a_duplicate_of_the_others_after_the_merge(
    tmp_path: Path,
) -> None:
    first = by(track("Product Viewed", MONDAY, "m", product_id="p"), None, "phone")
    again = {**first, "timestamp": MONDAY + HOUR, "userId": "ann"}
    assert profiles(tmp_path, first, identify(MONDAY + 1, "ann", "phone"), again)["ann"]["views"] == 1


def test_ruling_38_an_identify_under_the_id_of_an_earlier_message_is_a_duplicate_and_merges_nothing(
    tmp_path: Path,
) -> None:
    first = identify(MONDAY, "ann", "phone")
    copy = {**identify(MONDAY + 1, "ann", "tablet"), "messageId": first["messageId"]}
    found = profiles(tmp_path, first, copy, viewed(MONDAY + 2, None, "tablet"))
    assert {user: line["merged_from"] for user, line in found.items()} == {"ann": ["phone"], "tablet": []}


def test_ruling_63_a_decision_before_the_merge_keeps_its_id_and_its_offer_counts_after_it(
    tmp_path: Path,
) -> None:
    events = (
        by(consent(MONDAY, marketing=True), None, "phone"),
        viewed(MONDAY + 1, None, "phone"),
        identify(MONDAY + HOUR, "ann", "phone"),
        viewed(MONDAY + 2 * HOUR, "ann"),
    )
    run(tmp_path / "out", write(tmp_path / "a.jsonl", *events), settings=with_campaigns(tmp_path))
    decisions = read(tmp_path / "out/decisions.jsonl")
    assert [(one["user_id"], one["candidates"][0]["reason"]) for one in decisions] == [
        ("phone", None),
        ("ann", "capped"),
    ]


def test_ruling_65_what_is_taken_back_stands_in_promotions_with_its_type(tmp_path: Path) -> None:
    yes = by(consent(MONDAY, marketing=True), None, "phone")
    no = consent(MONDAY - DAY, "no", marketing=True), consent(MONDAY + HOUR, "no 2", marketing=False)
    events = (
        *no,
        yes,
        viewed(MONDAY + 1, None, "phone"),
        identify(MONDAY + 2 * HOUR, "ann", "phone"),
        order("o", MONDAY + 3 * HOUR, 5, "p1"),
    )
    summary = run(tmp_path / "out", write(tmp_path / "a.jsonl", *events), settings=with_campaigns(tmp_path))
    offered, revoked = read(tmp_path / "out/promotions.jsonl")
    # The offer went to the phone; since ann, who said no, has it, it holds no longer. Only once: not for the order.
    assert (offered["type"], offered["user_id"]) == ("promotion.offered", "phone")
    assert revoked == {
        "type": "promotion.revoked",
        "promotion_id": "p",
        "decision_id": offered["decision_id"],
        "user_id": "phone",
        "campaign_id": "looker",
        "reason": "consent_withdrawn",
        "at": MONDAY + 2 * HOUR,
        "trigger": {
            "event": "identify",
            "message_id": f"identify ann phone {MONDAY + 2 * HOUR}",
            "at": MONDAY + 2 * HOUR,
        },
    }
    assert summary["revoked"] == {"consent_withdrawn": 1}


def test_ruling_9_a_silent_shopper_is_ticked_up_to_as_of(tmp_path: Path) -> None:
    events = (consent(MONDAY, marketing=True), viewed(MONDAY, "ann", name="Product Added"))
    file, settings = write(tmp_path / "a.jsonl", *events), with_campaigns(tmp_path)
    for as_of, wanted in (
        (MONDAY + HOUR - 1, []),
        (MONDAY + HOUR, ["Cart Abandoned"]),
        (MONDAY + 40 * DAY, ["Cart Abandoned", "Days Without Visit"]),
    ):
        run(tmp_path / "out", file, settings=settings, as_of=EventTime(as_of))
        decisions = read(tmp_path / "out/decisions.jsonl")
        assert [one["trigger"]["event"] for one in decisions] == wanted
        (line,) = read(tmp_path / "out/profiles.jsonl")
        assert (line["last_seen"], len(line["recent"])) == (MONDAY, 1)


def test_ruling_9_the_trigger_is_the_same_inline_and_at_the_end(tmp_path: Path) -> None:
    events = [consent(MONDAY, marketing=True), viewed(MONDAY, "ann", name="Product Added")]
    settings, later = with_campaigns(tmp_path), track("Cart Viewed", MONDAY + 3 * HOUR)
    run(
        tmp_path / "one",
        write(tmp_path / "a.jsonl", *events),
        settings=settings,
        as_of=EventTime(MONDAY + DAY),
    )
    run(tmp_path / "two", write(tmp_path / "b.jsonl", *events, later), settings=settings)
    one, two = ((tmp_path / f"{name}/decisions.jsonl").read_bytes() for name in ("one", "two"))
    assert one == two != b""


def test_ruling_64_timers_stand_among_the_decisions_by_their_deadline(tmp_path: Path) -> None:
    events = []
    for user in ("bob", "ann"):
        events += [
            consent(MONDAY, f"yes {user}", user, marketing=True),
            viewed(MONDAY + MINUTE, user, name="Product Added"),
            viewed(MONDAY + 30 * MINUTE, user),
            viewed(MONDAY + 3 * HOUR, user),
        ]
    run(tmp_path / "out", write(tmp_path / "a.jsonl", *events), settings=with_campaigns(tmp_path))
    triggers = [one["trigger"] for one in read(tmp_path / "out/decisions.jsonl")]
    assert [(one["event"], one["at"] - MONDAY) for one in triggers] == [
        *[("Product Viewed", 30 * MINUTE)] * 2,
        *[("Cart Abandoned", 61 * MINUTE)] * 2,
        *[("Product Viewed", 3 * HOUR)] * 2,
    ]


def test_a_timer_that_was_due_before_the_merge_is_decided_about_the_id_of_then(tmp_path: Path) -> None:
    events = (
        by(consent(MONDAY, marketing=True), None, "phone"),
        viewed(MONDAY, None, "phone", name="Product Added"),
        identify(MONDAY + 2 * HOUR, "ann", "phone"),
        viewed(MONDAY + 3 * HOUR, "ann", name="Product Added"),
    )
    run(
        tmp_path / "out",
        write(tmp_path / "a.jsonl", *events),
        settings=with_campaigns(tmp_path),
        as_of=EventTime(MONDAY + 5 * HOUR),
    )
    decisions = read(tmp_path / "out/decisions.jsonl")
    assert [(one["user_id"], one["trigger"]["at"] - MONDAY) for one in decisions] == [
        ("phone", HOUR),
        ("ann", 4 * HOUR),
    ]


def test_ruling_60_shuffles_and_copies_of_a_shopper_with_a_rare_and_a_busy_id_change_no_profile(
    tmp_path: Path,
) -> None:
    busy = [viewed(MONDAY + n * MINUTE, None, "phone", "Product Added") for n in range(3000)]
    rare = [viewed(MONDAY + n * HOUR, "ann", None, "Product Clicked") for n in range(50)]
    file = write(tmp_path / "a.jsonl", *busy, *rare, identify(MONDAY + HOUR, "ann", "phone"))
    run(tmp_path / "calm", file)
    for seed in range(3):
        wild = Disturbance(seed, shuffle=True, duplicate_share=0.5)
        summary = run(tmp_path / "wild", file, disturbance=wild)
        assert summary["applied"] == 3051
        assert summary["duplicates"] > 1300
        calm, other = (tmp_path / f"{name}/profiles.jsonl" for name in ("calm", "wild"))
        assert calm.read_bytes() == other.read_bytes()

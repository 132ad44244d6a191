"""Decisions about shoppers with several ids checked again from the event files: before, at and after the merge."""

import json
from pathlib import Path

import msgspec
import pytest

from streams.parts import build, campaigns_of, policy_of
from streams.settings import Settings, load
from streams.shuffle import Disturbance
from streams.verify import Report, Verifier
from streams.verify_run import Order, verify_folder
from tests.support.lines import NOW_MS, Json, read, run, write
from tests.support.story import DAY, HOUR, MINUTE, MONDAY, consent, order, track

CAMPAIGNS = """
campaigns:
  - id: looker
    triggers: [Product Viewed]
    when: {all: [{feature: affinity, tag: shoes, at_least: 1.5}, {feature: views, at_least: 1}]}
    offers: [{promotion_id: p, name: Shoes, products: {from: viewed}}]
    caps: [{at_most: 3, per: 7d}]
  - id: left
    triggers: [Cart Abandoned, Session Ended]
    when: {feature: cart_value, at_least: 10}
    offers: [{promotion_id: q, name: Your cart}]
  - id: quiet
    triggers: [Days Without Visit]
    offers: [{promotion_id: r, name: We miss you}]
  - id: buyer
    triggers: [Order Completed]
    after: 3d
    offers: [{promotion_id: s, name: Thank you}]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "campaigns.yaml").write_text(CAMPAIGNS)
    return load({"campaigns.file": str(tmp_path / "campaigns.yaml")})


def of(event: Json, user: str | None, anonymous: str | None = None) -> Json:
    rest = {key: value for key, value in event.items() if key not in ("userId", "anonymousId")}
    ids = {"userId": user, "anonymousId": anonymous}
    return rest | {key: value for key, value in ids.items() if value is not None}


def identify(at: int, user: str, anonymous: str) -> Json:
    told = {"type": "identify", "messageId": f"{user} is {anonymous} {at}", "timestamp": at}
    return {**told, "userId": user, "anonymousId": anonymous}


def views(at: int, name: str, count: int, user: str | None, anonymous: str | None = None) -> list[Json]:
    return [
        of(
            track("Product Viewed", at + n * MINUTE, f"{name} {n}", product_id=f"p{n % 5}", category="shoes"),
            user,
            anonymous,
        )
        for n in range(count)
    ]


def history() -> list[Json]:
    """Return two devices that become ann's, a phone that bob takes over later, and carl, who has one id."""
    cart = track("Product Added", MONDAY + 20 * MINUTE, "cart", product_id="p1", price=30)
    bought = order("o1", MONDAY + 2 * DAY, 40, "p1", message_id="buys")
    return [
        *(consent(MONDAY - 1, f"yes {user}", user, marketing=True) for user in ("ann", "bob", "carl")),
        of(consent(MONDAY - 1, "yes phone", marketing=True), None, "phone"),
        *views(MONDAY, "phone", 6, None, "phone"),
        *views(MONDAY + 10 * MINUTE, "laptop", 6, None, "laptop"),
        of(cart, None, "phone"),
        identify(MONDAY + 5 * HOUR, "ann", "phone"),
        *views(MONDAY + 5 * HOUR + MINUTE, "more", 6, None, "phone"),
        {**bought, "userId": "ann"},
        identify(MONDAY + 3 * DAY, "ann", "laptop"),
        *views(MONDAY + 8 * DAY, "later", 6, "ann"),
        identify(MONDAY + 9 * DAY, "bob", "phone"),
        *views(MONDAY + 9 * DAY + MINUTE, "bob", 6, None, "phone"),
        identify(MONDAY + 9 * DAY + HOUR, "bob", "bob"),
        *views(MONDAY, "carl", 6, "carl"),
        *views(MONDAY + 60 * DAY, "long after", 2, "ann"),
    ]


def verified(folder: Path, file: Path, settings: Settings) -> Report:
    policy = policy_of(settings.profile)
    campaigns, parts = campaigns_of(settings, policy), build(settings, tags="category")
    assert campaigns is not None
    verifier = Verifier({campaigns.digest: campaigns}, policy, parts.side)
    told = msgspec.convert(json.loads((folder / "summary.json").read_text()), Order)
    return verify_folder(folder, [file], told, verifier, parts, NOW_MS)


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"keep_order": True},
        {"disturbance": Disturbance(3, duplicate_share=0.3)},
        *({"disturbance": Disturbance(seed, shuffle=True, duplicate_share=0.3)} for seed in range(3)),
    ],
    ids=["by time", "by file", "repeated", "shuffled 0", "shuffled 1", "shuffled 2"],
)
def test_every_decision_about_shoppers_with_several_ids_comes_out_again(
    tmp_path: Path, settings: Settings, request_: Json
) -> None:
    file = write(tmp_path / "e.jsonl", *history())
    summary = run(tmp_path / "out", file, settings=settings, **request_)
    decisions = read(tmp_path / "out/decisions.jsonl")
    assert {decision["user_id"] for decision in decisions} >= {"ann", "bob", "carl"}
    if not request_:
        assert "phone" in {decision["user_id"] for decision in decisions}
        asked = {decision["trigger"]["event"] for decision in decisions}
        assert asked >= {"Product Viewed", "Cart Abandoned", "Days Without Visit"}
    report = verified(tmp_path / "out", file, settings)
    assert report.violations == []
    assert report.unchecked == {}
    assert report.refolded == report.reordered == report.decisions == summary["decisions"] > 10


def test_an_event_that_the_files_lack_is_found_behind_the_merge(tmp_path: Path, settings: Settings) -> None:
    honest = write(tmp_path / "honest.jsonl", *history())
    run(tmp_path / "out", honest, settings=settings)
    file = write(
        tmp_path / "e.jsonl", *(e for e in history() if e["messageId"] not in ("laptop 0", "later 5"))
    )
    report = verified(tmp_path / "out", file, settings)
    assert report.redecided == report.decisions  # the records alone are sound
    problems = {violation.message_id: violation.problem for violation in report.violations}
    assert problems["later 0"].startswith("features.")  # ann's, of events that had been the laptop's
    assert problems["later 5"] == "the event that asked is not among the shopper's events"


def test_without_the_event_that_joined_them_decisions_do_not_come_out(
    tmp_path: Path, settings: Settings
) -> None:
    honest = write(tmp_path / "honest.jsonl", *history())
    run(tmp_path / "out", honest, settings=settings)
    apart = write(tmp_path / "e.jsonl", *(e for e in history() if e.get("type") != "identify"))
    report = verified(tmp_path / "out", apart, settings)
    assert any(violation.user_id == "ann" for violation in report.violations)
    assert not any(violation.user_id == "carl" for violation in report.violations)


def test_a_message_that_came_in_under_both_ids_is_counted_as_the_replay_counted_it(
    tmp_path: Path, settings: Settings
) -> None:
    twice = [of(event, user, anonymous) for event in views(MONDAY, "same", 3, None) for user, anonymous in (("ann", None), (None, "phone"))]  # fmt: skip
    events = [
        consent(MONDAY - 1, "yes", marketing=True),
        *twice,
        identify(MONDAY + HOUR, "ann", "phone"),
        *views(MONDAY + 2 * HOUR, "more", 3, "ann"),
    ]
    file = write(tmp_path / "e.jsonl", *events)
    run(tmp_path / "out", file, settings=settings)
    report = verified(tmp_path / "out", file, settings)
    assert report.violations == []
    assert report.reordered < report.refolded == report.decisions


def test_a_decision_about_an_id_that_was_moved_away_by_then_is_a_violation(
    tmp_path: Path, settings: Settings
) -> None:
    file = write(tmp_path / "e.jsonl", *history())
    run(tmp_path / "out", file, settings=settings)
    path = tmp_path / "out/decisions.jsonl"
    lines = read(path)
    place = next(n for n, line in enumerate(lines) if line["trigger"]["message_id"] == "more 0")
    lines[place]["user_id"] = "phone"
    path.write_bytes(b"\n".join(msgspec.json.encode(line, order="sorted") for line in lines) + b"\n")
    problems = [
        v.problem for v in verified(tmp_path / "out", file, settings).violations if v.user_id == "phone"
    ]
    assert "the event that asked was another shopper's by then, or came before" in problems

"""Decisions of a replay checked again, from their records and from the event files; and what a lie looks like."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.decisions import Decision
from schemas.events import ShopEvent
from schemas.ids import EventTime
from streams.parts import build, campaigns_of, policy_of
from streams.settings import Settings, load
from streams.verify import Cut, Report, Seen, Verifier, by_order, by_position
from streams.verify_run import Order, verify_folder
from tests.support.lines import NOW_MS, Json, read, run, write
from tests.support.story import DAY, MINUTE, MONDAY, consent, order, tell, track
from tests.support.story import campaigns_of as ready
from tests.support.story import read as event_of

CAMPAIGNS = """
shop: {cool_down: 1m}
campaigns:
  - id: looker
    triggers: [Product Viewed]
    when: {all: [{feature: affinity, tag: shoes, at_least: 1.5}, {feature: views, within: 1d, at_least: 1}]}
    offers: [{promotion_id: p10, name: Ten off, products: {from: viewed}}]
    caps: [{at_most: 2, per: 7d}]
  - id: buyer
    triggers: [Order Completed, Product Viewed]
    when: {feature: spend, at_least: 30}
    offers: [{promotion_id: thanks, name: Thank you}]
"""


def story(user: str) -> list[Json]:
    """Return some days of one shopper's events, in the order of their times."""
    views = [
        track(
            "Product Viewed",
            MONDAY + n * 7 * MINUTE,
            f"{user} {n}",
            user,
            product_id=f"p{n % 5}",
            category="shoes",
        )
        for n in range(40)
    ]
    bought = order("o1", MONDAY + 9 * MINUTE, 40, "p1", message_id=f"{user} buys")
    later = track(
        "Product Viewed", MONDAY + 9 * DAY, f"{user} later", user, product_id="p9", category="tents"
    )
    return [
        consent(MONDAY - 1, f"{user} yes", user, marketing=True),
        *views,
        {**bought, "userId": user},
        later,
    ]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "campaigns.yaml").write_text(CAMPAIGNS)
    return load({"campaigns.file": str(tmp_path / "campaigns.yaml")})


def verified(folder: Path, files: list[Path], settings: Settings, order: Order | None = None) -> Report:
    policy = policy_of(settings.profile)
    campaigns, parts = campaigns_of(settings, policy), build(settings, tags="category")
    assert campaigns is not None
    verifier = Verifier({campaigns.digest: campaigns}, policy, parts.side)
    order = order or msgspec.convert(json.loads((folder / "summary.json").read_text()), Order)
    return verify_folder(folder, files, order, verifier, parts, NOW_MS)


@pytest.mark.parametrize(
    "request_",
    [{}, {"keep_order": True}, {"disturbance": {"seed": 3, "shuffle": True, "duplicate_share": 0.3}}],
    ids=["by time", "by file", "disturbed"],
)
def test_every_decision_of_a_replay_comes_out_again(
    tmp_path: Path, settings: Settings, request_: Json
) -> None:
    from streams.shuffle import Disturbance

    if "disturbance" in request_:
        request_ = {"disturbance": Disturbance(**request_["disturbance"])}
    events = [event for n in range(3) for event in story(f"ann{n}")]
    file = write(tmp_path / "e.jsonl", *events, b"{")
    summary = run(tmp_path / "out", file, settings=settings, **request_)
    report = verified(tmp_path / "out", [file], settings)
    assert report.violations == []
    assert summary["decisions"] > 40
    assert report.decisions == report.redecided == report.refolded == summary["decisions"]
    assert report.reordered == report.refolded
    assert report.ok


def test_without_event_files_only_the_records_are_checked(tmp_path: Path, settings: Settings) -> None:
    file = write(tmp_path / "e.jsonl", *story("ann"))
    run(tmp_path / "out", file, settings=settings)
    report = verified(tmp_path / "out", [], settings)
    assert (report.ok, report.refolded) == (True, 0)
    assert report.unchecked == {"no --events given": report.decisions}


LIES: dict[str, tuple[Callable[[Json], object], str]] = {
    "a number": (
        lambda d: d["features"].update({"views(1d)": 99}),
        "candidates[0].checks[1].flip is",
    ),
    "an outcome": (lambda d: d.update(outcome="suppressed"), 'outcome is "suppressed" in the record, "offered"'),
    "an offer": (lambda d: d["offers"].pop("looker"), "candidates["),
    "a candidate": (lambda d: d["candidates"].pop(), "candidates is 1 long in the record, 2 long when decided again"),
    "a time zone": (lambda d: d.update(time_zone="Mars/Base"), "time_zone is Mars/Base"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), LIES.values(), ids=LIES)
def test_a_changed_record_is_one_line_that_says_where(
    tmp_path: Path, settings: Settings, change: Callable[[Json], object], words: str
) -> None:
    file = write(tmp_path / "e.jsonl", *story("ann"))
    run(tmp_path / "out", file, settings=settings)
    lines = read(tmp_path / "out/decisions.jsonl")
    place = next(
        n
        for n, d in enumerate(lines)
        if d["outcome"] == "offered" and len(d["candidates"]) == 2 and "looker" in d["offers"]
    )
    change(lines[place])
    raw = [msgspec.json.encode(line, order="sorted") for line in lines]
    (tmp_path / "out/decisions.jsonl").write_bytes(b"\n".join(raw) + b"\n")
    report = verified(tmp_path / "out", [file], settings)
    assert not report.ok
    problems = [v.problem for v in report.violations if v.message_id == lines[place]["trigger"]["message_id"]]
    assert any(problem.startswith(words) for problem in problems), report.violations


def test_a_lie_that_is_consistent_in_itself_is_found_by_the_events(
    tmp_path: Path, settings: Settings
) -> None:
    honest = write(tmp_path / "honest.jsonl", *story("ann"))
    file = write(tmp_path / "e.jsonl", *(e for e in story("ann") if e.get("messageId") != "ann 3"))
    run(tmp_path / "out", honest, settings=settings)
    report = verified(tmp_path / "out", [file], settings)
    assert report.redecided == report.decisions  # the records alone are sound
    problems = [violation.problem for violation in report.violations]
    assert problems[0] == "the event that asked is not among the shopper's events"
    assert "features.views(1d) is 5, by the events 4" in problems
    assert any(problem.startswith("features.affinity(shoes) is 4.99") for problem in problems)


def test_a_promotion_that_is_missing_or_was_never_decided_is_found(
    tmp_path: Path, settings: Settings
) -> None:
    file = write(tmp_path / "e.jsonl", *story("ann"))
    run(tmp_path / "out", file, settings=settings)
    path = tmp_path / "out/promotions.jsonl"
    first, *others = path.read_bytes().splitlines(keepends=True)
    unknown = first.replace(msgspec.json.decode(first)["decision_id"].encode(), b"0" * 32)
    path.write_bytes(b"".join([unknown, *others]))
    lines = [violation.line() for violation in verified(tmp_path / "out", [file], settings).violations]
    assert len(lines) == 2
    assert lines[0].endswith("was offered, and no promotion went out")
    assert lines[1] == f"decision {'0' * 32}: a promotion went out that no decision offered"


def test_another_campaign_file_is_said_and_not_ok(tmp_path: Path, settings: Settings) -> None:
    file = write(tmp_path / "e.jsonl", *story("ann"))
    summary = run(tmp_path / "out", file, settings=settings)
    Path(settings.campaigns.file).write_text(CAMPAIGNS.replace("at_least: 30", "at_least: 31"))
    report = verified(tmp_path / "out", [file], settings)
    assert report.unknown_files == {summary["policy_digest"]: summary["decisions"]}
    assert (report.ok, report.violations) == (False, [])


READY = ready({"id": "a"})
TOLD = [consent(MONDAY, "yes", marketing=True), *(track("Product Viewed", MONDAY + n, f"m{n}", product_id="x") for n in (1, 2, 3))]  # fmt: skip
EVENTS: list[ShopEvent] = [event_of(told) for told in TOLD]
DECISIONS = tell(READY, TOLD).decisions


def _ids(cuts: Any) -> list[tuple[str, list[str], bool]]:
    return [
        (cut.decision.trigger.message_id, [event.envelope.message_id for event in cut.fresh], cut.anew)
        for cut in cuts
    ]


def test_a_history_is_cut_at_its_triggers_and_a_timer_at_its_deadline() -> None:
    timer = msgspec.structs.replace(
        DECISIONS[0], trigger=msgspec.structs.replace(DECISIONS[0].trigger, event="Cart Abandoned", message_id="t", at=MONDAY + 3)
    )  # fmt: skip
    cuts = by_order(EVENTS, [*DECISIONS, timer])
    assert _ids(cuts) == [
        ("m1", ["yes", "m1"], False),
        ("m2", ["m2"], False),
        ("t", [], False),
        ("m3", ["m3"], False),
    ]


def test_a_history_on_topics_is_cut_at_the_positions_and_begun_anew_where_they_go_back() -> None:
    places = [("i-0", 7), ("c-0", 1), ("c-0", 2), ("c-0", 3)]
    seen = [Seen(e, source, offset, 0) for e, (source, offset) in zip(EVENTS, places, strict=True)]

    def at(decision: Decision, **positions: int) -> Decision:
        named = {name.replace("_", "-"): offset for name, offset in positions.items()}
        return msgspec.structs.replace(decision, positions=named)

    one, two, three = DECISIONS
    chain = [at(one, c_0=1), at(two, c_0=2, i_0=7), at(three, c_0=3, i_0=7)]
    assert _ids(by_position(seen, reversed(chain))) == [("m1", ["m1"], False), ("m2", ["m2", "yes"], False), ("m3", ["m3"], False)]  # fmt: skip
    # After a crash the other topic was read first.
    turned = [at(one, c_0=3), at(two, c_0=1, i_0=7)]
    assert _ids(by_position(seen, turned)) == [("m1", ["m1", "m2", "m3"], False), ("m2", ["m1", "yes"], True)]


def test_a_timer_on_topics_is_cut_before_the_event_that_fired_it_and_that_its_positions_count() -> None:
    places = [("i-0", 7), ("c-0", 1), ("c-0", 2), ("c-0", 3)]
    seen = [Seen(e, source, offset, 0) for e, (source, offset) in zip(EVENTS, places, strict=True)]
    due = EVENTS[3].envelope.at  # that of m3: at the latest time that it still fires
    own = msgspec.structs.replace(DECISIONS[2], positions={"c-0": 3, "i-0": 7})
    timer = msgspec.structs.replace(
        own, now=due, trigger=msgspec.structs.replace(own.trigger, event="Session Ended", message_id="t", at=due)
    )  # fmt: skip
    for decisions in ([own, timer], [timer, own]):
        assert _ids(by_position(seen, decisions)) == [
            ("t", ["m1", "m2", "yes"], False),
            ("m3", ["m3"], False),
        ]


def test_what_a_model_gave_up_on_cannot_be_folded_again(settings: Settings) -> None:
    verifier = Verifier(
        {READY.digest: READY}, policy_of(settings.profile), build(settings, tags="category").side
    )
    guessed = msgspec.structs.replace(DECISIONS[0], approximate=True)
    other = msgspec.structs.replace(DECISIONS[1], model_versions={"tags": "7"})
    verifier.story(
        EVENTS[0].envelope.shopper, [Cut(guessed, EVENTS[:2]), Cut(other, EVENTS[2:3])], lambda _: ()
    )
    assert verifier.report.unchecked == {
        "a model gave up, and categories stood in for a while": 1,
        "other models than here: tags 7": 1,
    }
    assert verifier.report.violations == []


def test_now_is_the_newest_event(settings: Settings) -> None:
    verifier = Verifier(
        {READY.digest: READY}, policy_of(settings.profile), build(settings, tags="category").side
    )
    lied = msgspec.structs.replace(DECISIONS[0], now=EventTime(MONDAY + 5))
    verifier.story(EVENTS[0].envelope.shopper, [Cut(lied, EVENTS[:2])], lambda _: ())
    (violation,) = verifier.report.violations
    assert violation.line() == (
        f"ann: Product Viewed m1 at 2026-03-02T00:00:00.001Z: now is {MONDAY + 5}, by the events {MONDAY + 1}"
    )

"""Rows to learn from: what was known at a decision, and what came of it, literally and by a slow count."""

import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import InputError
from schemas.ids import EventTime
from streams.settings import load
from tests.support.lines import Json, read, run, write
from tests.support.story import DAY, HOUR, MONDAY, consent, order, track

CAMPAIGNS = """
campaigns:
  - id: looker
    triggers: [Product Viewed]
    when: {all: [{feature: views, at_least: 1}, {feature: affinity, tag: shoes, at_least: 0}]}
    offers: [{promotion_id: p, name: Shoes, coupon: {kind: percent, value: 10, code: RUN10}}]
    caps: [{at_most: 1, per: 7d}]
    valid_for: 2d
"""
WINDOW = 2 * DAY


def rows_of(folder: Path, *events: Json, as_of: int | None = None, **more: Any) -> list[Json]:
    (folder / "campaigns.yaml").write_text(CAMPAIGNS)
    settings_ = load({"campaigns.file": str(folder / "campaigns.yaml")})
    at = None if as_of is None else EventTime(as_of)
    run(folder / "out", write(folder / "a.jsonl", *events), settings=settings_, rows=True, as_of=at, **more)
    return pl.read_parquet(folder / "out/rows.parquet").to_dicts()


def viewed(at: int, message_id: str, user: str = "ann") -> Json:
    return track("Product Viewed", at, message_id, user, product_id="p1", category="shoes")


YES = consent(MONDAY - DAY, "yes", marketing=True, training=True)


def test_a_row_has_what_was_known_then_and_what_came_of_it(tmp_path: Path) -> None:
    events = (
        YES,
        viewed(MONDAY, "m1"),
        viewed(MONDAY + HOUR, "m2"),
        track("Promotion Viewed", MONDAY + 1, "f1", promotion_id="p"),
        track("Coupon Applied", MONDAY + HOUR, "f2", coupon_id="RUN10"),
        order("o1", MONDAY + WINDOW, 100, "boots"),
        track("Order Refunded", MONDAY + 9 * DAY, "f3", order_id="o1", total=30),
        order("o2", MONDAY + WINDOW + 1, 50, "boots"),
    )
    offered, capped = rows_of(tmp_path, *events)
    known = {
        "user_id": "ann",
        "trigger": "Product Viewed",
        "message_id": "m1",
        "at": MONDAY,
        "outcome": "offered",
    }
    chosen = {"campaign_id": "looker", "promotion_id": "p", "propensity": 0.05, "consent_training": True}
    later = {"window_ms": WINDOW, "observed": True, "bought": True, "orders": 1, "order_value": 7000}
    told = {"viewed": True, "clicked": False, "coupon_applied": True, "bought_offered": False}
    wanted = {**known, **chosen, **later, **told, "feature.views": 1.0, "feature.affinity(shoes)": 1.0}
    assert {name: offered[name] for name in wanted} == wanted
    # An hour later both orders are in time; nothing was sent, so nothing could be seen.
    wanted = {
        "outcome": "suppressed",
        "campaign_id": None,
        "orders": 2,
        "order_value": 12000,
        "viewed": False,
    }
    assert {name: capped[name] for name in wanted} == wanted
    assert capped["feature.views"] == 2.0


@pytest.mark.parametrize(("as_of", "observed"), [(MONDAY + WINDOW - 1, False), (MONDAY + WINDOW, True)])
def test_a_window_that_reaches_beyond_the_history_is_not_observed(
    tmp_path: Path, as_of: int, observed: bool
) -> None:
    (row,) = rows_of(tmp_path, YES, viewed(MONDAY, "m1"), as_of=as_of)
    assert (row["observed"], row["bought"]) == (observed, False)


def test_feedback_about_another_decision_of_the_same_promotion_is_not_this_ones(tmp_path: Path) -> None:
    other = track("Promotion Clicked", MONDAY + 1, "f", promotion_id="p", decision_id="0" * 32)
    (row,) = rows_of(tmp_path, YES, viewed(MONDAY, "m1"), other)
    assert not row["clicked"]
    mine = track("Promotion Clicked", MONDAY + 1, "f", promotion_id="x", decision_id=row["decision_id"])
    (row,) = rows_of(tmp_path, YES, viewed(MONDAY, "m1"), mine)
    assert row["clicked"]


def test_what_a_shopper_does_under_another_id_counts(tmp_path: Path) -> None:
    bought = {**order("o1", MONDAY + 2, 5, "boots"), "userId": None, "anonymousId": "phone"}
    identify = {
        "type": "identify",
        "messageId": "i",
        "timestamp": MONDAY + 3,
        "userId": "ann",
        "anonymousId": "phone",
    }
    for buckets in (1, 7):
        (row,) = rows_of(tmp_path, YES, viewed(MONDAY, "m1"), bought, identify, buckets=buckets)
        assert (row["orders"], row["order_value"]) == (1, 500)


def test_a_history_without_decisions_has_the_columns_and_no_row(tmp_path: Path) -> None:
    assert rows_of(tmp_path, consent(MONDAY, "no", marketing=False)) == []
    assert {"user_id", "bought"} <= set(pl.read_parquet_schema(tmp_path / "out/rows.parquet"))


def test_neither_processes_nor_buckets_change_a_byte(tmp_path: Path) -> None:
    events = [{**YES, "userId": f"u{n}"} for n in range(9)]
    events += [viewed(MONDAY + n * HOUR, f"m{n}", f"u{n % 9}") for n in range(99)]
    found = set()
    for jobs, buckets in ((1, 1), (1, 7), (2, 3), (3, 5)):
        assert len(rows_of(tmp_path, *events, jobs=jobs, buckets=buckets)) == 99
        found.add((tmp_path / "out/rows.parquet").read_bytes())
    assert len(found) == 1


def test_rows_of_an_earlier_replay_do_not_stay(tmp_path: Path) -> None:
    rows_of(tmp_path, YES)
    run(tmp_path / "out", tmp_path / "a.jsonl")
    assert not (tmp_path / "out/rows.parquet").exists()


def test_without_polars_one_line_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(
        InputError, match=r"^--rows: needs polars; install the extra: pip install 'beckon\[parq"
    ):
        rows_of(tmp_path, YES)


_STEPS = (1, HOUR, DAY, WINDOW - 1, WINDOW, WINDOW + 1)
_BODIES = (
    ("Product Viewed", {"product_id": "p1", "category": "shoes"}),
    ("Product Viewed", {"product_id": "p1", "category": "shoes"}),
    ("Order Completed", {"order_id": "o1", "total": 10, "currency": "USD", "products": []}),
    ("Order Completed", {"order_id": "o2", "total": 20, "currency": "USD", "products": []}),
    ("Order Refunded", {"order_id": "o1", "total": 4}),
    ("Order Cancelled", {"order_id": "o2"}),
    ("Promotion Viewed", {"promotion_id": "p"}),
    ("Promotion Clicked", {"promotion_id": "q"}),
    ("Coupon Applied", {"coupon_id": "RUN10"}),
)


@st.composite
def stories(draw: Any) -> list[Json]:
    """Return events of one shopper under two ids, which an identify connects at the end."""
    at, events = MONDAY, [YES]
    for number, (name, properties) in enumerate(draw(st.lists(st.sampled_from(_BODIES), max_size=12))):
        at += draw(st.sampled_from(_STEPS))
        events.append(track(name, at, f"m{number}", draw(st.sampled_from(("ann", "phone"))), **properties))
    ids = {"userId": "ann", "anonymousId": "phone"}
    return [*events, {"type": "identify", "messageId": "i", "timestamp": at, **ids}]


def slow(decision: Json, events: list[Json]) -> Json:
    """Count again, event by event, what a decision's row must say."""

    def in_time(event: Json) -> bool:
        return bool(decision["now"] < event["timestamp"] <= decision["now"] + WINDOW)

    def said(name: str, **properties: str) -> bool:
        mine = [e for e in events if e.get("event") == name and in_time(e)]
        return decision["decision_id"] is not None and any(
            properties.items() <= e["properties"].items() for e in mine
        )

    found = {}
    for order_id, total in (("o1", 1000), ("o2", 2000)):
        about = [e for e in events if e.get("properties", {}).get("order_id") == order_id]
        placed = [e for e in about if e["event"] == "Order Completed"]
        cancelled = any(e["event"] == "Order Cancelled" for e in about)
        back = 400 * sum(e["event"] == "Order Refunded" for e in about)
        if placed and in_time(min(placed, key=lambda e: e["timestamp"])) and not cancelled:
            found[order_id] = max(0, total - back)
    return {
        "bought": bool(found),
        "orders": len(found),
        "order_value": sum(found.values()),
        "viewed": said("Promotion Viewed", promotion_id="p"),
        "clicked": said("Promotion Clicked", promotion_id="p"),
        "coupon_applied": said("Coupon Applied", coupon_id="RUN10"),
        "observed": decision["now"] + WINDOW <= max(e["timestamp"] for e in events),
    }


@settings(max_examples=60, deadline=None, derandomize=True)
@given(events=stories(), buckets=st.sampled_from((1, 5)))
def test_rows_say_what_a_slow_count_says(
    tmp_path_factory: pytest.TempPathFactory, events: list[Json], buckets: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    rows = rows_of(folder, *events, buckets=buckets)
    decisions = read(folder / "out/decisions.jsonl")
    assert [row["message_id"] for row in rows] == [one["trigger"]["message_id"] for one in decisions]
    for row, decision in zip(rows, decisions, strict=True):
        wanted = slow(decision, events)
        assert {name: row[name] for name in wanted} == wanted
        assert row["feature.views"] == decision["features"]["views"]

"""A replay of any histories: the files' order, shuffles, copies and a second run change no byte of the profiles."""

import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.campaigns import compile_campaigns
from streams.parts import Parts, build
from streams.replay import Request, replay
from streams.settings import Settings
from streams.shuffle import CALM, Disturbance
from tests.oracle import profiles as oracle
from tests.support.histories import HISTORIES, campaign_files, histories, some_histories
from tests.support.lines import Json, read, write
from tests.support.story import BROKER_MS, POLICY

FILES = ("profiles", "decisions", "promotions", "dead_letters")
_BAD: tuple[Json | bytes, ...] = (
    b"",
    b"\xff",
    b"{",
    {"type": "page", "messageId": "x"},
    {"type": "track", "event": "Product Praised"},
    {"type": "track", "event": "Product Viewed", "messageId": "bad", "timestamp": 1, "userId": "ann"},
)
#: Each example is four replays with their files, so there are fewer of them than of histories elsewhere.
some_replays = settings(some_histories, max_examples=max(1, HISTORIES // 8))


@st.composite
def shops(draw: Any) -> list[Json]:
    """Return the events of up to three shoppers, one history after the other."""
    users = draw(st.lists(st.sampled_from(("ann", "bob", "é", "")), min_size=1, max_size=3, unique=True))
    return [_of(event, user or "10") for user in users for event in draw(histories(events_max=14))]


def _of(event: Json, user: str) -> Json:
    key = "userId" if "userId" in event else "anonymousId"
    return {**event, key: user}


def run(out: Path, files: list[Path], parts: Parts, disturbance: Disturbance = CALM) -> Json:
    return replay(Request(files, out, disturbance=disturbance), parts, lambda *_: None, BROKER_MS)


def result(out: Path) -> dict[str, bytes]:
    return {name: (out / f"{name}.jsonl").read_bytes() for name in FILES}


@some_replays
@given(st.data())
def test_no_order_of_files_no_shuffle_and_no_copy_changes_a_byte(data: st.DataObject) -> None:
    events, file = data.draw(shops()), data.draw(campaign_files())
    plain = build(Settings(), tags="category")
    parts = Parts(plain.border, POLICY, compile_campaigns(file, POLICY, "USD"), {}, None, plain.side)
    share = data.draw(st.sampled_from((0.0, 0.3, 1.0)))
    wild = Disturbance(data.draw(st.integers(0, 9)), data.draw(st.booleans()), share)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = write(folder / "whole.jsonl", *events)
        summary = run(folder / "one", [whole], parts)
        run(folder / "two", [whole], parts)
        halves = [data.draw(st.permutations(events[start::2])) for start in (1, 0)]
        files = [write(folder / f"half-{n}.jsonl", *half) for n, half in enumerate(halves)]
        run(folder / "apart", files, parts)
        copied = run(folder / "wild", [whole], parts, wild)
        one = result(folder / "one")
        assert one == result(folder / "two") == result(folder / "apart")
        assert one["profiles"] == (folder / "wild/profiles.jsonl").read_bytes()
        assert (summary["accepted"], summary["applied"]) == (len(events), len(events))
        assert copied["applied"] == len(events)
        assert copied["duplicates"] <= len(events)
        assert len(read(folder / "one/profiles.jsonl")) == summary["profiles"]


@some_replays
@given(st.data())
def test_the_profiles_are_those_of_the_contract_and_every_line_is_accounted_for(data: st.DataObject) -> None:
    events = data.draw(shops())
    lines: list[Json | bytes] = list(events)
    for bad in data.draw(st.lists(st.sampled_from(_BAD), max_size=4)):
        lines.insert(data.draw(st.integers(0, len(lines))), bad)
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out"
        parts = build(Settings(), tags="category")
        summary = run(out, [write(Path(name) / "a.jsonl", *lines)], parts)
        found, dead = read(out / "profiles.jsonl"), read(out / "dead_letters.jsonl")
    wanted = oracle.profiles(events)
    assert [line["user_id"] for line in found] == [line["user_id"] for line in wanted]
    for line, other in zip(found, wanted, strict=True):
        assert _close(line.pop("affinity"), other.pop("affinity")), (line["user_id"], "affinity")
        assert line == msgspec.json.decode(msgspec.json.encode(other))
    assert (
        summary["read"] == summary["accepted"] + summary["skipped"] + summary["dead_lettered"] == len(lines)
    )
    assert len(dead) == summary["dead_lettered"] == sum(summary["dead_letters"].values())


def _close(found: dict[str, float], wanted: dict[str, float]) -> bool:
    """Compare by ruling 7."""
    return found.keys() == wanted.keys() and all(
        abs(found[tag] - value) <= 1e-6 + 1e-6 * max(abs(found[tag]), abs(value))
        for tag, value in wanted.items()
    )

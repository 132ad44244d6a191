"""A replay of any histories: neither the number of processes nor that of buckets changes a byte."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.campaigns import compile_campaigns
from streams.parts import Parts, build
from streams.replay import Request, replay
from streams.settings import Settings
from streams.shuffle import CALM, Disturbance
from tests.support.histories import HISTORIES, campaign_files, histories, some_histories
from tests.support.lines import Json, write
from tests.support.story import BROKER_MS, POLICY

FILES = ("profiles", "decisions", "promotions", "dead_letters")
USERS = ("ann", "bob", "é", "10", "phone", "tablet")
_BAD: tuple[bytes, ...] = (b"", b"\xff", b"{", b"y" * 1_500_000, b'{"type": "page", "messageId": "x"}')
#: Each example is three replays, or starts five processes, so there are fewer of them than of histories elsewhere.
some_replays = settings(some_histories, max_examples=max(1, HISTORIES // 6))
few_replays = settings(some_histories, max_examples=max(1, HISTORIES // 40))


@st.composite
def shops(draw: Any) -> list[Json | bytes]:
    """Return the lines of up to six ids, some of which turn out to be one shopper, and some that are no events."""
    users = draw(st.lists(st.sampled_from(USERS), min_size=1, max_size=6, unique=True))
    lines: list[Json | bytes] = []
    for user in users:
        for event in draw(histories(events_max=8)):
            key = "userId" if "userId" in event else "anonymousId"
            lines.append({**event, key: user})
    at = next(line["timestamp"] for line in lines if isinstance(line, dict))
    for number, (user, other) in enumerate(
        draw(st.lists(st.tuples(st.sampled_from(USERS), st.sampled_from(USERS)), max_size=4))
    ):
        ids = {"userId": user, "anonymousId": other}
        identify = {"type": "identify", "messageId": f"id{number}", "timestamp": at + number, **ids}
        lines.insert(draw(st.integers(0, len(lines))), identify)
    for bad in draw(st.lists(st.sampled_from(_BAD), max_size=2)):
        lines.insert(draw(st.integers(0, len(lines))), bad)
    return lines


def result(folder: Path, files: list[Path], parts: Parts, **more: Any) -> tuple[dict[str, bytes], Json]:
    """Return the bytes of what a replay writes, and what its summary counts."""
    summary = replay(Request(files, folder, **more), parts, lambda *_: None, BROKER_MS)
    for name in ("seconds", "events_per_second", "jobs"):
        summary.pop(name)
    assert sorted(path.stem for path in folder.iterdir()) == sorted((*FILES, "summary"))
    return {name: (folder / f"{name}.jsonl").read_bytes() for name in FILES}, summary


def compare(data: st.DataObject, *splits: tuple[int, int]) -> None:
    lines, file = data.draw(shops()), data.draw(campaign_files())
    plain = build(Settings(), tags="category")
    parts = Parts(plain.border, POLICY, compile_campaigns(file, POLICY, "USD"), {}, None, plain.side)
    wild = Disturbance(data.draw(st.integers(0, 9)), data.draw(st.booleans()), 0.3)
    how: Json = {"disturbance": wild if data.draw(st.booleans()) else CALM}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [write(folder / "a.jsonl", *lines[::2]), write(folder / "b.jsonl", *lines[1::2])]
        if data.draw(st.booleans()):
            how["keep_order"] = True
            files = [write(folder / "a.jsonl", *lines)]
        wanted = result(folder / "one", files, parts, jobs=1, buckets=1, **how)
        for jobs, buckets in splits:
            assert result(folder / "split", files, parts, jobs=jobs, buckets=buckets, **how) == wanted


@some_replays
@given(st.data())
def test_no_number_of_buckets_changes_a_byte(data: st.DataObject) -> None:
    compare(data, (1, 2), (1, 7))


@few_replays
@given(st.data())
def test_no_number_of_processes_changes_a_byte(data: st.DataObject) -> None:
    compare(data, (2, 3), (3, 5))

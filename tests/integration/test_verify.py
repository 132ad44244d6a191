"""A worker's run on a real broker: every decision is verified, every dead letter can be mended and sent again."""

import json
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from schemas.decisions import Decision
from streams.parts import build, campaigns_of, policy_of
from streams.topic_reader import TopicReader
from streams.verify import Report, Verifier
from streams.verify_run import verify_topics
from tests.support.broker import Broker, Record
from tests.support.shopping import Sent, shopping, track
from tests.support.stand import Stand

BECKON = str(Path(sys.executable).with_name("beckon"))
EVENTS = 3_000
BROKEN = 12


def beckon(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BECKON, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def verified(stand: Stand) -> Report:
    settings = stand.settings
    policy, parts = policy_of(settings.profile), build(settings, tags="category")
    campaigns = campaigns_of(settings, policy)
    assert campaigns is not None
    verifier = Verifier({campaigns.digest: campaigns}, policy, parts.side)
    return verify_topics(TopicReader(settings.kafka, settings.topics.prefix), verifier, parts)


def broken_views(now_ms: int) -> list[Sent]:
    """Return views with a price below 0, of shoppers of their own."""
    return [
        Sent("clicks", f"zoe{n}", msgspec.json.encode(track(f"zoe{n}", f"z{n}", now_ms, "Product Viewed", product_id="p1", price=-5)))
        for n in range(BROKEN)
    ]  # fmt: skip


def prove_all(report: Report) -> None:
    """Hold that every decision was checked both ways, most of them in another order too, and none is wrong."""
    assert report.violations == []
    assert report.ok
    assert report.decisions == report.redecided == report.refolded > 1_000
    assert report.reordered > 900


def letters_of(broker: Broker) -> list[Record]:
    return broker.records("dead-letters")


def test_every_decision_of_a_run_is_verified_and_mended_letters_are_applied(
    stand: Stand, tmp_path: Path
) -> None:
    now_ms = round(time.time() * 1000)
    events = shopping(seed=21, shoppers=120, events=EVENTS, end_ms=now_ms)
    config = stand.config()
    with stand.workers(1) as workers:
        stand.broker.produce([*events, *broken_views(now_ms)])
        workers[0].wait_ready()
        stand.wait_drained(workers)

        prove_all(verified(stand))

        # Look, mend, send again: all of them arrive, and the letters stay.
        listed = beckon("dead-letters", "list", "--kafka", "--config", config, folder=tmp_path)
        assert listed.stdout.splitlines()[-1] == f"{BROKEN:>9,} in all", listed.stderr
        assert f"{BROKEN:>9,} bad_value properties.price" in listed.stdout
        out = beckon(
            "dead-letters", "list", "--kafka", "--out", "l.jsonl", "--config", config, folder=tmp_path
        )
        assert out.returncode == 0, out.stderr
        lines = (tmp_path / "l.jsonl").read_text().splitlines()
        assert len(lines) == BROKEN
        mended = [line.replace("-5", "5") for line in lines[:-1]]
        (tmp_path / "l.jsonl").write_text("\n".join([*mended, lines[-1]]) + "\n")
        replay = ("dead-letters", "replay", "--input", "l.jsonl", "--out", "rest.jsonl", "--config", config)
        for _ in range(2):  # who is not sure sends them twice
            sent = beckon(*replay, folder=tmp_path)
            assert sent.returncode == 1
            assert f"{BROKEN - 1:>9,} sent to {stand.prefix}clicks" in sent.stdout, sent.stderr
            assert "still bad_value at properties.price" in sent.stdout
        assert (tmp_path / "rest.jsonl").read_text() == lines[-1] + "\n"
        stand.wait_drained(workers)
        counts = workers[0].outcomes()
    assert counts == {"applied": EVENTS + BROKEN - 1, "duplicate": BROKEN - 1, "dead_letter": BROKEN}
    assert len(letters_of(stand.broker)) == BROKEN
    again = [record for record in stand.broker.records("clicks") if "dead_letter" in record.headers]
    assert [record.key for record in again] == [
        json.loads(record.value or b"")["userId"].encode() for record in again
    ]
    homes = {r.key: r.partition for r in stand.broker.records("clicks")}
    assert all(homes[record.key] == record.partition for record in again)
    prove_all(verified(stand))
    _lie(stand)
    lines = beckon("verify", "--kafka", "--config", config, folder=tmp_path).stdout.splitlines()
    assert lines[0].startswith("one-0001: ")
    assert "features." in lines[0] or "in the record" in lines[0]
    assert lines[-1] == "violations  2"


def _lie(stand: Stand) -> None:
    """Say a decision with another number in it, as if a worker had decided on it."""
    records = [record for record in stand.broker.records("decisions") if record.key == b"one-0001"]
    decision = msgspec.json.decode(records[-1].value or b"", type=Decision)
    trigger = msgspec.structs.replace(decision.trigger, message_id="never sent")
    value = msgspec.json.encode(msgspec.structs.replace(decision, trigger=trigger), order="sorted")
    producer = Producer({"bootstrap.servers": stand.servers, "log_level": 0})
    producer.produce(f"{stand.prefix}decisions", value, b"one-0001", records[-1].partition)
    producer.flush()


def test_letters_of_processing_that_read_well_go_out_by_their_reason(stand: Stand, tmp_path: Path) -> None:
    value = msgspec.json.encode(track("ann", "m1", 1_772_409_600_000, "Product Viewed", product_id="p1"))
    producer = Producer({"bootstrap.servers": stand.servers, "log_level": 0})
    headers = {"reason": "processing_failed", "field": "", "error": "x", "topic": f"{stand.prefix}clicks", "partition": "0", "offset": "3"}  # fmt: skip
    producer.produce(f"{stand.prefix}dead-letters", value, b"ann", 0, headers=list(headers.items()))
    producer.flush()
    config = stand.config()
    call = ("dead-letters", "replay", "--reason", "processing_failed", "--config", config)
    dry = beckon(*call, "--dry-run", folder=tmp_path)
    assert dry.stdout.splitlines() == [
        f"{1:>9,} would be sent to {stand.prefix}clicks",
        f"{0:>9,} not sent: they stay where they are",
    ]
    assert stand.broker.records("clicks") == []
    assert beckon(*call, folder=tmp_path).returncode == 0
    (record,) = stand.broker.records("clicks")
    assert (record.key, record.value) == (b"ann", value)
    assert record.headers["dead_letter"].decode() == f"{stand.prefix}dead-letters-0@0"


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("replay", "--reason: is wanted, or --input; say which letters to send again"),
        ("replay --reason nonsense", "--reason: `nonsense` is no reason; known: not_json, too_large"),
        ("replay --input no.jsonl", "no.jsonl: cannot be read (No such file or directory)"),
        ("list", "--from: is missing, and no demo has run here"),
    ],
)
def test_a_mistake_is_one_line(call: str, line: str, tmp_path: Path) -> None:
    done = beckon("dead-letters", *call.split(), folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"beckon: {line}"), done.stderr

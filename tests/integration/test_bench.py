"""`beckon bench` as commands on a real broker: right counts, right ratios, valid JSON."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from benchmarks.events import Counts
from benchmarks.process import ROOT, BenchError
from benchmarks.throughput import check

ENGINE_NAMES = (
    "stock kafka_streams kafka_streams_eos worker worker_plain worker_model worker_pair replay".split()
)
BECKON = [sys.executable, "-c", "from streams.cli import main; main()"]


def bench(*arguments: str, name: str = "throughput") -> subprocess.CompletedProcess[str]:
    command = [*BECKON, "bench", name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture(scope="module")
def ran(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """One small run of every engine, with the model of the demo: what it printed, and its JSON."""
    file = tmp_path_factory.mktemp("bench") / "throughput.json"
    sizes = ["--runs", "1", "--events", "6000", "--slow-events", "1500"]
    files = ["--json", str(file), "--plot", str(file.with_suffix(".svg"))]
    done = bench("--kafka", kafka, *sizes, "--models", str(ROOT / "models"), *files)
    assert done.returncode == 0, done.stderr
    assert "<svg" in file.with_suffix(".svg").read_text()
    return done.stdout, json.loads(file.read_text())


def test_every_engine_applies_all_its_events_and_has_a_rate(ran: tuple[str, dict[str, Any]]) -> None:
    _, report = ran
    assert (report["job"], report["runs"]) == ("peer", 1)
    events = {
        "stock": 1500,
        "kafka_streams": 6000,
        "worker": 6000,
        "worker_plain": 6000,
        "worker_model": 1500,
    }
    events |= {"replay": 6000}
    # Without Java's compiler, or in a version without the choice, an engine is left out, and named.
    assert set(report["left_out"]) <= {"kafka_streams", "worker_plain"}
    assert {name: one["events"] for name, one in report["engines"].items()} == {
        name: count for name, count in events.items() if name not in report["left_out"]
    }
    for found in report["engines"].values():
        assert len(found["events_per_s"]) == len(found["events_per_cpu_second"]) == 1
        assert min(*found["events_per_s"], *found["events_per_cpu_second"]) > 0


def test_all_engines_make_the_same_promotions_of_the_same_events(ran: tuple[str, dict[str, Any]]) -> None:
    _, report = ran
    same = {name: one["promotions"] for name, one in report["engines"].items() if one["events"] == 6000}
    assert {"worker", "replay"} <= set(same)
    assert len({tuple(promotions) for promotions in same.values()}) == 1, same
    assert same["worker"][0] > 0


def test_ratios_are_those_of_the_printed_rates(ran: tuple[str, dict[str, Any]]) -> None:
    _, report = ran
    stock = report["engines"]["stock"]["events_per_cpu_second"]
    for name, found in report["engines"].items():
        pairs = zip(found["events_per_cpu_second"], stock, strict=True)
        assert found["ratio_to_stock"] == [pytest.approx(ours / theirs, abs=0.006) for ours, theirs in pairs]
        assert report["events_per_cpu_second"][name] == found["events_per_cpu_second"][0]
    assert report["ratio"]["faust"] == median(report["engines"]["worker"]["ratio_to_stock"])


def test_the_table_names_the_machine_and_has_a_line_per_engine(ran: tuple[str, dict[str, Any]]) -> None:
    printed, report = ran
    lines = printed.splitlines()
    words = {
        "stock": "stock Faust agent with a table",
        "kafka_streams": "Kafka Streams, tuned",
        "worker": "Beckon worker, no model",
        "worker_plain": "Beckon worker, atomic step off",
        "worker_model": "Beckon worker with its model",
        "replay": "Beckon replay, from a file",
    }
    shown = [line for name, line in words.items() if name not in report["left_out"]]
    assert [line.split("  ")[0] for line in lines[1 : 1 + len(shown)]] == shown
    assert f"Python {report['machine']['python']}, Kafka" in printed
    assert "load average" in printed


def test_nothing_of_a_run_stays_on_the_broker(ran: tuple[str, dict[str, Any]], kafka: str) -> None:
    found = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=20).topics
    assert not [name for name in found if name.startswith("bench-")]


def test_a_profile_that_counted_wrong_is_one_readable_line() -> None:
    with pytest.raises(BenchError) as caught:
        check("worker", {"ann": Counts(views=2), "bo": Counts()}, {"ann": Counts(views=3), "bo": Counts()})
    assert str(caught.value).startswith("worker: 1 of 2 profiles are wrong; ann counted Counts(views=2,")
    assert caught.value.exit_code == 1


def test_a_model_that_is_not_there_is_left_out_and_named(kafka: str, tmp_path: Path) -> None:
    done = bench("--kafka", kafka, "--engine", "worker_model", "--models", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"beckon: --engine: nothing is left to measure; worker_model: no model in {tmp_path / 'tags'}"
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--job", "huge"], "beckon: --job: huge is none; choose from peer, full\n"),
        (["--promotions", "3"], "beckon: --promotions: 3 is none; choose from 0, 2, 10 (percent)\n"),
        (
            ["--engine", "spark"],
            "beckon: --engine: spark is none; choose from " + ", ".join(ENGINE_NAMES) + "\n",
        ),
    ],
)
def test_a_wrong_choice_is_one_line_and_exit_code_2(arguments: list[str], line: str) -> None:
    done = bench(*arguments)
    assert (done.returncode, done.stderr) == (2, line)


def test_a_broker_that_does_not_answer_is_one_line() -> None:
    done = bench("--kafka", "127.0.0.1:1", "--engine", "worker")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("beckon: kafka: 127.0.0.1:1: ")
    assert "Traceback" not in done.stderr


def test_latency_is_measured_beside_a_relay(kafka: str, tmp_path: Path) -> None:
    file = tmp_path / "latency.json"
    loads = ["--rate-max", "2000", "--share", "0.5", "--seconds", "1", "--warm-s", "0.5", "--no-model"]
    done = bench("--kafka", kafka, *loads, "--json", str(file), name="latency")
    assert done.returncode == 0, done.stderr
    report = json.loads(file.read_text())
    assert [(one["engine"], one["offered"]) for one in report["points"]] == [
        ("relay", 1000.0),
        ("worker", 1000.0),
    ]
    for one in report["points"]:
        assert one["promotions"] > 0
        assert 0 < one["p50_ms"] <= one["p99_ms"] <= one["p999_ms"] <= one["max_ms"]
    relay, worker = report["points"]
    assert report["ratio"] == {"50%": pytest.approx(worker["p50_ms"] / relay["p50_ms"], rel=0.01)}


def test_a_killed_worker_decides_again_and_the_time_is_measured(kafka: str, tmp_path: Path) -> None:
    file = tmp_path / "recovery.json"
    sizes = ["--profiles", "500", "--partitions", "4", "--session-s", "1"]
    done = bench("--kafka", kafka, *sizes, "--json", str(file), name="recovery")
    assert done.returncode == 0, done.stderr
    report = json.loads(file.read_text())
    assert 1_000 <= report["profile_bytes"] <= 1_100
    (run,) = report["runs"]
    assert run["floor_s"] > 0 and 0 <= run["restore_s"] < run["ready_s"] <= run["decision_s"]
    assert report["ratio"] == pytest.approx(run["decision_s"] / run["floor_s"], rel=0.02)


def test_an_axis_has_its_points_and_a_picture(kafka: str, tmp_path: Path) -> None:
    file, picture = tmp_path / "growth.json", tmp_path / "growth.svg"
    axis = ["--axis", "campaigns", "--point", "50", "--events", "2000", "--runs", "1"]
    done = bench("--kafka", kafka, *axis, "--json", str(file), "--plot", str(picture), name="growth")
    assert done.returncode == 0, done.stderr
    (point,) = json.loads(file.read_text())["points"]
    assert (point["at"], point["ratio"], point["wall_ratio"]) == (50, 1.0, 1.0)
    assert "<svg" in picture.read_text()

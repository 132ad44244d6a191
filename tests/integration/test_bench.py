"""`beckon bench throughput` as a command on a real broker: right counts, right ratios, valid JSON."""

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
from benchmarks.throughput import _check

BECKON = [sys.executable, "-c", "from streams.cli import main; main()"]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*BECKON, "bench", "throughput", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture(scope="module")
def ran(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """One small run of every engine, with the model of the demo: what it printed, and its JSON."""
    file = tmp_path_factory.mktemp("bench") / "throughput.json"
    sizes = ["--runs", "1", "--events", "6000", "--slow-events", "1500"]
    done = bench("--kafka", kafka, *sizes, "--models", str(ROOT / "models"), "--json", str(file))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text())


def test_every_engine_applies_all_its_events_and_has_a_rate(ran: tuple[str, dict[str, Any]]) -> None:
    _, report = ran
    assert (report["job"], report["runs"]) == ("peer", 1)
    assert {name: one["events"] for name, one in report["engines"].items()} == {
        "stock": 1500,
        "worker": 6000,
        "worker_cold": 1500,
        "replay": 6000,
    }
    assert report["left_out"] == {}
    for found in report["engines"].values():
        assert len(found["events_per_s"]) == len(found["events_per_cpu_second"]) == 1
        assert min(*found["events_per_s"], *found["events_per_cpu_second"]) > 0


def test_worker_and_replay_make_the_same_promotions(ran: tuple[str, dict[str, Any]]) -> None:
    _, report = ran
    promotions = report["engines"]["worker"]["promotions"]
    assert promotions == report["engines"]["replay"]["promotions"]
    assert promotions[0] > 0


def test_ratios_are_those_of_the_printed_rates(ran: tuple[str, dict[str, Any]]) -> None:
    _, report = ran
    stock = report["engines"]["stock"]["events_per_cpu_second"]
    for found in report["engines"].values():
        pairs = zip(found["events_per_cpu_second"], stock, strict=True)
        assert found["ratio_to_stock"] == [pytest.approx(ours / theirs, abs=0.006) for ours, theirs in pairs]
    assert report["ratio"] == {"faust": median(report["engines"]["worker"]["ratio_to_stock"])}


def test_the_table_names_the_machine_and_has_a_line_per_engine(ran: tuple[str, dict[str, Any]]) -> None:
    printed, report = ran
    lines = printed.splitlines()
    assert [line.split("  ")[0] for line in lines[1:5]] == [
        "stock Faust agent with a table",
        "Beckon worker, no model",
        "Beckon worker, each text new to its model",
        "Beckon replay, from a file",
    ]
    assert f"Python {report['machine']['python']}, Kafka" in printed
    assert "load average" in printed


def test_nothing_of_a_run_stays_on_the_broker(ran: tuple[str, dict[str, Any]], kafka: str) -> None:
    found = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=20).topics
    assert not [name for name in found if name.startswith("bench-")]


def test_a_profile_that_counted_wrong_is_one_readable_line() -> None:
    with pytest.raises(BenchError) as caught:
        _check("worker", {"ann": Counts(views=2), "bo": Counts()}, {"ann": Counts(views=3), "bo": Counts()})
    assert str(caught.value).startswith("worker: 1 of 2 profiles are wrong; ann counted Counts(views=2,")
    assert caught.value.exit_code == 1


def test_a_model_that_is_not_there_is_left_out_and_named(kafka: str, tmp_path: Path) -> None:
    done = bench("--kafka", kafka, "--engine", "worker_cold", "--models", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"beckon: --engine: nothing is left to measure; worker_cold: no model in {tmp_path / 'tags'}"
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--job", "huge"], "beckon: --job: huge is none; choose from peer, full\n"),
        (
            ["--engine", "spark"],
            "beckon: --engine: spark is none; choose from stock, worker, worker_cold, replay\n",
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

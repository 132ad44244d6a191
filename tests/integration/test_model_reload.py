"""Another version of the model comes in use in a running worker, on a real Kafka: nothing is lost, nothing stops."""

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from models_onnx import registry
from models_onnx.sample_titles import titles
from streams.simulator import Shop, stream
from tests.support.models import change_graph, copy_demo, copy_version, make_dynamic_int8
from tests.support.replayed import differing, profiles_in, replay_of
from tests.support.shopping import Sent, view
from tests.support.stand import Stand
from tests.support.workers import WorkerProcess, until

BECKON = str(Path(sys.executable).with_name("beckon"))
DONE = 'beckon_model_switches_total{outcome="done"}'
REFUSED = 'beckon_model_switches_total{outcome="refused"}'


@pytest.fixture
def models(stand: Stand, tmp_path: Path) -> Path:
    """A folder of models of its own, with `tags` 1 in use by the stand's workers."""
    folder = tmp_path / "models"
    copy_demo(folder)
    stand.flags = {"models.tags": "tags", "models.dir": str(folder)}
    return folder


def versions_in_use(worker: WorkerProcess) -> list[str]:
    """Return the versions that the worker shows, without their digests."""
    lines = [line for line in worker.metrics() if line.startswith("beckon_model_info{")]
    return [line.partition('version="')[2].partition("@")[0] for line in lines]


def beckon(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BECKON, *arguments], capture_output=True, text=True, check=False)


def some_events(seconds: int, rate: int = 25) -> list[Sent]:
    start_ms = round(time.time() * 1000) - seconds * 1000
    shop = Shop(seed=11, shoppers=60, start_ms=start_ms, broken_share=0.0)
    return [
        Sent(one.topic, one.key, one.value)
        for one in stream(shop, rate=rate, seconds=seconds, start_ms=start_ms)
    ]


def test_a_promoted_version_takes_over_under_load_and_no_event_is_lost_or_applied_twice(
    stand: Stand, models: Path, tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    copy_version(models, "2", lambda card: card.update(licence="other"))
    copy_version(models, "3", lambda card: card.update(threshold=1.0))  # finds no tag in most texts
    events = some_events(seconds=160)
    with stand.workers(1) as (worker,), ThreadPoolExecutor(1) as thread:
        worker.wait_ready()
        registry.set_candidate(models, "tags", "3")
        until(lambda: "model_shadowed" in worker.log(), 30, "the candidate runs")
        sending = thread.submit(stand.broker.produce, events[: len(events) // 2], seconds=6)
        time.sleep(2)
        promoted = beckon("models", "promote", "tags", "2", "--dir", str(models))
        assert promoted.returncode == 0, promoted.stderr
        pointed = (models / "tags" / "current").stat().st_mtime
        until(lambda: versions_in_use(worker) == ["2"], 30, f"version 2 is in use; {worker.log()}")
        record_testsuite_property("switch_s", round(time.time() - pointed, 2))
        sending.result()
        stand.broker.produce(events[len(events) // 2 :])  # some events surely meet version 2
        stand.wait_drained([worker])
        registry.roll_back(models, "tags")
        until(lambda: versions_in_use(worker) == ["1"], 30, f"version 1 is in use again; {worker.log()}")
        metrics = worker.metrics()
        assert worker.stop() == 0
        log = worker.log()
    assert (metrics[DONE], metrics[REFUSED]) == (2, 0)
    assert log.count("model_switched") == 2 and metrics["beckon_model_fallbacks_total"] == 0
    assert metrics['beckon_shadow_texts_total{outcome="tag_gone"}'] > 20
    replayed = replay_of(events, stand.settings, tmp_path / "replay")
    profiles = profiles_in(stand.broker, stand.settings, replayed.summary["as_of"])
    assert len(profiles) > 40 and differing(profiles, replayed.profiles) == []
    said: dict[int, list[str]] = {}
    for record in stand.broker.records("decisions"):
        decision = msgspec.json.decode(record.value or b"")
        said.setdefault(record.partition, []).append(decision["model_versions"]["tags"].partition("@")[0])
    assert {version for some in said.values() for version in some} == {"1", "2"}
    assert all(some == sorted(some) for some in said.values())  # in each lane first 1, then 2, never mixed


def truncated(folder: Path) -> None:
    raw = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(raw[: len(raw) // 2])


def other_outputs(folder: Path) -> None:
    change_graph(folder, lambda model: model.graph.output.pop())


#: All others: `tests/unit/streams/test_model_watch.py`.
BAD: list[tuple[Callable[[Path], None], str]] = [
    (truncated, "model.onnx: has "),
    (other_outputs, "model.onnx: outputs are scores float32[*, 8], model.json says "),
    (make_dynamic_int8, "batch invariance: "),
]


def test_a_bad_version_is_refused_with_one_line_and_the_one_in_use_goes_on(
    stand: Stand, models: Path
) -> None:
    for number, (spoil, _) in enumerate(BAD, start=2):
        spoil(copy_version(models, str(number)))
    copy_version(models, "99", lambda card: card.update(licence="other"))
    start_ms = round(time.time() * 1000) - 60_000
    views = [view("ann", f"v{n}", start_ms + n, name=text) for n, (text, _) in enumerate(titles(51, 1500))]
    events = [Sent("clicks", "ann", value) for value in views]
    with stand.workers(1) as (worker,):
        worker.wait_ready()
        for number, (spoil, problem) in enumerate(BAD, start=2):
            registry.promote(models, "tags", str(number))  # as if `beckon models promote` had not looked
            until(lambda: worker.metrics()[REFUSED] == number - 1, 30, f"{spoil.__name__} is refused")  # noqa: B023
            lines = [line for line in worker.log().splitlines() if "model_refused" in line]
            assert len(lines) == number - 1
            assert problem in lines[-1] and f"tags/{number}" in lines[-1]
        assert versions_in_use(worker) == ["1"]
        stand.broker.produce(events, seconds=1)
        stand.wait_drained([worker])
        assert worker.metrics()['beckon_model_refused{part="current"}'] == 1
        drift = 'beckon_model_drift_psi{tag="camping"}'
        until(lambda: drift in worker.metrics(), 30, "drift is shown")
        assert worker.metrics()[drift] < 0.25
        registry.promote(models, "tags", "99")
        until(lambda: versions_in_use(worker) == ["99"], 30, "a good version is taken after bad ones")
        metrics = worker.metrics()
        assert worker.stop() == 0
    assert (metrics[DONE], metrics['beckon_model_refused{part="current"}']) == (1, 0)
    assert metrics["beckon_model_texts_total"] > 1000 and metrics["beckon_model_fallbacks_total"] == 0

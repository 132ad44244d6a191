"""`beckon stack` as a person runs it: every panel of every dashboard finds data, and Ctrl-C ends all of it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import redis

from schemas.errors import BeckonError
from streams.dashboards import sent
from streams.dashboards.draw import Span, draw
from streams.dashboards.write import PAGES
from streams.stack.plan import Part, Running
from tests.support.prometheus import Prometheus
from tests.support.workers import until

BECKON = str(Path(sys.executable).with_name("beckon"))
UP_S = 120.0
#: How long all panels may take to have something to show.
DATA_S = 60.0
PANELS = {
    f"{page.name}: {panel.title}: {query.legend}": query.expr
    for page in PAGES
    for panel in page.panels
    for query in panel.queries
}
#: Drift is told from 1,000 scored texts on (`models_onnx.drift`), and the simulated shop has fewer.
FROM_MANY_TEXTS = {"model: Drift: {{tag}}"}
#: What Grafana would put in; the window holds the whole run.
CHOSEN = {"$__rate_interval": "3m", "$job": ".+", "$instance": ".+"}


@dataclass
class Stack:
    """A running stack, where it runs and what it said."""

    process: "subprocess.Popen[str]"
    folder: Path

    @property
    def parts(self) -> dict[str, Part]:
        """The parts by name."""
        return {part.name: part for part in self.running.parts}

    @property
    def running(self) -> Running:
        """What `stack.json` says."""
        return msgspec.json.decode((self.folder / ".beckon/stack/stack.json").read_bytes(), type=Running)

    def beckon(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command beside it, with its settings."""
        command = [BECKON, *arguments, "--config", self.running.settings]
        return subprocess.run(
            command, cwd=self.folder, env=environment(), capture_output=True, text=True, check=False
        )


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("BECKON_")}


def is_there(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    command = [BECKON, "stack", "--workers", "2", "--rate", "150", "--seconds", "250"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        found = Stack(process, folder)
        state = folder / ".beckon" / "stack" / "stack.json"
        deadline = time.monotonic() + UP_S
        while not state.exists():
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < deadline, "the stack did not come up"
            time.sleep(0.1)
        yield found
        if process.poll() is None:
            process.send_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def prometheus(stack: Stack) -> Prometheus:
    return Prometheus(stack.parts["Prometheus"].address)


def finds_data(prometheus: Prometheus, panel: str) -> bool:
    """Return whether a panel's query finds series, and numbers only."""
    expr = panel
    for variable, value in CHOSEN.items():
        expr = expr.replace(variable, value)
    series = prometheus.query(expr)
    return bool(series) and not any(one["value"][1] == "NaN" for one in series)


def test_every_panel_of_every_dashboard_finds_data_of_a_running_shop(prometheus: Prometheus) -> None:
    begun = time.monotonic()
    while (
        missing := {name for name, expr in PANELS.items() if not finds_data(prometheus, expr)}
        - FROM_MANY_TEXTS
    ):
        assert time.monotonic() - begun < DATA_S, missing
        time.sleep(1)
    assert len(PANELS) > 60
    assert set(PANELS) > FROM_MANY_TEXTS
    # The search itself: what does not exist, and what is no number, is not taken for data.
    assert not finds_data(prometheus, 'sum(rate(beckon_no_such_total{job=~"$job"}[$__rate_interval]))')
    assert not finds_data(prometheus, 'beckon_ready{job=~"$job"} * NaN')


def test_all_targets_answer_and_no_rule_is_in_error(stack: Stack, prometheus: Prometheus) -> None:
    assert [one["value"][1] for one in prometheus.query("up")] == ["1", "1", "1"]
    rules = prometheus.rules()
    assert len(rules) > 40
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    assert "beckon" in prometheus.label_values("job")
    assert set(stack.parts) == {"Kafka", "Redis", "Prometheus", "worker 1", "worker 2", "mirror", "shop"}


def test_check_finds_every_part_in_order(stack: Stack) -> None:
    done = stack.beckon("check", "--json")
    found = {one["part"]: one["ok"] for one in json.loads(done.stdout)}
    parts = ("settings", "models", "campaigns", "broker", "topics", "guarantee", "redis")
    assert found == dict.fromkeys(parts, True)


def test_profile_and_why_answer_from_redis(stack: Stack) -> None:
    keys = redis.Redis.from_url(stack.parts["Redis"].address, protocol=2)
    until(lambda: bool(keys.keys("beckon:inbox:*")), 30, "a promotion waits for somebody")
    shopper = keys.keys("beckon:inbox:*")[0].decode().removeprefix("beckon:inbox:")
    keys.close()
    inbox = stack.beckon("why", "--user", shopper, "--redis", "--json")
    promotion = json.loads(inbox.stdout.splitlines()[0])
    assert promotion["user_id"] == shopper
    page = stack.beckon("profile", shopper, "--redis").stdout
    assert f"Shopper {shopper}" in page
    assert "Promotions that wait" in page
    assert promotion["decision_id"] in page
    why = stack.beckon("why", promotion["decision_id"], "--redis").stdout
    assert f"Promotion {promotion['promotion_id']} of campaign {promotion['campaign_id']} was offered." in why
    for reason in promotion["reasons"]:
        assert reason["sentence"] in why
    # The record in Kafka says the same of the same decision.
    recorded = stack.beckon("why", promotion["decision_id"], "--kafka", "--json")
    assert json.loads(recorded.stdout)["campaign_id"] == promotion["campaign_id"]
    assert stack.beckon("profile", "nobody", "--redis").returncode == 1


def test_a_dashboard_can_be_drawn_without_grafana(stack: Stack, tmp_path: Path) -> None:
    end = time.time()
    file = draw(sent.PAGE, stack.parts["Prometheus"].address, Span(end - 60, end), tmp_path)
    assert file.name == "sent.png"
    assert file.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(BeckonError, match=r"^prometheus: http://127.0.0.1:1 does not answer"):
        draw(sent.PAGE, "http://127.0.0.1:1", Span(end - 60, end), tmp_path)


def test_a_second_stack_in_the_same_folder_is_refused(stack: Stack) -> None:
    done = subprocess.run(
        [BECKON, "stack"], cwd=stack.folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "beckon: stack: one runs in .beckon/stack; end it first"


def test_ctrl_c_ends_every_process(stack: Stack) -> None:
    pids = [part.pid for part in stack.running.parts]
    assert all(is_there(pid) for pid in pids)
    stack.process.send_signal(signal.SIGINT)
    said, _ = stack.process.communicate(timeout=60)
    assert stack.process.returncode == 0, said
    assert said.splitlines()[-1] == "stopped, all of it"
    assert not any(is_there(pid) for pid in pids)
    logs = {file.stem: file.read_text() for file in (stack.folder / ".beckon" / "stack").glob("*.log")}
    assert "worker_stopped" in logs["worker-1"]
    assert "worker_stopped" in logs["worker-2"]
    assert "mirror_stopped" in logs["mirror"]
    assert "events of 400 shoppers" in logs["shop"]

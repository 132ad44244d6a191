"""Prometheus's own programs for tests: `promtool`, and a server that scrapes what a test shows it."""

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

_MISSING = "prometheus: no {program} on this machine; apt-get install prometheus"
_START_S = 20.0


def program(name: str) -> str:
    """Return the path of `promtool` or `prometheus`; fail in one line where it is missing."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(_MISSING.format(program=name), pytrace=False)
    return found


def promtool(*arguments: str, text: bytes | None = None) -> str:
    """Run promtool and return what it says; fail with it when it finds a fault."""
    done = subprocess.run([program("promtool"), *arguments], input=text, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


class Prometheus:
    """A running server."""

    def __init__(self, address: str) -> None:
        self._address = address

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the series that an expression gives now."""
        found: list[dict[str, Any]] = self._get("/api/v1/query", query=expr)["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules with their health."""
        return [rule for group in self._get("/api/v1/rules")["groups"] for rule in group["rules"]]

    def label_values(self, label: str) -> list[str]:
        """Return the values of a label."""
        with urlopen(f"{self._address}/api/v1/label/{label}/values", timeout=10) as answer:
            found: list[str] = json.load(answer)["data"]
        return found

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        with urlopen(f"{self._address}{path}?{urlencode(parameters)}", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)["data"]
        return found


@contextmanager
def scraping(targets: Sequence[str], rules: Path, port: int) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes `host:port`s once a second under the job `beckon`."""
    with tempfile.TemporaryDirectory(prefix="beckon-prometheus-") as folder:
        config = Path(folder) / "prometheus.yml"
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "beckon", "static_configs": [{"targets": list(targets)}]}],
        }
        config.write_text(json.dumps(settings))  # JSON is YAML
        command = [program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder}/data"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        if shutil.which("setpriv"):  # a killed test run leaves no server behind
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            _wait(process, f"http://127.0.0.1:{port}")
            yield Prometheus(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(_START_S)


def _wait(process: "subprocess.Popen[bytes]", address: str) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "prometheus ended"
        with contextlib.suppress(URLError, OSError), urlopen(f"{address}/-/ready", timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"prometheus did not answer within {_START_S:g} s")

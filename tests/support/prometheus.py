"""Prometheus for tests: its tool `promtool`, and questions to a server that runs."""

import json
import shutil
import subprocess
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

_MISSING = "prometheus: no {program} on this machine; apt-get install prometheus"


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

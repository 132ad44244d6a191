"""The audit of packages: what it reads, how it judges, and that it never takes silence for safety."""

import subprocess
from typing import Any

import pytest

from scripts import audit

BAD = {"name": "redis", "version": "5.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["5.1", "6.0"]}]}
GOOD: dict[str, Any] = {"name": "numpy", "version": "2.4", "vulns": []}
KNOWN = {"name": "jinja2", "version": "2.10", "vulns": [{"id": "CVE-2019-10906", "fix_versions": ["2.10.1"]}]}
UNKNOWN = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI"}


def answering(
    monkeypatch: pytest.MonkeyPatch, known: list[dict[str, Any]], rest: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(audit, "asked", lambda packages: known if packages == {audit.KNOWN} else rest)


def test_every_pinned_package_of_all_files_is_asked_about() -> None:
    names = {name for name, _ in audit.pinned()}
    assert {"faust-streaming", "onnxruntime-gpu", "torch", "pytest", "nvidia-cublas"} <= names
    for wave in audit.waves(audit.pinned()):
        assert len(wave) > 0
    assert sum(len(wave) for wave in audit.waves(audit.pinned())) == len(audit.pinned())


def test_a_vulnerability_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, [KNOWN], [GOOD, BAD])
    assert audit.main() == 1
    assert capsys.readouterr().out == "audit: redis 5.0: PYSEC-1, mended in 5.1, 6.0\n"


def test_what_is_explained_is_no_failure() -> None:
    assert audit.judged([GOOD, BAD], {"PYSEC-1": "we do not call it"}) == (
        ["no known vulnerability in 2 packages"],
        0,
    )


@pytest.mark.parametrize("known", [[UNKNOWN], [{"name": "jinja2", "version": "2.10", "vulns": []}], []])
def test_where_no_advisories_are_to_be_had_it_says_so_and_claims_nothing(
    known: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, known, [BAD])
    assert audit.main() == 0
    assert capsys.readouterr().out.startswith("audit: not looked at: no advisories")


def test_a_pip_audit_that_fails_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = subprocess.CompletedProcess([], 2, stdout="", stderr="usage\nerror: no network")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    assert audit.main() == 0
    assert capsys.readouterr().out == "audit: not looked at: pip-audit could not ask (error: no network)\n"

"""`make audit`: look for known vulnerabilities in the packages that we pin.

pip-audit asks PyPI about every pinned package. A mirror that serves packages may serve no advisories, and then
pip-audit finds nothing and says that all is well. So each call also asks about a version that is known to be
vulnerable: where that one is not found, nothing was looked at, which is said and is no failure. Exit code 1: a
vulnerability that `IGNORED` does not explain.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FILES = ("constraints/serve.txt", "constraints/test.txt", "constraints/gpu.txt")
PIP_AUDIT = "pip-audit==2.10.1"
#: Has had CVE-2019-10906 since 2019: whoever has advisories has this one.
KNOWN = ("jinja2", "2.10")
#: Advisory -> why it does not concern us. Empty: there is none.
IGNORED: dict[str, str] = {}
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def pinned() -> set[tuple[str, str]]:
    """Return name and version of every package that we pin, whatever the platform."""
    return {pin for name in FILES for pin in _PIN.findall((ROOT / name).read_text(encoding="utf-8"))}


def asked(packages: set[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return what pip-audit says of each package; raise `RuntimeError` with its last line when it says nothing."""
    return [one for wave in waves(packages) for one in _asked(wave)]


def waves(packages: set[tuple[str, str]]) -> list[dict[str, str]]:
    """Return the packages in as many lists as it takes to have each name once in a list.

    >>> waves({("numpy", "2.3"), ("numpy", "2.4"), ("redis", "7.0")})
    [{'numpy': '2.3', 'redis': '7.0'}, {'numpy': '2.4'}]
    """
    found: list[dict[str, str]] = []
    for name, version in sorted(packages):
        wave = next((wave for wave in found if name not in wave), None)
        if wave is None:
            found.append(wave := {})
        wave[name] = version
    return found


def _asked(wave: dict[str, str]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="beckon-audit-") as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text("".join(f"{name}=={version}\n" for name, version in wave.items()), encoding="utf-8")
        uv = [str(Path(sys.executable).with_name("uv")), "tool", "run", "--quiet", "--from", PIP_AUDIT]
        options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
        command = [*uv, "pip-audit", *options, "--requirement", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise RuntimeError((done.stderr.strip().splitlines() or ["it said nothing"])[-1][:200]) from None
    return found


def judged(found: list[dict[str, Any]], ignored: dict[str, str]) -> tuple[list[str], int]:
    """Return the lines to print and the exit code.

    >>> bad = {"name": "redis", "version": "5.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["5.1"]}]}
    >>> judged([bad], {})
    (['redis 5.0: PYSEC-1, mended in 5.1'], 1)
    >>> judged([bad], {"PYSEC-1": "we do not call it"})
    (['no known vulnerability in 1 packages'], 0)
    >>> judged([{"name": "own", "skip_reason": "not found"}], {})
    (['no known vulnerability in 0 packages; 1 are unknown there'], 0)
    """
    seen = [one for one in found if "skip_reason" not in one]
    bad = [
        f"{one['name']} {one['version']}: {vuln['id']}, mended in {', '.join(vuln['fix_versions']) or 'no version'}"
        for one in seen
        for vuln in one["vulns"]
        if vuln["id"] not in ignored
    ]
    if bad:
        return bad, 1
    unknown = len(found) - len(seen)
    line = f"no known vulnerability in {len(seen)} packages"
    return [line + (f"; {unknown} are unknown there" if unknown else "")], 0


def main() -> int:
    """Look, print one line or one per vulnerability, return the exit code."""
    try:
        if not any(one.get("vulns") for one in asked({KNOWN})):
            lines, code = (
                ["not looked at: no advisories are to be had here (not even of {} {})".format(*KNOWN)],
                0,
            )
        else:
            lines, code = judged(asked(pinned()), IGNORED)
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        lines, code = [f"not looked at: pip-audit could not ask ({error})"], 0
    for line in lines:
        print(f"audit: {line}")
    return code


if __name__ == "__main__":
    sys.exit(main())

"""The image: what is installed, what is left out, who runs it; read from the file, since no engine runs here."""

import re
from collections.abc import Iterable
from importlib.metadata import distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.manifests import ROOT

TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8")
STAGES = dict(
    re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", TEXT.replace("\\\n", " "), re.MULTILINE | re.DOTALL)
)


def pinned(name: str) -> dict[str, set[str]]:
    """Return the packages of a file of constraints with their versions."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "constraints" / name).read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([a-z0-9][a-z0-9._-]*)==([^ ;]+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


def closure(names: Iterable[str]) -> set[str]:
    """Return packages and all that they need here, as installed."""
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        needed = [Requirement(text) for text in distribution(name).requires or []]
        waiting += [
            canonicalize_name(one.name)
            for one in needed
            if one.marker is None or one.marker.evaluate({"extra": ""})
        ]
    return found


def test_the_last_stages_are_for_the_cpu_and_for_a_gpu() -> None:
    assert list(STAGES) == ["build", "build-gpu", "run", "gpu", "cpu"]


def test_packages_are_installed_with_hashes_and_never_compiled() -> None:
    installs = re.findall(r"pip (?:--python \S+ )?install .+", TEXT)
    assert len(installs) == 3
    for line in installs:
        assert "--require-hashes --no-deps" in line or "--no-deps --no-index --no-build-isolation" in line
    assert "PIP_ONLY_BINARY=:all:" in STAGES["build"]


def test_what_only_builds_the_wheel_is_taken_out_again() -> None:
    removed = set(re.findall(r"uninstall --yes (editables[a-z -]+)", STAGES["build"])[0].split())
    build = closure(["hatchling", "editables"])
    assert removed == build - closure(["beckon"])


def test_pip_is_in_no_stage_that_runs() -> None:
    assert "uninstall --yes setuptools pip" in STAGES["build"]
    assert "uninstall --yes setuptools wheel pip" in STAGES["run"]
    assert "apt-get" not in TEXT
    assert "COPY" not in STAGES["run"]
    for stage in ("cpu", "gpu"):
        copied = re.findall(r"^COPY (.+)$", STAGES[stage], re.MULTILINE)
        source = "build-gpu" if stage == "gpu" else "build"
        assert copied == [f"--from={source} /opt/beckon /opt/beckon"]


def test_it_runs_as_the_user_of_the_manifests_and_speaks_on_their_port() -> None:
    assert re.findall(r"^USER (.+)$", TEXT, re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^EXPOSE (.+)$", TEXT, re.MULTILINE) == ["9464"]
    assert 'ENTRYPOINT ["beckon"]' in STAGES["run"]


def test_every_package_folder_of_the_wheel_is_copied_and_let_through() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    packages = re.findall(r'"(\w+)"', re.findall(r"^packages = (\[.+\])$", project, re.MULTILINE)[0])
    let_through = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for package in packages:
        assert f"COPY {package}/ {package}/" in STAGES["build"]
        assert f"!{package}/" in let_through
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        assert f"!{file}" in let_through
    assert let_through[1] == "*"


def test_the_gpu_stage_adds_cudas_libraries_to_the_same_runtime() -> None:
    serve, gpu = pinned("serve.txt"), pinned("gpu.txt")
    for name in gpu.keys() & serve.keys():
        assert gpu[name] <= serve[name]
    assert "onnxruntime-gpu" in gpu.keys() & serve.keys()
    added = gpu.keys() - serve.keys()
    assert {"nvidia-cublas", "nvidia-cuda-runtime", "nvidia-cudnn-cu13", "nvidia-cufft"} <= added
    assert all(name.startswith("nvidia-") for name in added)
    asked = (ROOT / "constraints" / "gpu.in").read_text(encoding="utf-8")
    [version] = gpu["onnxruntime-gpu"]
    assert f"onnxruntime-gpu[cuda,cudnn]=={version}" in asked

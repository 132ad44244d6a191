"""`beckon models`: the way back, candidates, explanations and measurements, as a user calls them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from models_onnx import registry
from streams.cli import main
from tests.support.models import copy_demo, copy_version, make_dynamic_int8


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Models = Callable[..., Done]


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Models:
    """Return a function that runs `beckon models ...`."""

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["beckon", "models", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `tags` 1 in use, and 2, whose scores are the same."""
    copy_demo(tmp_path)
    copy_version(tmp_path, "2", lambda card: card.update(licence="other"))
    return tmp_path


def test_promoting_and_rolling_back_end_where_they_began(models: Models, folder: Path) -> None:
    where = ("--dir", str(folder))
    none = models("rollback", "tags", *where)
    assert none.returncode == 2
    assert none.stderr == (
        "beckon: NAME: no other tags was in use before; `beckon models promote` names one\n"
    )
    assert models("promote", "tags", "2", *where).returncode == 0
    back = models("rollback", "tags", *where)
    assert back.returncode == 0 and back.stdout.endswith("all right\ntags 1 is in use again\n")
    assert registry.current_version(folder, "tags") == "1"


def test_a_bad_version_is_neither_promoted_nor_a_candidate_nor_rolled_back_to(
    models: Models, folder: Path
) -> None:
    where = ("--dir", str(folder))
    bad = copy_version(folder, "3")
    make_dynamic_int8(bad)
    for arguments in (("promote", "tags", "3"), ("shadow", "tags", "3")):
        done = models(*arguments, *where)
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert done.stderr.startswith(f"beckon: {bad}: batch invariance: ")
    for version in ("3", "2"):
        registry.promote(folder, "tags", version)
    assert models("rollback", "tags", *where).returncode == 1
    assert registry.current_version(folder, "tags") == "2"
    assert registry.candidate_version(folder, "tags") is None


def test_a_candidate_comes_and_goes(models: Models, folder: Path) -> None:
    where = ("--dir", str(folder))
    done = models("shadow", "tags", "2", *where)
    assert done.returncode == 0 and done.stdout.endswith("tags 2 is the candidate\n")
    assert registry.candidate_version(folder, "tags") == "2"
    done = models("shadow", "tags", "--off", *where)
    assert (done.returncode, done.stdout) == (0, "tags has no candidate\n")
    assert registry.candidate_version(folder, "tags") is None
    wrong = models("shadow", "tags", *where)
    assert wrong.returncode == 2
    assert wrong.stderr == "beckon: VERSION: is wanted, or --off; give one of the two\n"


def test_an_explanation_names_the_words_for_people_and_for_programs(models: Models, folder: Path) -> None:
    page = models("explain", "tags", "wok with usb", "--dir", str(folder)).stdout.splitlines()
    assert page[0].startswith("kitchen 0.99") and page[1].startswith("  wok   alone 0.99")
    found = json.loads(models("explain", "tags", "wok with usb", "--dir", str(folder), "--json").stdout)
    assert [label["label"] for label in found["labels"]] == ["kitchen"]
    assert found["labels"][0]["words"][0]["word"] == "wok"
    nothing = models("explain", "tags", "東京", "--dir", str(folder)).stdout
    assert nothing == "no word of it is known, so it has no tag\n"


def test_every_version_is_measured_and_one_is_suggested(models: Models, folder: Path) -> None:
    where = ("--dir", str(folder), "--seconds", "0.05")
    found = json.loads(models("bench", "tags", *where, "--json").stdout)
    measured = [(one["version"], one["precision"]) for one in found]
    assert measured == [(version, precision) for version in "12" for precision in ("fp32", "int8-static")]
    for one in found:
        speed = one["speed"]
        assert speed["texts_per_s"] > 0 and 0 < speed["p50_ms"] <= speed["p99_ms"] and speed["load_s"] > 0
        assert speed["memory_mib"] >= 0 and one["bytes"] > 400_000 and one["quality"]["accuracy"] > 0.9
    page = models("bench", "tags", *where, "--version", "2", "--min-accuracy", "1").stdout.splitlines()
    assert page[0].split()[:2] == ["model", "precision"]
    assert [line.split()[:3] for line in page[1:3]] == [["tags", "2", "fp32"], ["tags", "2", "int8-static"]]
    assert page[3].startswith("tags 2, fp32: accuracy 0.99") and page[-1] == "none keeps all limits"
    assert models("bench", "nothing", *where).returncode == 2

"""The table of what training reaches, and the bootstrap behind the gain of pre-training."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks.training import RECIPES, Result, paired_gain, table
from models_onnx.corpus import read_corpus


def result(seed: int, accuracy: float, **more: float) -> Result:
    return Result("banking77", seed, accuracy, accuracy, 0.9, 0.01, 0.05, 600.0, 990, **more)


def test_the_table_has_means_and_the_worst_seed_and_only_what_was_measured() -> None:
    lines = list(table([result(1, 0.93), result(2, 0.94, accepted=0.95, refused=0.6)]))
    assert len(lines) == 4
    assert (
        lines[2] == "| banking77 | 2 | 0.9350 (0.9300) | 0.9350 | 0.9000 | 0.8938 | 0.0500 -> 0.0100 | 10.0 |"
    )
    assert lines[3] == "banking77, seed 2: 95.00% in scope accepted, 60.00% refused"


def test_a_gain_is_told_apart_from_chance() -> None:
    rng = Random(3)
    truth = [rng.randrange(4) for _ in range(1000)]
    good = [one if rng.random() < 0.95 else rng.randrange(4) for one in truth]
    fair = [one if rng.random() < 0.90 else rng.randrange(4) for one in truth]
    low, mean, high = paired_gain(truth, good, fair, 4, 1)
    assert 0 < low < mean < high and mean == pytest.approx(0.0375, abs=0.02)
    low, _, high = paired_gain(truth, fair, [*fair[:-1], truth[-1]], 4, 1)
    assert low <= 0 <= high


def test_without_the_data_it_says_so_and_measures_nothing(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.training",
        str(tmp_path / "no"),
        "--out",
        str(tmp_path / "out"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "no such folder of data sets; nothing was measured" in done.stderr
    assert not (tmp_path / "out").exists()


def test_every_recipe_reads_its_file_where_the_data_are() -> None:
    data = Path(__file__).parents[4] / "shared" / "data"
    if not data.is_dir():
        pytest.skip(f"{data}: there are no data sets here")
    counts = {}
    for recipe in RECIPES:
        rows, _ = read_corpus(data / recipe.file, recipe.columns)
        counts[recipe.name] = len({label for row in rows for label in row.labels})
    assert counts == {
        "pricerunner_titles": 10,
        "online_shopping_10_cats": 10,
        "banking77": 77,
        "clinc150": 150,
    }

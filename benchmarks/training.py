"""What training reaches on public data: `python -m benchmarks.training DATA [--only NAME] [--seeds 1 2 3]`.

DATA is the folder of the data sets, which are not part of this project. For every recipe and seed a tenth of the
texts is held out; the commands that a shop would give learn from the others and are judged by that tenth. One JSON
line per run goes to `--out`, and the table of all lines there is printed: runs of several days add up to one table.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from models_onnx.corpus import Columns, Row, read_corpus
from models_onnx.split import split

BECKON = str(Path(sys.executable).with_name("beckon"))
_DRAWS = 2000
_Numbers = npt.NDArray[np.int64]
_GAIN_LABELS = 2000


class Recipe(Struct, frozen=True):
    """One data set and the commands for it. `floor`: TF-IDF + LinearSVC, measured beside the data sets.

    `pretrain`, `train`: options of `beckon train pretrain` and of `command`; no `pretrain`: none is made.
    """

    name: str
    file: str
    columns: Columns
    command: str
    train: tuple[str, ...]
    floor: float
    goal: float
    pretrain: tuple[str, ...] = ()


class Result(Struct, frozen=True):
    """One run. `cpu_seconds`: of all its commands. `accepted`, `refused`: shares of texts in and out of scope, at the threshold that was found."""

    recipe: str
    seed: int
    accuracy: float
    macro_f1: float
    baseline: float
    ece: float
    ece_before: float
    cpu_seconds: float
    texts: int
    accepted: float | None = None
    refused: float | None = None
    gain: tuple[float, float, float] | None = None


_TITLES = Columns(
    "Product Title",
    " Category Label",
    {"fridge": "Fridges", "CPU": "CPUs", "Mobile Phone": "Mobile Phones"},
)
RECIPES = (
    Recipe(
        "pricerunner_titles",
        "pricerunner_titles/products.shared.csv.xz",
        _TITLES,
        "tags",
        ("--epochs", "12", "--learning-rate", "0.0005"),
        0.9613,
        0.961,
        ("--size", "tiny", "--epochs", "12"),
    ),
    Recipe(
        "online_shopping_10_cats",
        "online_shopping_10_cats/online_shopping_10_cats.shared.csv.xz",
        Columns("review", "cat"),
        "tags",
        ("--epochs", "6", "--learning-rate", "0.0005", "--max-length", "96"),
        0.9060,
        0.906,
        ("--size", "tiny", "--epochs", "5", "--max-length", "96"),
    ),
    Recipe(
        "banking77",
        "banking77/train.csv.xz",
        Columns("text", "category"),
        "intents",
        ("--from", "minilm", "--epochs", "8"),
        0.8938,
        0.93,
    ),
    Recipe(
        "clinc150",
        "clinc150/data_full.train_val.json.xz",
        Columns(out_of_scope="oos"),
        "intents",
        ("--from", "minilm", "--epochs", "6", "--out-of-scope", "oos"),
        0.9113,
        0.955,
    ),
)
GAIN = "pretraining_gain"


def main() -> None:
    """Run what is asked for and print the table."""
    asked = _arguments()
    if not asked.data.is_dir():
        sys.exit(f"{asked.data}: there is no such folder of data sets; nothing was measured")
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    for seed in asked.seeds:
        for recipe in RECIPES:
            if recipe.name in (asked.only or [recipe.name]):
                _note(out, _run(recipe, seed, asked.data, out / f"{recipe.name}-{seed}"))
        if not asked.only or GAIN in asked.only:
            _note(out, _gain(RECIPES[0], seed, asked.data, out / f"{GAIN}-{seed}"))
    for line in table(_results(out)):
        sys.stdout.write(f"{line}\n")


def table(results: Sequence[Result]) -> Iterator[str]:
    """Yield the table as Markdown: means over the seeds, and the seed that is worst."""
    yield "| data | seeds | accuracy, mean (worst) | macro F1 | TF-IDF, same run | floor | ECE before -> after | CPU minutes |"
    yield "|---|---|---|---|---|---|---|---|"
    for recipe in RECIPES:
        some = [one for one in results if one.recipe == recipe.name]
        if some:
            accuracies = [one.accuracy for one in some]
            yield (
                f"| {recipe.name} | {len(some)} | {np.mean(accuracies):.4f} ({min(accuracies):.4f}) |"
                f" {np.mean([one.macro_f1 for one in some]):.4f} | {np.mean([one.baseline for one in some]):.4f} |"
                f" {recipe.floor} | {np.mean([one.ece_before for one in some]):.4f} ->"
                f" {np.mean([one.ece for one in some]):.4f} | {np.mean([one.cpu_seconds for one in some]) / 60:.1f} |"
            )
    for one in results:
        if one.refused is not None:
            yield f"{one.recipe}, seed {one.seed}: {one.accepted:.2%} in scope accepted, {one.refused:.2%} refused"
        if one.gain is not None:
            low, mean, high = one.gain
            yield (
                f"{one.recipe}, seed {one.seed}: {mean:+.4f} macro F1 with {_GAIN_LABELS} labels"
                f" (95 % of {_DRAWS} paired draws: {low:+.4f} to {high:+.4f})"
            )


def paired_gain(
    truth: Sequence[int], one: Sequence[int], other: Sequence[int], labels: int, seed: int
) -> tuple[float, float, float]:
    """Return (2.5 %, mean, 97.5 %) of macro F1 of `one` less that of `other` over drawings of the same texts.

    Source: Efron, Tibshirani: "An Introduction to the Bootstrap", 1993.
    """
    rng = np.random.default_rng(seed)
    real, first, second = np.array(truth), np.array(one), np.array(other)
    gains = []
    for _ in range(_DRAWS):
        drawn = rng.integers(0, len(real), len(real))
        gains.append(
            _macro_f1(real[drawn], first[drawn], labels) - _macro_f1(real[drawn], second[drawn], labels)
        )
    low, high = np.quantile(gains, [0.025, 0.975])
    return round(float(low), 6), round(float(np.mean(gains)), 6), round(float(high), 6)


def _macro_f1(truth: _Numbers, said: _Numbers, labels: int) -> float:
    right = np.bincount(truth[truth == said], minlength=labels)
    both = np.bincount(truth, minlength=labels) + np.bincount(said, minlength=labels)
    there = np.bincount(truth, minlength=labels) > 0
    return float((2 * right[there] / np.maximum(1, both[there])).mean())


def _run(recipe: Recipe, seed: int, data: Path, folder: Path) -> Result:
    before = _cpu_seconds()
    rest, held = _files(recipe, seed, data, folder)
    start = _pretrained(recipe, seed, rest, folder / "encoder", recipe.pretrain)
    _train(recipe, seed, (rest, held), folder, (*start, *recipe.train))
    return _result(recipe, seed, folder / recipe.command, _cpu_seconds() - before)


def _gain(recipe: Recipe, seed: int, data: Path, folder: Path) -> Result:
    """Compare few labels on the pre-trained encoder with the same encoder, its weights still by chance.

    Weights by chance may like another learning rate: of two they get the one that is better on the held-out
    texts, which favours them.
    """
    before = _cpu_seconds()
    files = _files(recipe, seed, data, folder)
    few = (*recipe.train, "--train-max", str(_GAIN_LABELS), "--epochs", "30", "--variants", "none")
    start = _pretrained(recipe, seed, files[0], folder / "encoder", recipe.pretrain)
    _train(recipe, seed, files, folder / "with", (*start, *few))
    start = _pretrained(recipe, seed, files[0], folder / "chance", (*recipe.pretrain, "--epochs", "0"))
    without = [folder / "without", folder / "without-faster"]
    _train(recipe, seed, files, without[0], (*start, *few))
    _train(recipe, seed, files, without[1], (*start, *few, "--learning-rate", "0.002"))
    truth, labels, (ours, *others) = _said(recipe, files[1], [folder / "with", *without])
    better = max(others, key=lambda one: _macro_f1(np.array(truth), np.array(one), labels))
    found = _result(recipe, seed, folder / "with" / recipe.command, _cpu_seconds() - before)
    gain = paired_gain(truth, ours, better, labels, seed)
    return msgspec.structs.replace(found, recipe=GAIN, gain=gain)


def _said(recipe: Recipe, held: Path, folders: Sequence[Path]) -> tuple[list[int], int, list[list[int]]]:
    """Return the numbers of the true labels, how many labels there are, and what each model says."""
    from models_onnx.quality import scores_of
    from models_onnx.registry import load_tag_model

    rows = read_corpus(held).rows
    models = [load_tag_model(folder, recipe.command, "cpu") for folder in folders]
    labels = models[0].card.labels
    truth = [labels.index(row.label) for row in rows]
    said = [scores_of(model, rows)[0].argmax(axis=1).tolist() for model in models]
    return truth, len(labels), said


def _files(recipe: Recipe, seed: int, data: Path, folder: Path) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    parts = split(read_corpus(data / recipe.file, recipe.columns).rows, seed)
    rest, held = folder / "rest.jsonl", folder / "held.jsonl"
    none = recipe.columns.out_of_scope or ""
    _write(rest, [*parts.train, *parts.choose], none)
    _write(held, parts.judge, none)
    return rest, held


def _write(path: Path, rows: Sequence[Row], none: str) -> None:
    lines = [msgspec.json.encode({"text": row.text, "label": row.label or none}) for row in rows]
    path.write_bytes(b"\n".join(lines))


def _pretrained(
    recipe: Recipe, seed: int, rest: Path, out: Path, options: tuple[str, ...]
) -> tuple[str, ...]:
    if not recipe.pretrain:
        return ()
    if not out.is_dir():
        _beckon("train", "pretrain", "--data", str(rest), "--out", str(out), "--seed", str(seed), *options)
    return "--from", str(out)


def _train(recipe: Recipe, seed: int, files: tuple[Path, Path], out: Path, options: tuple[str, ...]) -> None:
    rest, held = files
    _beckon(
        "train", recipe.command, "--data", str(rest), "--judge", str(held), "--out", str(out),
        "--seed", str(seed), *options,
    )  # fmt: skip


def _beckon(*arguments: str) -> None:
    sys.stdout.write(f"beckon {' '.join(arguments)}\n")
    sys.stdout.flush()
    subprocess.run([BECKON, *arguments], check=True)


def _result(recipe: Recipe, seed: int, model: Path, cpu_seconds: float) -> Result:
    from models_onnx.card import read

    version = (model / "current").read_text().strip()
    metrics = read(model / version, str(model))[0].metrics
    calibration, refusal = metrics.calibration, metrics.refusal
    assert calibration is not None
    return Result(
        recipe=recipe.name,
        seed=seed,
        accuracy=metrics.model.accuracy,
        macro_f1=metrics.model.macro_f1,
        baseline=metrics.baseline.accuracy,
        ece=calibration.ece,
        ece_before=calibration.ece_before,
        cpu_seconds=round(cpu_seconds, 1),
        texts=metrics.texts,
        accepted=None if refusal is None else refusal.accepted,
        refused=None if refusal is None else refusal.recall,
    )


def _cpu_seconds() -> float:
    """Return the processor time of all commands so far: on a shared machine the clock says little."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _note(out: Path, result: Result) -> None:
    with (out / "results.jsonl").open("ab") as file:
        file.write(msgspec.json.encode(result) + b"\n")


def _results(out: Path) -> list[Result]:
    lines = (out / "results.jsonl").read_bytes().splitlines()
    # A run that was made again counts as made last.
    found = [msgspec.json.decode(line, type=Result) for line in lines]
    return sorted(
        {(one.recipe, one.seed): one for one in found}.values(), key=lambda one: (one.recipe, one.seed)
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what training reaches on public data.")
    parser.add_argument("data", type=Path, help="folder of the data sets")
    parser.add_argument("--only", nargs="*", choices=[*(one.name for one in RECIPES), GAIN])
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=Path(".beckon/training"))
    return parser.parse_args()


if __name__ == "__main__":
    main()

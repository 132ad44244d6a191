"""Pictures of a bench, as SVG or PNG."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.engines import ENGINES
from benchmarks.report import Report
from schemas.errors import InputError

_OURS, _THEIRS = "#0b6e4f", "#8d99ae"


def check(file: Path | None) -> None:
    """Raise `InputError` if a picture is asked for that cannot be drawn."""
    if file is not None:
        _figure_of(file)


def throughput(report: Report, file: Path) -> None:
    """Draw each engine's events per CPU second: the median as a bar, minimum and maximum as a line."""
    shown = [engine for engine in ENGINES if engine.name in report.engines]
    figure, axes = _figure_of(file)
    for place, engine in enumerate(reversed(shown)):
        found = report.engines[engine.name].events_per_cpu_second
        middle = median(found)
        colour = _OURS if engine.words.startswith("Beckon") else _THEIRS
        error = [[middle - min(found)], [max(found) - middle]]
        axes.barh(place, middle, xerr=error, color=colour, height=0.6)
        axes.text(middle, place + 0.36, f"{middle:,.0f}", fontsize=8)
    axes.set_yticks(range(len(shown)), [engine.words for engine in reversed(shown)])
    axes.set_xlabel(f"events per CPU second, {report.job} job, median of {report.runs} (line: min to max)")
    _save(figure, file)


def lines(
    file: Path,
    across: str,
    up: str,
    series: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    *,
    logarithmic: bool = False,
) -> None:
    """Draw one line per series (name, x, y)."""
    figure, axes = _figure_of(file)
    for name, xs, ys in series:
        axes.plot(xs, ys, marker="o", label=name)
    if logarithmic:
        axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, file)


def _figure_of(file: Path) -> tuple[Any, Any]:
    if file.suffix not in (".svg", ".png"):
        raise InputError(str(file), "is neither .svg nor .png", "give --plot a file of one of these")
    try:
        import matplotlib as mpl
    except ImportError:
        raise InputError("--plot", "needs matplotlib", "pip install matplotlib") from None
    mpl.use("Agg")
    # Without a salt the ids in an SVG are new with every drawing.
    mpl.rcParams["svg.hashsalt"] = "beckon"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    return figure, axes


def _save(figure: Any, file: Path) -> None:
    from matplotlib import pyplot as plt

    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    plt.close(figure)

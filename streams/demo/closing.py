"""The last page of a demo: what was counted, and what to look at next."""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.demo.words import REASONS, milliseconds, percent


def print_summary(console: Console, summary: dict[str, Any], folder: Path, why: str | None) -> None:
    """Print the summary for people; `summary.json` holds the same numbers."""
    console.print()
    console.print(Text(f"Beckon's demo shop was open for {summary['seconds']:.0f} s", style="bold"))
    console.print(_figures(summary))
    if summary["offered_by_campaign"]:
        console.print(_ranking("Offers", summary["offered_by_campaign"], {}))
    if summary["suppressed"]:
        console.print(_ranking("Why campaigns were not offered", summary["suppressed"], REASONS))
    _say(console, f"All of it is in {_short(folder)}/ (summary.json, decisions.jsonl, profiles.jsonl, ...).")
    if why is not None:
        _say(console, "Ask why somebody got an offer:")
        _say(console, f"    {command()} why {why}")


def is_even(summary: dict[str, Any]) -> bool:
    """Return whether every event that was produced is in a profile or a dead letter."""
    return bool(summary["produced"] == summary["applied"] + summary["dead_lettered"])


def command() -> str:
    """Return how `beckon` is called from here."""
    if shutil.which("beckon") is not None:
        return "beckon"
    return str(_short(Path(sys.executable).with_name("beckon")))


def _figures(summary: dict[str, Any]) -> Table:
    sign = "=" if is_even(summary) else "is not"
    counted = f"{summary['applied']:,} applied + {summary['dead_lettered']:,} dead-lettered"
    match, guess = percent(summary["interest_match"]), percent(summary["interest_match_if_guessing"])
    latency = summary["latency_ms"]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", justify="right", min_width=16)
    table.add_column()
    table.add_row("events", f"{summary['produced']:,} produced {sign} {counted}")
    table.add_row("profiles", f"{summary['profiles']:,} shoppers")
    table.add_row("promotions", f"{summary['offered']:,} offered, in {summary['decisions']:,} decisions")
    table.add_row("true interest", f"{match} of the offers match it (guessing: {guess})")
    table.add_row("latency", f"p50 {milliseconds(latency['p50'])}, p99 {milliseconds(latency['p99'])}")
    texts, fallbacks = summary["texts_scored"], summary["fallbacks"]
    table.add_row("model", f"{summary['model_calls']:,} calls for {texts:,} texts, {fallbacks:,} fallbacks")
    return table


def _ranking(title: str, counts: dict[str, int], words: dict[str, str]) -> Table:
    table = Table(
        title=title, title_justify="left", show_header=False, box=None, padding=(0, 2), title_style="bold"
    )
    table.add_column(min_width=18)
    table.add_column(justify="right")
    table.add_column(style="dim")
    for name, count in _ranked(counts.items()):
        table.add_row(name, f"{count:,}", words.get(name, ""))
    return table


def _ranked(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _short(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path

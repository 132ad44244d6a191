"""The table that a session of faults writes: results.json for programs, results.md for people.

Each pytest process writes rows of its own; a row of an earlier session stays until its fault runs again.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from streams.kafka_jars import only_one
from tests.faults.verdict import Verdict


class Row(Struct, frozen=True):
    """One run. `guard` is on, or says which one was off."""

    number: int
    fault: str
    guard: str
    events: int
    lost: int
    doubled: int
    out_of_order: int
    recovered_s: float | None
    restarts: int
    violations: list[str]


class Results:
    """Rows by fault and guard, kept in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def add(self, number: int, fault: str, guard: str, verdict: Verdict) -> None:
        """Take a run into the table and write it."""
        row = Row(
            number,
            fault,
            guard,
            verdict.events,
            verdict.lost,
            verdict.doubled,
            verdict.out_of_order,
            None if verdict.recovered_s is None else round(verdict.recovered_s, 1),
            verdict.restarts,
            verdict.violations,
        )
        with only_one(self._folder / "lock"):  # sessions may run beside each other
            self._write(row)

    def _write(self, row: Row) -> None:
        file = self._folder / "results.json"
        rows = msgspec.json.decode(file.read_bytes(), type=list[Row]) if file.exists() else []
        kept = [one for one in rows if (one.fault, one.guard) != (row.fault, row.guard)]
        rows = sorted([*kept, row], key=lambda one: (one.number, one.fault, one.guard != "on"))
        file.write_bytes(msgspec.json.format(msgspec.json.encode(rows)) + b"\n")
        (self._folder / "results.md").write_text(table(rows), encoding="utf-8")


def table(rows: list[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [
        "| # | Fault | Guard | Events | Lost | Doubled | Out of order | Worker restarts | Recovered after | Verdict |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        after = "" if row.recovered_s is None else f"{row.recovered_s:g} s"
        said = "red" if row.violations else "clean"
        figures = (row.events, row.lost, row.doubled, row.out_of_order, row.restarts)
        told = " | ".join(map(str, figures))
        lines.append(f"| {row.number or ''} | {row.fault} | {row.guard} | {told} | {after} | {said} |")
    return "\n".join(lines) + "\n"

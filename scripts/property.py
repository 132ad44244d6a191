"""`make property`: many random histories through every property, in pieces, so that it can be stopped and gone on with.

A piece is one test with its own seed and some of the histories, in a process of its own: Hypothesis remembers all that
it tried, and would fill the memory. A piece that passed leaves a file under `.cache/property/` and is not run again;
`--anew` forgets them all, as one should after a change. Exit code 1: a piece failed, and what it printed lies there too.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct, json

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / ".cache" / "property"
#: What Hypothesis says of each phase.
_PASSING = re.compile(r"- (\d+) passing, ")
_TEST = re.compile(r"^(tests/property/\S+)$", re.MULTILINE)


class Done(Struct):
    """A piece that passed: examples tried, and how long it took."""

    test: str
    seed: int
    examples: int
    seconds: float


class Piece(Struct, frozen=True):
    """Some of the histories of one test."""

    test: str
    seed: int
    histories: int

    @property
    def name(self) -> str:
        """Name its files; a piece of another size is another piece."""
        plain = re.sub(r"[^A-Za-z0-9_]+", "-", self.test.removeprefix("tests/property/"))
        return f"{plain[:150]}-{self.seed}-of-{self.histories}"

    def done(self) -> Done | None:
        """Return what is known of it from an earlier run."""
        file = RESULTS / f"{self.name}.json"
        return json.decode(file.read_bytes(), type=Done) if file.is_file() else None

    def run(self) -> Done | None:
        """Run it; return None, and leave what was printed, when it failed."""
        start = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "pytest",
            self.test,
            "-q",
            "--timeout",
            "0",
            "-p",
            "no:cacheprovider",
        ]
        command += ["--hypothesis-show-statistics", f"--hypothesis-seed={self.seed}"]
        env = {**os.environ, "BECKON_PROPERTY_HISTORIES": str(self.histories)}
        ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        log = RESULTS / f"{self.name}.log"
        if ran.returncode:
            log.write_text(ran.stdout + ran.stderr, encoding="utf-8")
            return None
        log.unlink(missing_ok=True)
        examples = sum(map(int, _PASSING.findall(ran.stdout)))
        done = Done(self.test, self.seed, examples, round(time.monotonic() - start, 1))
        (RESULTS / f"{self.name}.json").write_bytes(json.encode(done))
        return done


def main() -> int:
    """Run what is left of all pieces; return the exit code."""
    asked = argparse.ArgumentParser(description="Try many random histories on every property.")
    asked.add_argument("--histories", type=int, default=100_000, help="histories per property")
    asked.add_argument("--piece", type=int, default=5_000, help="histories per process")
    asked.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    asked.add_argument("--only", default="", help="a part of the names of the tests")
    asked.add_argument("--anew", action="store_true", help="forget what earlier runs have done")
    flags = asked.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    if flags.anew:
        for file in RESULTS.iterdir():
            file.unlink()
    tests = [test for test in collected() if flags.only in test]
    seeds = range(1, -(-flags.histories // flags.piece) + 1)
    # All tests once, then all of them with the next seed: a run that is stopped has seen a bit of everything.
    pieces = [Piece(test, seed, flags.piece) for seed in seeds for test in tests]
    left = [piece for piece in pieces if piece.done() is None]
    if len(left) < len(pieces):
        print(
            f"{len(pieces) - len(left)} of {len(pieces)} pieces were done before (--anew forgets them)",
            flush=True,
        )
    with ThreadPoolExecutor(flags.jobs) as pool:
        failed = sum(pool.map(_run, left))
    for test in tests:
        results = [piece.done() for piece in pieces if piece.test == test]
        print(f"{sum(done.examples for done in results if done is not None):>8} histories  {test}")
    return int(failed > 0)


def collected() -> list[str]:
    """Return the ids of all properties: tests that Hypothesis feeds."""
    command = [sys.executable, "-m", "pytest", "tests/property", "--collect-only", "-q", "-m", "hypothesis"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return _TEST.findall(ran.stdout)


def _run(piece: Piece) -> bool:
    """Run a piece and say so in a line; return whether it failed."""
    done = piece.run()
    if done is None:
        print(f"failed, see {RESULTS / piece.name}.log", flush=True)
        return True
    print(f"{done.examples:>8} histories in {done.seconds:>6} s  {piece.test}  seed {piece.seed}", flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())

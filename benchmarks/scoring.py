"""Texts per second of one classifier: ours beside PyTorch and sentence-transformers, on one core, in one call.

Every engine has the same weights and texts and runs alone in a process of its own; the engines take turns.
Nothing here judges: a slow machine is no failure.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
from msgspec import Struct

from benchmarks.scoring_job import Facts, Order, Timed
from benchmarks.stand import processor
from models_onnx.sample_titles import titles
from schemas.errors import BeckonError, InputError

BATCHES = (1, 32, 512)
OURS, OURS_INT8, MATMUL, MEMORY = "beckon", "beckon_int8", "matmul", "memory"
RIVALS = ("torch", "sentence_transformers")
_TEXTS = 2048
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
Say = Callable[[str], object]


class Request(Struct, frozen=True):
    """What to measure. `base`: a folder of Transformers instead of weights from a seed. `seconds` per batch size."""

    size: str
    base: str | None
    provider: str
    runs: int
    seconds: float


class Rate(Struct, frozen=True):
    """One engine at one batch size. `texts_per_s`: median of the rounds, per CPU second, on a GPU per second.

    `p50_ms`, `p99_ms`: of all requests, on the wall. `of_peak`: share of the measured matrix product's speed, counting the operations of the texts without padding.
    """

    texts_per_s: float
    p50_ms: float
    p99_ms: float
    of_peak: float


class Engine(Struct, frozen=True):
    """`ratio`: texts/s of ours by this one's, at each batch size, median of rounds."""

    version: str
    rates: dict[int, Rate]
    ratio: dict[int, float]


class Report(Struct, frozen=True):
    """All figures. `agree`: largest difference of a score between ours and PyTorch.

    `memory_ns`: what a remembered text costs; `memory_ratio`: that, by the price of a look-up in a dict.
    """

    processor: str
    provider: str
    model: str
    tokens_mean: float
    peak_gflops: float
    agree: float
    memory_ns: float
    memory_ratio: float
    engines: dict[str, Engine]
    left_out: dict[str, str]


def run(request: Request, say: Say) -> Report:
    """Measure; raise `InputError` for what is missing."""
    left_out = {name: why for name in RIVALS if (why := _missing(name))}
    names = [OURS, *(name for name in _others(request.provider) if name not in left_out)]
    texts = tuple(dict.fromkeys(text for text, _ in titles(2, _TEXTS)))
    with tempfile.TemporaryDirectory() as folder:
        say("making the model")
        facts = _make(Path(folder), request)
        order = Order(
            OURS, folder, request.provider, texts, BATCHES, request.seconds, _core(request.provider)
        )
        rounds: list[dict[str, Timed]] = []
        for number in range(request.runs):
            say(f"round {number + 1} of {request.runs}")
            turn = [MATMUL, MEMORY, *(names if number % 2 == 0 else names[::-1])]
            rounds.append({name: _run(msgspec.structs.replace(order, engine=name)) for name in turn})
        lengths = _lengths(Path(folder), texts)
    return _report(request, rounds, names, facts, lengths, left_out)


def _others(provider: str) -> tuple[str, ...]:
    # Compiling pays on a GPU; for one core it takes minutes and a C++ compiler. Integers are for CPUs.
    return (*RIVALS, "torch_compiled") if provider == "cuda" else (OURS_INT8, *RIVALS)


def _missing(name: str) -> str | None:
    extra = "train" if name == "torch" else "bench"
    return f"pip install 'beckon[{extra}]' to compare with it" if find_spec(name) is None else None


def _core(provider: str) -> int | None:
    if provider == "cuda" or not hasattr(os, "sched_getaffinity"):
        return None
    return max(os.sched_getaffinity(0))


def _make(folder: Path, request: Request) -> Facts:
    if find_spec("torch") is None:
        raise InputError("torch", "is not installed", "install the extra: pip install 'beckon[train]'")
    from benchmarks.scoring_model import make

    return make(folder, request.size, request.base)


def _run(order: Order) -> Timed:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scoring_engine"],
        input=msgspec.json.encode(order),
        capture_output=True,
        env={
            **os.environ,
            **dict.fromkeys(_THREADS, "1"),
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_OFFLINE": "1",
        },
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise BeckonError(
            f"engine {order.engine}", f"failed ({said[-1][:200] if said else 'it ended'})", "see `--help`"
        )
    return msgspec.json.decode(done.stdout, type=Timed)


def _lengths(folder: Path, texts: Sequence[str]) -> list[int]:
    from benchmarks.scoring_job import MAX_LENGTH, TOKENIZER
    from models_onnx.tokenizer import TextTokenizer

    rows = TextTokenizer((folder / TOKENIZER).read_bytes(), MAX_LENGTH, TOKENIZER).encode(texts)
    return [len(row) for row in rows]


def _report(
    request: Request,
    rounds: Sequence[dict[str, Timed]],
    names: Sequence[str],
    facts: Facts,
    lengths: Sequence[int],
    left_out: dict[str, str],
) -> Report:
    peak = median(one[MATMUL].peak_flops for one in rounds)
    flops = sum(map(facts.flops, lengths)) / len(lengths)
    rates = {
        name: {batch: _speeds(rounds, name, batch, request.provider) for batch in BATCHES} for name in names
    }
    engines = {
        name: Engine(
            version=rounds[0][name].version,
            rates={
                batch: _rate(rounds, name, batch, median(speeds), median(speeds) * flops / peak)
                for batch, speeds in rates[name].items()
            },
            ratio={
                batch: round(
                    median(a / b for a, b in zip(rates[OURS][batch], rates[name][batch], strict=True)), 2
                )
                for batch in BATCHES
            },
        )
        for name in names
    }
    plain, ours = (
        median(seconds for one in rounds for seconds in one[MEMORY].durations[number]) for number in (0, 1)
    )
    texts = len(lengths)
    return Report(
        processor=processor(),
        provider=request.provider,
        model=request.base or request.size,
        tokens_mean=round(sum(lengths) / texts, 1),
        peak_gflops=round(peak / 1e9, 1),
        agree=_agree(rounds[0]),
        memory_ns=round(ours / texts * 1e9, 1),
        memory_ratio=round(ours / plain, 2),
        engines=engines,
        left_out=left_out,
    )


def _speeds(rounds: Sequence[dict[str, Timed]], name: str, batch: int, provider: str) -> list[float]:
    return [one[name].texts_per_s(batch, provider) for one in rounds]


def _rate(rounds: Sequence[dict[str, Timed]], name: str, batch: int, speed: float, share: float) -> Rate:
    found = np.array([seconds for one in rounds for seconds in one[name].durations[batch]]) * 1000
    p50, p99 = (round(float(np.percentile(found, percent)), 3) for percent in (50, 99))
    return Rate(round(speed, 1), p50, p99, round(share, 3))


def _agree(one: dict[str, Timed]) -> float:
    if "torch" not in one:
        return 0.0
    ours, theirs = np.array(one[OURS].scores), np.array(one["torch"].scores)
    return float(f"{np.abs(ours - theirs).max():.1e}")


def table(report: Report) -> str:
    """Return the report as people read it."""
    rows = [("engine", "batch", "texts/s*", "p50 ms", "p99 ms", "of matmul peak", "ours is")]
    for name, engine in report.engines.items():
        for batch, rate in engine.rates.items():
            times = "" if name == OURS else f"{engine.ratio[batch]:.1f} x"
            figures = (
                f"{rate.texts_per_s:,.0f}",
                f"{rate.p50_ms:.2f}",
                f"{rate.p99_ms:.2f}",
                f"{rate.of_peak:.0%}",
            )
            rows.append((name, str(batch), *figures, times))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, "", *_footer(report)])


def _footer(report: Report) -> list[str]:
    return [
        "* per second on the GPU" if report.provider == "cuda" else "* per CPU second; latencies on the wall",
        f"model {report.model}, texts of {report.tokens_mean} tokens, {report.processor}, {report.provider}, one core",
        f"a large matrix product runs at {report.peak_gflops:,.0f} GFLOP/s; padding does not count as work done",
        f"scores of ours and PyTorch differ by at most {report.agree:.1e}",
        f"a remembered text costs {report.memory_ns:,.0f} ns, {report.memory_ratio:.1f} times a look-up in a dict",
        *(engine.version for engine in report.engines.values()),
        *(f"left out: {name}: {why}" for name, why in report.left_out.items()),
    ]

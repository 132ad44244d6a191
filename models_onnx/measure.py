"""How fast, how large and how heavy a model is on this machine: `python -m models_onnx.measure`, one a process.

A process of its own, because memory that a model took is not given back, and caches of the one before would help.
"""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from models_onnx.runtime import TagModel
from models_onnx.scorer import batches

#: A promotion waits for a lane's batch, which on a shop's quiet hours is one text and in a rush about this many.
RUSH = 32
_BATCH_TOKENS = 512
_MIB = 1 << 20


class Order(Struct, frozen=True):
    """What to measure. `precision` as in `models_onnx.precision`; `seconds` for each of the three phases; `threads` are onnxruntime's callers: one."""

    models: str
    name: str
    version: str
    provider: str
    precision: str
    texts: tuple[str, ...]
    seconds: float


class Speed(Struct, frozen=True):
    """`p50_ms`, `p99_ms` of a call for one text; `rush_p99_ms` for 32. `texts_per_s`: in sorted calls, no cache.

    `memory_mib`: what the process holds more than before loading, at most. `load_s`: with all checks.
    """

    provider: str
    load_s: float
    texts_per_s: float
    p50_ms: float
    p99_ms: float
    rush_p99_ms: float
    memory_mib: float


def measure(order: Order) -> Speed:
    """Load a model and measure it; raise `ModelError` when it is refused."""
    from models_onnx.registry import load_version

    before = _peak_bytes()
    started = time.perf_counter()
    model = load_version(Path(order.models), order.name, order.version, order.provider, order.precision)
    load_s = time.perf_counter() - started
    texts = [text for text, row in zip(order.texts, model.encode(order.texts), strict=True) if row]
    one = _durations(lambda number: _score(model, [texts[number % len(texts)]]), order.seconds)
    rush = [texts[number % len(texts)] for number in range(RUSH)]
    many = _durations(lambda _: _score(model, rush), order.seconds)
    window = [texts[number % len(texts)] for number in range(16 * RUSH)]
    whole = _durations(lambda _: _score(model, window), order.seconds)
    return Speed(
        provider=model.provider,
        load_s=round(load_s, 3),
        texts_per_s=round(len(window) * len(whole) / sum(whole), 1),
        p50_ms=_percentile(one, 0.5),
        p99_ms=_percentile(one, 0.99),
        rush_p99_ms=_percentile(many, 0.99),
        memory_mib=round((_peak_bytes() - before) / _MIB, 1),
    )


def _score(model: TagModel, texts: Sequence[str]) -> None:
    rows = model.encode(texts)
    for batch in batches([len(row) for row in rows], _BATCH_TOKENS, model.pad_tokens):
        model.scores([rows[number] for number in batch])


def _durations(call: Callable[[int], None], seconds: float) -> list[float]:
    call(0)  # the first one allocates
    found: list[float] = []
    until = time.perf_counter() + seconds
    while not found or time.perf_counter() < until:
        started = time.perf_counter()
        call(len(found))
        found.append(time.perf_counter() - started)
    return found


def _percentile(durations: Sequence[float], share: float) -> float:
    """Return a percentile in milliseconds, by the nearest rank."""
    ordered = sorted(durations)
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    from schemas.errors import BeckonError

    try:
        found = measure(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))
    except BeckonError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from None
    sys.stdout.write(msgspec.json.encode(found).decode())

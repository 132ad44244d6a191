"""Which model to take: the most accurate of those that keep the given limits."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from models_onnx.card import Quality
from models_onnx.measure import Speed


class Measured(Struct, frozen=True):
    """A version of a model in one precision: what its card says of it, and what was measured here."""

    name: str
    version: str
    precision: str
    quality: Quality
    bytes: int
    speed: Speed


class Limits(Struct, frozen=True):
    """What a model must keep; None: no limit. `p99_ms` for one text."""

    accuracy: float | None = None
    texts_per_s: float | None = None
    p99_ms: float | None = None
    memory_mib: float | None = None


def broken(model: Measured, limits: Limits) -> list[str]:
    """Return the limits that a model does not keep, in words.

    >>> speed = Speed("cpu", 0.1, 900.0, 1.0, 4.0, 20.0, 50.0)
    >>> model = Measured("tags", "2", "fp32", Quality(0.95, 0.9), 1000, speed)
    >>> broken(model, Limits(accuracy=0.9, texts_per_s=1000, p99_ms=2.5))
    ['900 texts/s of at least 1,000', 'p99 of 4 ms, at most 2.5']
    """
    return list(_broken(model, limits))


def suggest(models: Sequence[Measured], limits: Limits) -> Measured | None:
    """Return the most accurate model that keeps all limits, of equals the fastest; None where none does."""
    fitting = [model for model in models if not broken(model, limits)]
    return max(fitting, key=lambda model: (model.quality.accuracy, model.speed.texts_per_s), default=None)


def _broken(model: Measured, limits: Limits) -> Iterator[str]:
    speed, accuracy = model.speed, model.quality.accuracy
    if limits.accuracy is not None and accuracy < limits.accuracy:
        yield f"accuracy {accuracy:.4f} of at least {limits.accuracy:g}"
    if limits.texts_per_s is not None and speed.texts_per_s < limits.texts_per_s:
        yield f"{speed.texts_per_s:,.0f} texts/s of at least {limits.texts_per_s:,.0f}"
    if limits.p99_ms is not None and speed.p99_ms > limits.p99_ms:
        yield f"p99 of {speed.p99_ms:g} ms, at most {limits.p99_ms:g}"
    if limits.memory_mib is not None and speed.memory_mib > limits.memory_mib:
        yield f"{speed.memory_mib:g} MiB of memory, at most {limits.memory_mib:g}"

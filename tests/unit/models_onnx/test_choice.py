"""The model that is suggested: the most accurate that keeps every limit."""

import pytest

from models_onnx.card import Quality
from models_onnx.choice import Limits, Measured, broken, suggest
from models_onnx.measure import Speed


def model(version: str, accuracy: float, texts_per_s: float, p99_ms: float, memory_mib: float) -> Measured:
    speed = Speed("cpu", 0.2, texts_per_s, 1.0, p99_ms, 30.0, memory_mib)
    return Measured("tags", version, "fp32", Quality(accuracy, accuracy), 1_000_000, speed)


SMALL = model("1", 0.95, 9000, 0.5, 8)
MIDDLE = model("2", 0.96, 4000, 1.5, 30)
TWIN = model("3", 0.96, 5000, 1.2, 32)
LARGE = model("4", 0.97, 400, 9.0, 120)
ALL = [SMALL, MIDDLE, TWIN, LARGE]


@pytest.mark.parametrize(
    ("limits", "version"),
    [
        (Limits(), "4"),
        (Limits(p99_ms=9.0), "4"),
        (Limits(p99_ms=8.9), "3"),
        (Limits(texts_per_s=6000), "1"),
        (Limits(memory_mib=30), "2"),
        (Limits(memory_mib=30, texts_per_s=4001), "1"),
        (Limits(accuracy=0.97), "4"),
    ],
)
def test_the_most_accurate_within_the_limits_and_of_equals_the_fastest(limits: Limits, version: str) -> None:
    found = suggest(ALL, limits)
    assert found is not None and found.version == version


def test_where_none_keeps_the_limits_each_says_which_it_breaks() -> None:
    limits = Limits(accuracy=0.965, p99_ms=5, memory_mib=10)
    assert suggest(ALL, limits) is None
    assert broken(LARGE, limits) == ["p99 of 9 ms, at most 5", "120 MiB of memory, at most 10"]
    assert broken(SMALL, limits) == ["accuracy 0.9500 of at least 0.965"]

"""`beckon models bench`: which model should I take, answered by measuring all of them here."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from schemas.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from models_onnx.choice import Limits, Measured


def register(models: typer.Typer) -> None:
    """Add the command to `beckon models`."""
    models.command("bench")(bench)


def bench(
    names: Annotated[list[str], typer.Argument(help="Names of models, for instance tags.")],
    models: Annotated[Path, typer.Option("--dir", help="Folder of NAME/VERSION/.")] = Path("models"),
    version: Annotated[list[str] | None, typer.Option(help="Only this one; repeat it. Default: all.")] = None,
    min_accuracy: Annotated[float | None, typer.Option(help="0 to 1, on held-out texts.")] = None,
    min_texts_per_s: Annotated[float | None, typer.Option(help="Texts that no cache knows.")] = None,
    max_p99_ms: Annotated[float | None, typer.Option(help="For one text.")] = None,
    max_memory_mib: Annotated[float | None, typer.Option(help="Besides the process.")] = None,
    seconds: Annotated[float, typer.Option(min=0.05, max=600, help="For each of three phases.")] = 2.0,
    provider: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure every version in every precision: quality by its card, texts/s, latency, memory, size; suggest one."""
    from models_onnx import registry
    from models_onnx.choice import Limits
    from streams.commands.models import provider_of

    chosen = [(name, one) for name in names for one in version or registry.versions(models, name)]
    if not chosen:
        known = "`beckon models list` shows what there is"
        raise SettingsError("NAMES", f"there is no such model in {models}", known)
    where = provider_of(provider)
    found = [
        _measured(models, name, one, (where, kind), seconds)
        for name, one in chosen
        for kind in _precisions(models, name, one, where)
    ]
    if json:
        print(msgspec.json.encode(found).decode())
        return
    limits = Limits(min_accuracy, min_texts_per_s, max_p99_ms, max_memory_mib)
    for line in _table(found):
        print(line)
    for line in _advice(found, limits):
        print(line)


def _precisions(models: Path, name: str, version: str, provider: str) -> list[str]:
    """Return which graphs of a version are meant to run there: all in one precision and the smaller ones."""
    from models_onnx import card as cards
    from models_onnx import registry
    from models_onnx.precision import kinds_of

    folder = registry.version_folder(models, name, version)
    return kinds_of(cards.read(folder, str(folder))[0], provider)


def _measured(models: Path, name: str, version: str, where: tuple[str, str], seconds: float) -> "Measured":
    from models_onnx import card as cards
    from models_onnx import golden, registry
    from models_onnx.choice import Measured
    from models_onnx.measure import Order, Speed
    from models_onnx.precision import graph_of

    folder = registry.version_folder(models, name, version)
    card, _ = cards.read(folder, str(folder))
    raw = cards.read_bounded(
        folder / cards.GOLDEN_FILE, cards.CARD_BYTES_MAX, f"{folder}/{cards.GOLDEN_FILE}"
    )
    texts = tuple(canary.text for canary in golden.decode(raw, card.labels, str(folder)))
    provider, precision = where
    order = Order(str(models), name, version, provider, precision, texts, seconds)
    done = subprocess.run(
        [sys.executable, "-m", "models_onnx.measure"],
        input=msgspec.json.encode(order),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ModelError(
            f"{folder}",
            f"cannot be measured ({said[-1] if said else 'it ended'})",
            "`beckon models verify` says more",
        )
    speed = msgspec.json.decode(done.stdout, type=Speed)
    one = graph_of(card, precision, provider, str(folder))
    size = card.files[one.graph].bytes
    return Measured(name, version, one.card.precision, one.quality, size, speed)


def _table(found: "Sequence[Measured]") -> Iterator[str]:
    head = (
        "model",
        "precision",
        "runs on",
        "accuracy",
        "texts/s",
        "p50 ms",
        "p99 ms",
        "32: p99 ms",
        "MiB",
        "file MB",
        "load s",
    )
    rows = [head]
    for one in found:
        speed = one.speed
        rows.append(
            (
                f"{one.name} {one.version}",
                one.precision,
                speed.provider,
                f"{one.quality.accuracy:.4f}",
                f"{speed.texts_per_s:,.0f}",
                f"{speed.p50_ms:.2f}",
                f"{speed.p99_ms:.2f}",
                f"{speed.rush_p99_ms:.2f}",
                f"{speed.memory_mib:.0f}",
                f"{one.bytes / 1e6:.1f}",
                f"{speed.load_s:.2f}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))


def _advice(found: "Sequence[Measured]", limits: "Limits") -> Iterator[str]:
    from models_onnx.choice import broken, suggest

    for one in found:
        for reason in broken(one, limits):
            yield f"{one.name} {one.version}, {one.precision}: {reason}"
    best = suggest(found, limits)
    if best is None:
        yield "none keeps all limits"
    else:
        yield f"take {best.name} {best.version} in {best.precision}: the most accurate that keeps the limits"

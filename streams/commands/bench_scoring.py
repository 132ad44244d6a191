"""`beckon bench scoring`: texts per second of one model, beside PyTorch and sentence-transformers."""

from pathlib import Path
from typing import Annotated

import typer

SIZES = ("tiny", "mini", "minilm")


def register(bench: typer.Typer) -> None:
    """Add the command to `beckon bench`."""
    bench.command("scoring")(scoring)


def scoring(
    size: Annotated[
        str, typer.Option(help="tiny, mini or minilm (all-MiniLM-L6-v2's shape), with weights from a seed.")
    ] = "minilm",
    base: Annotated[str | None, typer.Option(help="A folder of Transformers: its weights instead.")] = None,
    provider: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    runs: Annotated[int, typer.Option(min=1, max=100, help="Rounds, in which all engines take turns.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.05, max=600, help="Per engine and batch size.")] = 3.0,
    json: Annotated[Path | None, typer.Option(help="Write all figures here as JSON.")] = None,
) -> None:
    """Measure texts per second and latency, as ratios and as a share of the machine's matrix product."""
    import msgspec

    from models_onnx.extra import require_train_extra
    from models_onnx.provider import cuda_is_here
    from schemas.errors import InputError, SettingsError

    if size not in SIZES:
        raise SettingsError("--size", f"`{size}` is none", f"say {', '.join(SIZES)}")
    if provider not in {"cpu", "cuda"}:
        raise SettingsError("--provider", f"`{provider}` is none", "say cpu or cuda")
    if provider == "cuda" and not cuda_is_here():
        raise SettingsError("--provider", "is cuda: no GPU here", "see docs/gpu.md, or say cpu")
    require_train_extra()
    try:
        from benchmarks import scoring
    except ImportError:
        raise InputError(
            "benchmarks", "are not part of this installation", "run it from a checkout"
        ) from None
    request = scoring.Request(size, base, provider, runs, seconds)
    found = scoring.run(request, lambda line: typer.echo(f"beckon: {line}", err=True))
    typer.echo(scoring.table(found))
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")

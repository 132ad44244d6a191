"""`beckon bench`: how fast Beckon is on this machine, beside others on the same job."""

from pathlib import Path
from typing import Annotated

import typer

_EVENTS = 300_000
_SLOW_EVENTS = 40_000


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    bench = typer.Typer(help="Measure Beckon on this machine, beside its rivals.", no_args_is_help=True)
    app.add_typer(bench, name="bench")
    bench.command("throughput")(throughput)


def throughput(
    job: Annotated[str, typer.Option(help="peer: small profiles; full: a shop's visits.")] = "peer",
    events: Annotated[int, typer.Option(min=2000, help="Events per run.")] = _EVENTS,
    slow_events: Annotated[
        int,
        typer.Option(
            min=500, help="Events per run of stock Faust and of the cold model: the first of these."
        ),
    ] = _SLOW_EVENTS,
    runs: Annotated[int, typer.Option(min=1, max=100, help="Rounds, in which all engines take turns.")] = 3,
    kafka: Annotated[
        str | None, typer.Option(help="A broker on this machine, host:port; without it one is started.")
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option(help="stock, worker, worker_cold, replay; repeat it. Default: all.")
    ] = None,
    models: Annotated[Path, typer.Option(help="Folder of models; its `tags` is the one.")] = Path("models"),
    no_stock: Annotated[bool, typer.Option("--no-stock", help="Without stock Faust, and ratios.")] = False,
    json: Annotated[Path | None, typer.Option(help="Write all figures here as JSON.")] = None,
) -> None:
    """Measure events per second: stock Faust, the worker without and with a cold model, replay.

    Every engine runs alone on one core, the broker on another. A slow result is no failure, a wrong one is.
    """
    from schemas.errors import InputError, SettingsError

    try:
        import benchmarks  # noqa: F401  not part of an installed package
    except ImportError:
        raise InputError(
            "benchmarks", "are not part of this installation", "run it from a checkout"
        ) from None
    import msgspec

    from benchmarks import report, throughput
    from benchmarks.engines import ENGINES, STOCK
    from benchmarks.events import Job

    if job not in list(Job):
        raise SettingsError("--job", f"{job} is none", f"choose from {', '.join(Job)}")
    if json is not None:  # said now, not after minutes of measuring
        try:
            json.touch()
        except OSError as error:
            problem = f"cannot be written ({error.strerror})"
            raise InputError(str(json), problem, "give --json another file") from None
    names = [name for name in engine or [one.name for one in ENGINES] if not (no_stock and name == STOCK)]
    request = throughput.Request(Job(job), events, min(slow_events, events), runs, kafka, names, models)
    found = throughput.run(request, lambda line: typer.echo(f"beckon: {line}", err=True))
    typer.echo(report.table(found))
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")

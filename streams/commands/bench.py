"""`beckon bench`: how fast Beckon is on this machine, beside others on the same job."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.commands import bench_scoring

if TYPE_CHECKING:
    from benchmarks.throughput import Say

_EVENTS = {"peer": 1_000_000, "full": 200_000}
_SLOW_EVENTS = 40_000
_SHARES = (0.25, 0.5, 0.75)
_KAFKA = typer.Option(help="A broker on this machine, host:port; without it one is started.")
_MODELS = typer.Option(help="Folder of models; its `tags` is the one.")
_JSON = typer.Option(help="Write all figures here as JSON.")
_PLOT = typer.Option(help="Draw the figures: a .svg or .png file.")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    bench = typer.Typer(help="Measure Beckon on this machine, beside its rivals.", no_args_is_help=True)
    app.add_typer(bench, name="bench")
    for command in (throughput, latency, recovery, memory, growth, texts):
        bench.command()(command)
    bench_scoring.register(bench)


def throughput(
    job: Annotated[str, typer.Option(help="peer: small profiles; full: a shop's visits.")] = "peer",
    events: Annotated[
        int | None, typer.Option(min=2000, help="Events per run (1,000,000; full job 200,000).")
    ] = None,
    slow_events: Annotated[
        int,
        typer.Option(min=500, help="Events per run of stock Faust and of the model: the first of these."),
    ] = _SLOW_EVENTS,
    runs: Annotated[int, typer.Option(min=1, max=100, help="Rounds, in which all engines take turns.")] = 5,
    kafka: Annotated[str | None, _KAFKA] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            help="stock, kafka_streams, kafka_streams_eos, worker, worker_plain, worker_model, replay; repeat it."
        ),
    ] = None,
    models: Annotated[Path, _MODELS] = Path("models"),
    no_stock: Annotated[bool, typer.Option("--no-stock", help="Without stock Faust, and its ratio.")] = False,
    uniform: Annotated[bool, typer.Option("--uniform", help="Peer job: all shoppers equally busy.")] = False,
    promotions: Annotated[
        int, typer.Option(help="Peer job: percent of events that bring one: 0, 2, 10.")
    ] = 2,
    json: Annotated[Path | None, _JSON] = None,
    plot: Annotated[Path | None, _PLOT] = None,
) -> None:
    """Measure events per second: the worker beside stock Faust, Kafka Streams and replay.

    Every engine runs alone on one core, the broker on another. A slow result is no failure, a wrong one is.
    """
    from schemas.errors import SettingsError

    _need_benchmarks()
    from benchmarks import plots, report, throughput
    from benchmarks.engines import STOCK, USUAL
    from benchmarks.events import SKEW, Job, Load
    from benchmarks.promoting import rule_of

    if job not in list(Job):
        raise SettingsError("--job", f"{job} is none", f"choose from {', '.join(Job)}")
    rule_of(promotions)
    _need_writable(json, "--json")
    _need_writable(plot, "--plot")
    count = events or _EVENTS[job]
    load = Load(Job(job), count, skew=0.0 if uniform else SKEW, promotions=promotions)
    names = [name for name in engine or USUAL if not (no_stock and name == STOCK)]
    request = throughput.Request(load, min(slow_events, count), runs, kafka, names, models)
    found = throughput.run(request, _say())
    typer.echo(report.table(found))
    _write(json, found)
    if plot is not None:
        plots.throughput(found, plot)


def latency(
    rate_max: Annotated[
        float | None, typer.Option(min=100, help="Events/s that are 100 %; without it they are measured.")
    ] = None,
    share: Annotated[
        list[float] | None,
        typer.Option(min=0.01, help="A load, in shares of it (0.25, 0.5, 0.75); repeat it."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds per load that count.")] = 20.0,
    warm_s: Annotated[float, typer.Option(min=0, help="Seconds per load before, that do not.")] = 3.0,
    measure_events: Annotated[int, typer.Option(min=2000, help="Events that measure the maximum.")] = 200_000,
    no_model: Annotated[bool, typer.Option("--no-model", help="Take categories as tags.")] = False,
    kafka: Annotated[str | None, _KAFKA] = None,
    models: Annotated[Path, _MODELS] = Path("models"),
    json: Annotated[Path | None, _JSON] = None,
) -> None:
    """Measure milliseconds from event to promotion at 25, 50 and 75 % of the maximum, beside a bare relay."""
    from schemas.errors import InputError

    _need_benchmarks()
    from benchmarks import latency
    from benchmarks.beckon_worker import TAG_MODEL, model_missing

    _need_writable(json, "--json")
    why = "" if no_model else model_missing(models)
    if why:
        raise InputError("--models", why, "give a folder of models, or --no-model")
    request = latency.Request(
        rate_max,
        share or _SHARES,
        seconds,
        warm_s,
        measure_events,
        kafka,
        models,
        "" if no_model else TAG_MODEL,
    )
    found = latency.run(request, _say())
    typer.echo(latency.table(found))
    _write(json, found)


def recovery(
    profiles: Annotated[int, typer.Option(min=2, help="Profiles of 1 kB in the changelog.")] = 1_000_000,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of every topic.")] = 12,
    runs: Annotated[int, typer.Option(min=1, help="How often.")] = 1,
    session_s: Annotated[
        float, typer.Option(min=1, help="Seconds until the group gives up the killed worker.")
    ] = 10.0,
    kafka: Annotated[str | None, _KAFKA] = None,
    json: Annotated[Path | None, _JSON] = None,
) -> None:
    """Kill a worker with -9 and measure the seconds until its successor's first decision."""
    _need_benchmarks()
    from benchmarks import recovery

    _need_writable(json, "--json")
    found = recovery.run(recovery.Request(profiles, partitions, runs, session_s, kafka), _say())
    typer.echo(recovery.table(found))
    _write(json, found)


def memory(
    profiles: Annotated[int, typer.Option(min=10, help="Profiles per kind.")] = 2_000,
    json: Annotated[Path | None, _JSON] = None,
) -> None:
    """Measure bytes per profile, at rest and in memory, by how much a shopper did."""
    _need_benchmarks()
    from benchmarks import memory

    _need_writable(json, "--json")
    found = memory.run(profiles)
    typer.echo(memory.table(found))
    _write(json, found)


def growth(
    axis: Annotated[str, typer.Option(help="shoppers, campaigns, partitions or processes.")] = "shoppers",
    point: Annotated[list[int] | None, typer.Option(min=1, help="A point of the axis; repeat it.")] = None,
    events: Annotated[int, typer.Option(min=2000, help="Events per run.")] = 300_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs per point.")] = 3,
    kafka: Annotated[str | None, _KAFKA] = None,
    json: Annotated[Path | None, _JSON] = None,
    plot: Annotated[Path | None, _PLOT] = None,
) -> None:
    """Measure how the worker's rate changes along one axis; processes may be 1 and 2."""
    from schemas.errors import SettingsError

    _need_benchmarks()
    from benchmarks import growth, plots
    from benchmarks.engines import PROCESSES

    if axis not in growth.AXES:
        raise SettingsError("--axis", f"{axis} is none", f"choose from {', '.join(growth.AXES)}")
    if axis == "processes" and set(point or ()) - set(PROCESSES):
        raise SettingsError("--point", "asks for more than two processes", "give 1 and 2")
    _need_writable(json, "--json")
    _need_writable(plot, "--plot")
    found = growth.run(growth.Asked(axis, point, events, runs, kafka), _say())
    typer.echo(growth.table(found))
    _write(json, found)
    if plot is not None:
        xs = [one.at for one in found.points]
        cpu = ("per CPU second", xs, [one.events_per_cpu_second for one in found.points])
        wall = ("on the wall", xs, [one.events_per_s for one in found.points])
        plots.lines(plot, axis, "events per second", [cpu, wall], logarithmic=max(xs) > 50)


def texts(
    events: Annotated[int, typer.Option(min=2000, help="Events per run.")] = 200_000,
    slow_events: Annotated[int, typer.Option(min=500, help="Events per run of unseen texts only.")] = 40_000,
    runs: Annotated[int, typer.Option(min=1, help="Rounds per case.")] = 3,
    kafka: Annotated[str | None, _KAFKA] = None,
    models: Annotated[Path, _MODELS] = Path("models"),
    json: Annotated[Path | None, _JSON] = None,
) -> None:
    """Measure the worker with its model, by the share of texts that it has not seen before."""
    from schemas.errors import InputError

    _need_benchmarks()
    from benchmarks import texts
    from benchmarks.beckon_worker import model_missing

    if why := model_missing(models):
        raise InputError("--models", why, "give a folder of models")
    _need_writable(json, "--json")
    found = texts.run(texts.Asked(events, slow_events, runs, kafka, models), _say())
    typer.echo(texts.table(found))
    _write(json, found)


def _need_benchmarks() -> None:
    """Raise `InputError` unless this is a checkout: benchmarks are not part of an installed package."""
    from schemas.errors import InputError

    try:
        import benchmarks  # noqa: F401  not part of an installed package
    except ImportError:
        raise InputError(
            "benchmarks", "are not part of this installation", "run it from a checkout"
        ) from None


def _need_writable(file: Path | None, flag: str) -> None:
    """Raise `InputError` for a file that cannot be written: now, not after minutes of measuring."""
    from schemas.errors import InputError

    if file is None:
        return
    try:
        file.touch()
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise InputError(str(file), problem, f"give {flag} another file") from None


def _say() -> "Say":
    return lambda line: typer.echo(f"beckon: {line}", err=True)


def _write(file: Path | None, found: object) -> None:
    import msgspec

    if file is not None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")

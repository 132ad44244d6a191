"""`beckon demo`: the whole way in one terminal, without Kafka, Java, PyTorch or Redis to install."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("demo")(demo)


def demo(
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long the shop is open.")] = 60.0,
    rate: Annotated[float, typer.Option(min=1, max=20_000, help="Events per second.")] = 200.0,
    shoppers: Annotated[int, typer.Option(min=1, max=100_000, help="How many shoppers there are.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other shoppers.")] = 1,
    campaigns: Annotated[
        Path | None, typer.Option(help="Campaign file (default: examples/campaigns.yaml).")
    ] = None,
    models: Annotated[Path | None, typer.Option(help="Folder with the tag model (default: models).")] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Train the tag model first (needs beckon[train]).")
    ] = False,
) -> None:
    """Run a simulated shop through a worker on an embedded broker and watch promotions come out, live."""
    from rich.console import Console

    from streams.demo.closing import is_even, print_summary
    from streams.demo.plan import CAMPAIGNS, MODELS, Options
    from streams.demo.run import Demo
    from streams.demo.worker_process import DemoError

    console = Console()
    folder = Path(".beckon") / "demo"
    if train:
        from streams.commands.train import tags

        models = folder / "models"
        tags(out=models)
    options = Options(seconds, rate, shoppers, seed, campaigns or CAMPAIGNS, models or MODELS, folder)
    run = Demo(options, console)
    summary = run.run()
    if summary is None:
        typer.echo("stopped before the shop opened")
        raise typer.Exit(1)
    print_summary(console, summary, folder, run.why)
    if not is_even(summary):
        problem = f"{summary['produced']} are not {summary['applied']} applied + {summary['dead_lettered']} dead-lettered"
        raise DemoError("produced events", problem, f"the worker's log is {options.log}")

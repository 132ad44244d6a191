"""`beckon stack`: everything on this machine, without containers, until Ctrl-C."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.stack.plan import Running

FOLDER = Path(".beckon") / "stack"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("stack")(stack)


def stack(
    rate: Annotated[float, typer.Option(min=1, max=20_000, help="Events per second of the shop.")] = 50.0,
    shoppers: Annotated[int, typer.Option(min=1, max=100_000, help="How many shoppers there are.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other shoppers.")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=4, help="They share four partitions.")] = 1,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop by itself after so long (default: at Ctrl-C).")
    ] = None,
    campaigns: Annotated[
        Path | None, typer.Option(help="Campaign file (default: examples/campaigns.yaml).")
    ] = None,
) -> None:
    """Start Kafka, Redis, Prometheus, workers, the mirror and a simulated shop as processes of this machine.

    Says where each is and ends all of them at Ctrl-C. Everything begins empty; settings and logs are in
    .beckon/stack. Needs Java and Maven (for Kafka), redis-server and prometheus; `make stack` brings what it can.
    """
    from streams.demo.plan import CAMPAIGNS, read_campaigns
    from streams.stack.plan import Options
    from streams.stack.run import Stack

    file = campaigns or CAMPAIGNS
    read_campaigns(file)
    typer.echo("starting: some ten seconds; the very first time longer, for Kafka is fetched then", err=True)
    options = Options(rate, shoppers, seed, workers, seconds, file, FOLDER)
    came_up = Stack(options, lambda running: _show(running, options.shoppers, seed)).run()
    typer.echo("stopped, all of it" if came_up else "stopped before all was up")


def _show(running: "Running", shoppers: int, seed: int) -> None:
    from streams.demo.closing import command
    from streams.simulator import Shop

    for part in running.parts:
        address = f"feeds {part.address}" if part.name == "shop" else part.address
        typer.echo(f"{part.name:<11} {address:<34} process {part.pid}")
    known = next((one.id for one in Shop(seed, shoppers, 0).shoppers if one.known), "SHOPPER")
    config = f"--config {running.settings}"
    typer.echo(f"settings    {running.settings}; the logs lie beside it")
    typer.echo("")
    typer.echo("Look at Prometheus's own pages /alerts, /targets and /graph, or ask:")
    typer.echo(f"  {command()} profile {known} --redis {config}")
    typer.echo(f"  {command()} why --user {known} --kafka {config}")
    typer.echo(f"  {command()} check {config}")
    typer.echo("Ctrl-C ends all of it.")

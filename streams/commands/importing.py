"""`beckon import`: histories and other trackers' events as Segment-style events."""

from pathlib import Path
from typing import Annotated

import typer

from streams.commands.importing_more import register_more


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    importing = typer.Typer(help="Turn histories and other trackers' events into ours.", no_args_is_help=True)
    app.add_typer(importing, name="import")

    @importing.callback()
    def group() -> None:
        """Turn histories and other trackers' events into ours."""

    importing.command("online-retail")(online_retail)
    register_more(importing)


def online_retail(
    files: Annotated[list[Path], typer.Argument(help="The CSV, plain, .gz, .xz or .zst; several are one.")],
    out: Annotated[Path, typer.Option(help="Folder for purchases.jsonl and report.json.")],
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Import UCI Online Retail: one Order Completed per invoice, one Order Refunded per cancelled one."""
    from streams.importers import online_retail as importer

    report = importer.import_online_retail(files, out)
    if json:
        print(importer.report_json(report).decode(), end="")
        return
    print(report.page())
    print(f"\nwritten to {out / importer.EVENTS}; its amounts are in {importer.CURRENCY}, so replay it with")
    print(f"  BECKON_SHOP_CURRENCY={importer.CURRENCY} beckon replay {out / importer.EVENTS} --out FOLDER")

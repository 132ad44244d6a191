"""`beckon import rees46 | complete-journey | csv | snowplow | ga4`: more histories as Segment-style events."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.commands.common import CONFIG_HELP, settings_from

if TYPE_CHECKING:
    from schemas.decode import Border
    from streams.importers.folder import Report
    from streams.importers.trackers import Read

_Files = Annotated[list[Path], typer.Argument(help="Plain, .gz, .xz or .zst; several are one.")]
_Out = Annotated[Path, typer.Option(help="Folder for a file of events per topic and report.json.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
_Currency = Annotated[str, typer.Option(help="Currency of the prices; the data names none.")]
_Config = Annotated[Path | None, typer.Option(help=CONFIG_HELP)]
_NoLink = Annotated[
    bool,
    typer.Option("--no-link", help="Do not take the first hit with a user and a device as an `identify`."),
]


def register_more(importing: typer.Typer) -> None:
    """Add the commands to `beckon import`."""
    importing.command("rees46")(rees46)
    importing.command("complete-journey")(complete_journey)
    importing.command("csv")(csv)
    importing.command("snowplow")(snowplow)
    importing.command("ga4")(ga4)


def rees46(files: _Files, out: _Out, currency: _Currency = "USD", json: _Json = False) -> None:
    """Import REES46 event history: views, carts, purchases."""
    from schemas.decode import Border
    from streams.importers.rees46 import import_rees46

    _show(import_rees46(files, out, Border(currency), currency), out, currency, json)


def complete_journey(
    folder: Annotated[Path, typer.Argument(help="Folder with transactions*.csv and the other tables.")],
    out: _Out,
    json: _Json = False,
) -> None:
    """Import Complete Journey: one Order Completed per basket, one Coupon Applied per redemption."""
    from schemas.decode import Border
    from streams.importers.complete_journey import CURRENCY, import_complete_journey

    _show(import_complete_journey(folder, out, Border(CURRENCY)), out, CURRENCY, json)


def csv(
    files: _Files,
    mapping: Annotated[Path, typer.Option(help="TOML or YAML: which column is which field.")],
    out: _Out,
    leave_out_bad: Annotated[
        bool, typer.Option("--leave-out-bad", help="Leave out and count lines that are against a rule.")
    ] = False,
    json: _Json = False,
    config: _Config = None,
) -> None:
    """Import any CSV of events or order lines, by a mapping file; examples/imports has some."""
    from streams.importers.csv_file import OnBadLine, import_csv
    from streams.importers.csv_mapping import load_mapping

    on_bad = OnBadLine.LEAVE_OUT if leave_out_bad else OnBadLine.STOP
    border = _border(config)
    report = import_csv(files, out, load_mapping(mapping), str(mapping), border, on_bad)
    _show(report, out, border.money.base, json)


def snowplow(
    files: _Files, out: _Out, no_link: _NoLink = False, json: _Json = False, config: _Config = None
) -> None:
    """Import Snowplow e-commerce events: JSON lines, enriched, self-describing or as trackers post them."""
    from schemas.adapters.snowplow import read

    _records(files, out, read, no_link, json, config)


def ga4(
    files: _Files, out: _Out, no_link: _NoLink = False, json: _Json = False, config: _Config = None
) -> None:
    """Import GA4 e-commerce events: JSON lines of the BigQuery export or of Measurement Protocol bodies."""
    from schemas.adapters.ga4 import read

    _records(files, out, read, no_link, json, config)


def _records(
    files: list[Path], out: Path, read: "Read", no_link: bool, json: bool, config: Path | None
) -> None:
    from streams.importers.trackers import Links, import_records

    border = _border(config)
    links = Links.LEAVE if no_link else Links.IDENTIFY
    _show(import_records(files, out, read, border, links), out, border.money.base, json)


def _border(config: Path | None) -> "Border":
    from schemas.decode import Border

    shop = settings_from(config).shop
    return Border(shop.currency, shop.currency_rates, shop.traits)


def _show(report: "Report", out: Path, currency: str, json: bool) -> None:
    from streams.importers.folder import EVENT_FILES, REJECTED

    if json:
        print(report.json().decode(), end="")
        return
    print(report.page())
    if report.dead_letters:
        print(f"\ndead letters are in {out / REJECTED}")
    files = " ".join(str(out / name) for name in EVENT_FILES if (out / name).exists())
    if files:
        print(f"\nwritten to {out}; amounts are in {currency}, so replay it with")
        print(f"  BECKON_SHOP_CURRENCY={currency} beckon replay {files} --out FOLDER")

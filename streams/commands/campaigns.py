"""`beckon campaigns`: is a campaign file right, field by field."""

from pathlib import Path
from typing import Annotated

import typer

from streams.commands.common import CONFIG_HELP, settings_from


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    campaigns = typer.Typer(help="Check campaign files.", no_args_is_help=True)
    app.add_typer(campaigns, name="campaigns")

    @campaigns.callback()
    def group() -> None:
        """Check campaign files."""

    campaigns.command("check")(check)


def check(
    file: Annotated[Path | None, typer.Argument(help="Campaign file (YAML).")] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema for editors instead.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Say that a campaign file is right, or the first field that is not."""
    from processors.campaigns import compile_campaigns
    from schemas.campaign_file import digest_of
    from schemas.errors import SettingsError
    from streams.parts import policy_of, read_campaigns

    if schema:
        from schemas import contract

        print(contract.render(contract.campaigns()), end="")
        return
    if file is None:
        raise SettingsError("FILE", "is missing", "give a campaign file, or --schema")
    settings = settings_from(config)
    found = read_campaigns("FILE", str(file))
    base, stated = settings.shop.currency.upper(), (found.shop.currency or settings.shop.currency).upper()
    compile_campaigns(found, policy_of(settings.profile), stated)
    live = sum(len(campaign.triggers) for campaign in found.campaigns)
    print(
        f"{file}: OK, {_count(len(found.campaigns), 'campaign')}, {_count(live, 'trigger')}, {digest_of(found)}"
    )
    if stated != base:
        # The file is right; that a worker would refuse it is a matter of the worker's settings.
        note = f"shop.currency is {stated}, the settings here say {base}: set BECKON_SHOP_CURRENCY={stated} to use it"
        typer.echo(f"beckon: {note}", err=True)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"

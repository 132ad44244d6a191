"""`beckon campaigns`: is a campaign file right, what would it do, and what do the workers hold."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streams.commands import campaign_topic
from streams.commands.common import CONFIG_HELP, settings_from

if TYPE_CHECKING:
    from processors.lint import Finding
    from schemas.campaigns import CampaignFile
    from streams.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    campaigns = typer.Typer(help="Check, plan and apply campaign files.", no_args_is_help=True)
    app.add_typer(campaigns, name="campaigns")

    @campaigns.callback()
    def group() -> None:
        """Check, plan and apply campaign files."""

    campaigns.command("check")(check)
    campaigns.command("plan")(plan)
    campaign_topic.register(campaigns)


def check(
    file: Annotated[Path | None, typer.Argument(help="Campaign file (YAML).")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 for a campaign that can never fire or always loses.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema for editors instead.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Say that a campaign file is right, or the first field that is not; and what is right but hardly meant."""
    from schemas.campaign_file import digest_of
    from schemas.errors import SettingsError
    from streams.pages import printable
    from streams.parts import read_campaigns

    if schema:
        from schemas import contract

        print(contract.render(contract.campaigns()), end="")
        return
    if file is None:
        raise SettingsError("FILE", "is missing", "give a campaign file, or --schema")
    settings = settings_from(config)
    found = read_campaigns("FILE", str(file))
    base, stated = settings.shop.currency.upper(), (found.shop.currency or settings.shop.currency).upper()
    findings = findings_of(found, settings, stated)
    live = sum(len(campaign.triggers) for campaign in found.campaigns)
    print(
        f"{file}: OK, {_count(len(found.campaigns), 'campaign')}, {_count(live, 'trigger')}, {digest_of(found)}"
    )
    for finding in findings:
        print(f"{'note' if finding.is_note else 'warning'}: {printable(finding.line())}")
    if stated != base:
        # The file is right; that a worker would refuse it is a matter of the worker's settings.
        note = f"shop.currency is {stated}, the settings here say {base}: set BECKON_SHOP_CURRENCY={stated} to use it"
        typer.echo(f"beckon: {note}", err=True)
    if strict and not all(finding.is_note for finding in findings):
        raise typer.Exit(1)


def plan(
    file: Annotated[Path, typer.Argument(help="Campaign file (YAML).")],
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[EVENTS]...", help="More files after --events.")
    ] = None,
    events: Annotated[
        list[Path] | None, typer.Option(help="Event files to try it on: `--events data/*.jsonl`.")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Campaign file to compare with.")] = None,
    kafka: Annotated[bool, typer.Option("--kafka", help="Compare with what the topic holds.")] = False,
    models: Annotated[
        Path | None, typer.Option(help="Folder of models; without it a product's category is its tag.")
    ] = None,
    tags: Annotated[Literal["model", "category"] | None, typer.Option(help="Where tags come from.")] = None,
    catalog: Annotated[Path | None, typer.Option(help="JSON lines of products: titles, stock.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Say what a file would do over given events: offers, cost, reach and what stops it, beside another file."""
    from schemas.errors import SettingsError
    from streams import parts
    from streams.commands.replay import progress
    from streams.plan import changes, effects_of
    from streams.plan_page import plan_json, plan_page

    files = [*(events or []), *(more or [])]
    if not files:
        raise SettingsError("--events", "is missing", "give event files to try it on")
    if against is not None and kafka:
        raise SettingsError("--kafka", "and --against are two files", "give one of them")
    flags = {"campaigns.catalog": catalog and str(catalog), "models.dir": models and str(models)}
    settings = settings_from(config, flags | {"campaigns.file": ""})
    new, old = parts.read_campaigns("FILE", str(file)), _other(settings, against, kafka)
    policy = parts.policy_of(settings.profile)
    ready = [parts.compiled(each, settings, policy) for each in (new, old) if each is not None]
    built = parts.build(settings, tags=tags or ("model" if models is not None else "category"))
    wall_ms = time.time_ns() // 1_000_000
    with progress() as show:
        effects = [effects_of(files, built, campaigns, show, wall_ms) for campaigns in ready]
    before = effects[1] if old is not None else None
    found = list(changes(old, new)) if old is not None else []
    if json:
        print(plan_json(effects[0], before, found))
    else:
        print(plan_page(effects[0], before, found, settings.shop.currency.upper()), end="")


def findings_of(file: "CampaignFile", settings: "Settings", currency: str) -> "list[Finding]":
    """Return what is odd about a file; raise `CampaignError` where it contradicts the settings."""
    from processors.campaigns import compile_campaigns
    from processors.lint import lint
    from streams.parts import policy_of

    compiled = compile_campaigns(file, policy_of(settings.profile), currency)
    return lint(file, compiled, settings.shop.traits, time.time_ns() // 1_000_000)


def _other(settings: "Settings", against: Path | None, kafka: bool) -> "CampaignFile | None":
    from streams.parts import read_campaigns

    if against is not None:
        return read_campaigns("--against", str(against))
    if kafka:
        from streams.campaign_topic import EMPTY, read

        return read(settings.kafka, settings.topics.prefix) or EMPTY
    return None


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"

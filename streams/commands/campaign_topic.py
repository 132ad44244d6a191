"""`beckon campaigns apply`, `pause`, `resume` and `show`: what the workers hold, in the compacted topic."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.commands.common import CONFIG_HELP, settings_from

if TYPE_CHECKING:
    from schemas.campaigns import CampaignFile
    from streams.campaign_topic import Writer
    from streams.settings import Settings

_ID_HELP = "The id of a campaign."


def register(campaigns: typer.Typer) -> None:
    """Add the commands to the group."""
    campaigns.command("apply")(apply)
    campaigns.command("pause")(pause)
    campaigns.command("resume")(resume)
    campaigns.command("show")(show)


def apply(
    file: Annotated[Path, typer.Argument(help="Campaign file (YAML).")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Make a file what the workers decide by: they switch to it within seconds, all at once.

    What is paused stays paused. Campaigns that the file does not have any more are removed.
    """
    from schemas.campaign_file import digest_of
    from streams.commands.campaigns import findings_of
    from streams.pages import printable
    from streams.parts import read_campaigns
    from streams.plan import changes

    settings = settings_from(config)
    wanted = read_campaigns("FILE", str(file))
    findings = findings_of(wanted, settings, settings.shop.currency)
    writer = _writer(settings)
    wanted, kept = _with_pauses(wanted, writer.before)
    for change in changes(writer.before, wanted):
        print(printable(change.line()))
    for campaign_id in kept:
        print(printable(f"paused   {campaign_id}: stays so, `beckon campaigns resume` ends it"))
    for finding in findings:
        if not finding.is_note:
            typer.echo(f"warning: {printable(finding.line())}", err=True)
    if dry_run:
        print(f"nothing was written; it would be {digest_of(wanted)}")
        return
    written = writer.write(wanted)
    what = f"applied, {len(written)} records written" if written else "nothing to change"
    print(f"{what}: {len(wanted.campaigns)} campaigns, {digest_of(wanted)}")


def pause(
    campaign_id: Annotated[str, typer.Argument(metavar="ID", help=_ID_HELP)],
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Stop a campaign now; its caps and counts stay, and `apply` does not start it again."""
    _set_paused(settings_from(config), campaign_id, "paused")


def resume(
    campaign_id: Annotated[str, typer.Argument(metavar="ID", help=_ID_HELP)],
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Start a paused campaign again."""
    _set_paused(settings_from(config), campaign_id, "resumed")


def show(
    campaign_id: Annotated[str | None, typer.Argument(metavar="[ID]", help=_ID_HELP)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Print the campaigns that the workers hold, as a file that can be edited and applied."""
    import msgspec

    from schemas.campaign_file import digest_of
    from streams.campaign_topic import EMPTY, read
    from streams.campaign_yaml import as_yaml

    settings = settings_from(config)
    file = read(settings.kafka, settings.topics.prefix) or EMPTY
    if campaign_id is not None:
        _find(file, campaign_id)
        only = tuple(campaign for campaign in file.campaigns if campaign.id == campaign_id)
        shown = msgspec.structs.replace(file, campaigns=only)
    else:
        shown = file
    if json:
        print(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
        return
    print(f"# {digest_of(file)} at {settings.kafka.servers}: {len(file.campaigns)} campaigns")
    print(as_yaml(shown), end="")


def _writer(settings: "Settings") -> "Writer":
    from streams.campaign_topic import Writer

    return Writer(settings.kafka, settings.topics.prefix)


def _with_pauses(wanted: "CampaignFile", before: "CampaignFile") -> "tuple[CampaignFile, list[str]]":
    """Return the file with what is paused now paused too, and the ids of those that it did not say so of."""
    import msgspec

    paused = {campaign.id for campaign in before.campaigns if campaign.paused}
    kept = [campaign.id for campaign in wanted.campaigns if campaign.id in paused and not campaign.paused]
    campaigns = tuple(
        msgspec.structs.replace(campaign, paused=True) if campaign.id in kept else campaign
        for campaign in wanted.campaigns
    )
    return msgspec.structs.replace(wanted, campaigns=campaigns), kept


def _set_paused(settings: "Settings", campaign_id: str, word: str) -> None:
    import msgspec

    from schemas.campaign_file import digest_of
    from streams.pages import printable

    writer, paused = _writer(settings), word == "paused"
    place = _find(writer.before, campaign_id)
    campaigns = list(writer.before.campaigns)
    if campaigns[place].paused is paused:
        print(printable(f"{campaign_id} is {'paused already' if paused else 'not paused'}"))
        return
    campaigns[place] = msgspec.structs.replace(campaigns[place], paused=paused)
    file = msgspec.structs.replace(writer.before, campaigns=tuple(campaigns))
    writer.write(file)
    print(printable(f"{campaign_id} is {word}: {digest_of(file)}"))


def _find(file: "CampaignFile", campaign_id: str) -> int:
    """Return the place of a campaign; raise `NotFoundError` that names those that are there."""
    from streams.archive import NotFoundError

    ids = [campaign.id for campaign in file.campaigns]
    if campaign_id not in ids:
        known = f"there is {', '.join(ids[:8])}" if ids else "run `beckon campaigns apply`"
        raise NotFoundError(f"campaign {campaign_id}", "is not in the topic", known)
    return ids.index(campaign_id)

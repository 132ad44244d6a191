"""`beckon profile`: what is known of a shopper."""

from pathlib import Path
from typing import Annotated

import typer

from streams.commands.common import CONFIG_HELP, FROM_HELP, KAFKA_HELP, archive_of


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("profile")(profile)


def profile(
    user: Annotated[str, typer.Argument(help="The shopper's userId, or anonymousId.")],
    folder: Annotated[Path | None, typer.Option("--from", help=FROM_HELP)] = None,
    kafka: Annotated[bool, typer.Option("--kafka", help=KAFKA_HELP)] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the line of profiles.jsonl as it is.")] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Print a shopper's interests, cart, visit, orders, offers and consent."""
    from msgspec import MsgspecError

    from schemas.errors import InputError
    from streams.pages import profile_page, read_profile

    archive, currency = archive_of(folder, kafka, config)
    raw = archive.profile(user)
    if raw is None:
        raise archive.nobody(user)
    if json:
        print(raw.decode())
        return
    try:
        line = read_profile(raw)
    except MsgspecError as error:
        raise InputError(
            archive.name, f"holds no profile of {user} ({error})", "run the replay again"
        ) from None
    print(
        profile_page(line, archive.decisions(user, lambda decision: decision.user_id == user), currency),
        end="",
    )

"""`beckon profile`: what is known of a shopper, and how many bytes that takes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from processors.words.languages import WORDS, Language
from streams.commands.common import (
    CONFIG_HELP,
    FROM_HELP,
    KAFKA_HELP,
    REDIS_HELP,
    archive_of,
    redis_archive_of,
)

if TYPE_CHECKING:
    from processors.words.shape import Words
    from streams.archive import Archive


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("profile")(profile)


def profile(
    user: Annotated[str | None, typer.Argument(help="The shopper's userId, or anonymousId.")] = None,
    folder: Annotated[Path | None, typer.Option("--from", help=FROM_HELP)] = None,
    kafka: Annotated[bool, typer.Option("--kafka", help=KAFKA_HELP)] = False,
    redis: Annotated[bool, typer.Option("--redis", help=REDIS_HELP)] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the line of profiles.jsonl as it is; of sizes, JSON.")
    ] = False,
    language: Annotated[Language, typer.Option(help="Of the page.")] = Language.EN,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="Bytes per field of all stored profiles instead; with --kafka.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Print a shopper's interests, cart, visit, orders, offers and consent."""
    from schemas.errors import SettingsError

    if (user is None) is not sizes:
        raise SettingsError("USER", "is wanted, or --sizes", "give one of the two")
    if sizes and not kafka:
        raise SettingsError(
            "--sizes", "needs --kafka", "a folder holds lines for people, not stored profiles"
        )
    archive, currency = (redis_archive_of if redis else archive_of)(folder, kafka, config)
    if user is None:
        _print_sizes(archive, json=json)
    elif json:
        print(_line(archive, user).decode())
    else:
        _print_page(archive, user, currency, WORDS[language])


def _line(archive: "Archive", user: str) -> bytes:
    raw = archive.profile(user)
    if raw is None:
        raise archive.nobody(user)
    return raw


def _print_page(archive: "Archive", user: str, currency: str, words: "Words") -> None:
    from msgspec import MsgspecError

    from schemas.errors import InputError
    from streams.pages import profile_page, read_profile
    from streams.redis_archive import RedisArchive

    try:
        line = read_profile(_line(archive, user))
    except MsgspecError as error:
        raise InputError(
            archive.name, f"holds no profile of {user} ({error})", "run the replay again"
        ) from None
    if isinstance(archive, RedisArchive):
        print(profile_page(line, [], currency, words, archive.inbox(user)), end="")
        return
    decisions = archive.decisions(user, lambda decision: decision.user_id == user)
    print(profile_page(line, decisions, currency, words), end="")


def _print_sizes(archive: "Archive", *, json: bool) -> None:
    import msgspec

    from streams.profile_sizes import measure, sizes_page
    from streams.topic_archive import TopicArchive

    assert isinstance(archive, TopicArchive), "--sizes is refused without --kafka"
    report = measure(archive.stored())
    if json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        print(sizes_page(report), end="")

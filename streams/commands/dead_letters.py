"""`beckon dead-letters`: look at what could not be used, mend it, send it again."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.commands.common import CONFIG_HELP, DEMO_FOLDER, FROM_HELP, KAFKA_HELP, settings_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.dead_letters import Letter, Sent

_REASON_HELP = "Only letters with this reason, such as bad_value."
_SHOWN_MAX = 100


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    letters = typer.Typer(help="Look at dead letters, mend them, send them again.", no_args_is_help=True)
    app.add_typer(letters, name="dead-letters")

    @letters.callback()
    def group() -> None:
        """Look at dead letters, mend them, send them again."""

    letters.command("list")(list_letters)
    letters.command("replay")(replay)


def list_letters(
    reason: Annotated[str | None, typer.Option(help=_REASON_HELP)] = None,
    limit: Annotated[int, typer.Option(min=0, help="Show so many, the newest.")] = 20,
    folder: Annotated[Path | None, typer.Option("--from", help=FROM_HELP)] = None,
    kafka: Annotated[bool, typer.Option("--kafka", help=KAFKA_HELP)] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write all of them here, one JSON object a line, to mend `value`.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON lines instead.")] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Show the newest dead letters with reason and field, and how many there are of each."""
    from collections import Counter
    from heapq import nlargest

    import msgspec

    from streams.dead_letters import write_letters

    wanted = reason_of(reason)
    counts: Counter[str] = Counter()

    def counted() -> "Iterator[Letter]":
        for letter in _letters(folder, kafka, config):
            if wanted is None or letter.reason == wanted:
                counts[f"{letter.reason} {letter.field}".rstrip()] += 1
                yield letter

    if out is not None:
        written = write_letters(out, counted())
        print(f"{written:,} letters written to {out}: mend `value`, then")
        print(f"  beckon dead-letters replay --input {out}")
        return
    newest = nlargest(limit, counted(), key=lambda letter: (letter.at, letter.offset))
    if json:
        for letter in reversed(newest):
            print(msgspec.json.encode(letter).decode())
        return
    for letter in reversed(newest):
        for line in _page(letter):
            print(line)
    for kind, count in counts.most_common():
        print(f"{count:>9,} {kind}")
    print(f"{counts.total():>9,} in all")


def replay(
    reason: Annotated[str | None, typer.Option(help=_REASON_HELP)] = None,
    source: Annotated[
        Path | None, typer.Option("--input", help="Mended letters, from `dead-letters list --out`.")
    ] = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="From the topic; so it is without --input, too.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write what could not be sent here.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")
    ] = False,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Send letters that are good events now to their topics again, under their shoppers' keys.

    The others stay where they are; exit code 1 if there are some. What is sent twice is applied once.
    """
    from schemas.decode import Border
    from schemas.errors import SettingsError
    from streams.dead_letters import KafkaPost, letters_on, read_letters, send_again, write_letters
    from streams.topic_reader import TopicReader

    wanted = reason_of(reason)
    if source is None and wanted is None:
        raise SettingsError("--reason", "is wanted, or --input", "say which letters to send again")
    if source is not None and kafka:
        raise SettingsError("--kafka", "and --input are two places", "give one of them")
    settings = settings_from(config)
    shop, prefix = settings.shop, settings.topics.prefix
    found = read_letters(source) if source is not None else letters_on(TopicReader(settings.kafka, prefix))
    letters = [letter for letter in found if wanted is None or letter.reason == wanted]
    border = Border(shop.currency, shop.currency_rates, shop.traits)
    post = _NoPost() if dry_run else KafkaPost(settings.kafka)
    result = send_again(letters, border, prefix, post, time.time_ns() // 1_000_000)
    if isinstance(post, KafkaPost):
        post.finish()
    if out is not None:
        write_letters(out, (kept.letter for kept in result.kept))
    for line in _result(result, "would be sent" if dry_run else "sent"):
        print(line)
    if result.kept:
        raise typer.Exit(1)


class _NoPost:
    """Sends nothing."""

    def put(self, topic: str, key: bytes, value: bytes, letter_id: str) -> None:
        """Take an event and leave it."""


def reason_of(reason: str | None) -> str | None:
    """Return a reason that there is; raise `SettingsError` for another word."""
    from schemas.errors import SettingsError
    from schemas.events import Rejection

    known = [rejection.value for rejection in Rejection]
    if reason is not None and reason not in known:
        raise SettingsError("--reason", f"`{reason}` is no reason", f"known: {', '.join(known)}")
    return reason


def _letters(folder: Path | None, kafka: bool, config: Path | None) -> "Iterator[Letter]":
    from schemas.errors import SettingsError
    from streams.dead_letters import letters_in, letters_on
    from streams.topic_reader import TopicReader

    if kafka:
        if folder is not None:
            raise SettingsError("--kafka", "and --from are two places", "give one of them")
        settings = settings_from(config)
        return letters_on(TopicReader(settings.kafka, settings.topics.prefix))
    if folder is None and not DEMO_FOLDER.is_dir():
        raise SettingsError(
            "--from", "is missing, and no demo has run here", "give a replay's folder, or --kafka"
        )
    return letters_in(folder or DEMO_FOLDER)


def _page(letter: "Letter") -> "Iterator[str]":
    from schemas.timestamps import iso_utc
    from streams.pages import printable

    where = f", at {letter.field}" if letter.field else ""
    when = f" {iso_utc(letter.at)}" if letter.at else ""
    source = f" (from {letter.topic}-{letter.partition} at {letter.offset})" if letter.at else ""
    yield printable(f"{letter.id}{when} {letter.reason}{where}{source}")
    if letter.error:
        yield printable(f"    {letter.error}")
    value = letter.value if letter.value is not None else letter.value_base64
    if value is None:
        yield "    it has no value"
        return
    more = "..." if letter.cut or len(value) > _SHOWN_MAX else ""
    yield printable(f"    {value[:_SHOWN_MAX]}{more}")


def _result(result: "Sent", word: str) -> "Iterator[str]":
    from streams.pages import printable

    for kept in result.kept[:_SHOWN_MAX]:
        yield printable(f"{kept.letter.id}: {kept.why}")
    if len(result.kept) > _SHOWN_MAX:
        yield f"and {len(result.kept) - _SHOWN_MAX:,} more"
    for topic, count in sorted(result.sent.items()):
        yield f"{count:>9,} {word} to {topic}"
    yield f"{len(result.kept):>9,} not sent: they stay where they are"

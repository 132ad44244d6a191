"""`beckon score`: texts on standard input, one a line; their tags on standard output, one JSON object a line."""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from streams.commands.common import CONFIG_HELP, settings_from

#: Lines that are scored together; at a terminal every line at once.
LINES_AT_ONCE = 512
LINE_BYTES_MAX = 1 << 20


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("score")(score)


def score(
    name: Annotated[str | None, typer.Argument(help="The model's name (setting models.tags).")] = None,
    models: Annotated[str | None, typer.Option("--dir", help="Folder of NAME/VERSION/.")] = None,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP)] = None,
) -> None:
    """Tag texts: one a line in, {"text": ..., "tags": {tag: score}} a line out, the best tag first."""
    from streams.parts import tagger_of

    settings = settings_from(config, {"models.tags": name, "models.dir": models})
    tagger = tagger_of(settings.models)
    at_once = 1 if sys.stdin.isatty() else LINES_AT_ONCE
    lines = _lines()
    while texts := list(islice(lines, at_once)):
        for text, tags in zip(texts, tagger.tag(texts), strict=True):
            print(msgspec.json.encode({"text": text, "tags": dict(tags)}).decode())
        sys.stdout.flush()
    tagger.close()


def _lines() -> Iterator[str]:
    from schemas.errors import InputError

    number = 0
    while raw := sys.stdin.buffer.readline(LINE_BYTES_MAX + 1):
        number += 1
        if len(raw) > LINE_BYTES_MAX:
            raise InputError(f"standard input:{number}", "is a line of more than 1 MiB", "cut the text")
        try:
            yield raw.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(
                f"standard input:{number}", f"is not UTF-8 (byte {error.start} of the line)", "give UTF-8"
            ) from None

"""`beckon`: flags -> settings -> parts -> run. One module per command in `streams.commands`."""

import os
import sys
from importlib import import_module
from io import TextIOWrapper

import typer

from schemas.errors import BeckonError

COMMANDS = (
    "demo",
    "stack",
    "worker",
    "mirror",
    "topics",
    "repartition",
    "simulate",
    "replay",
    "importing",
    "train",
    "models",
    "score",
    "campaigns",
    "profile",
    "why",
    "decide",
    "verify",
    "dead_letters",
    "check",
    "bench",
)


def build() -> typer.Typer:
    """Return the command line with every command registered; heavy imports wait for the call."""
    app = typer.Typer(
        name="beckon",
        help="Real-time promotion for online shops: the one promotion worth sending, or none, and why.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for name in COMMANDS:
        import_module(f"streams.commands.{name}").register(app)
    return app


def main() -> None:
    """Run `beckon`; a user's mistake is one line on standard error and exit code 1 or 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that cannot show a bar shows its code
            stream.reconfigure(errors="backslashreplace")
    try:
        # Not standalone: Typer would tell of a wrong flag in four lines.
        sys.exit(build()(standalone_mode=False))
    except BeckonError as error:
        print(f"beckon: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except typer.TyperException as error:
        print(_one_line(error), file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # `beckon ... | head` is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _one_line(error: typer.TyperException) -> str:
    """Return what is wrong with the flags; a call without any gets the whole help."""
    message = error.format_message()
    if message.startswith("Usage:"):
        return message
    context = getattr(error, "ctx", None)
    command = "beckon" if context is None else context.command_path
    return f"beckon: {' '.join(message.split()).rstrip('.')}; see `{command} --help`"

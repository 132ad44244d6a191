"""A real Redis for tests: the one of BECKON_TEST_REDIS, else `redis-server` of this machine, else a wheel's."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from streams.demo.plan import free_port
from streams.stack import programs
from tests.support.certificates import Certificates

_WAIT_S = 10.0
#: The password of a guarded Redis' own user, `test`, who may do everything.
ADMIN = "everything"
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
    port = free_port()
    with _process("--port", str(port)):
        url = f"redis://127.0.0.1:{port}/0"
        _wait(admin(url))
        yield url


@contextmanager
def guarded(signed: Certificates, users: Sequence[str]) -> Iterator[str]:
    """Yield the address of a Redis that speaks TLS only and knows only these users (lines of an ACL file).

    Skips where the Redis of this machine has no TLS, as that of the wheel.
    """
    port = free_port()
    tls = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
    tls += ["--tls-cert-file", signed.certificate, "--tls-key-file", signed.key]
    with tempfile.TemporaryDirectory(prefix="beckon-redis-users-") as folder:
        acl = Path(folder) / "users.acl"
        acl.write_text("\n".join(["user default off", f"user test on >{ADMIN} ~* &* +@all", *users]) + "\n")
        with _process(*tls, "--aclfile", str(acl)) as process:
            url = f"rediss://127.0.0.1:{port}/0"
            told = {"username": "test", "password": ADMIN, "ssl_ca_certs": signed.authority}
            try:
                _wait(redis.Redis.from_url(url, protocol=2, **told))
            except NoRedisError:
                if process.poll() is None:
                    raise
                pytest.skip("redis: the one of this machine has no TLS; apt-get install redis-server")
            yield url


@contextmanager
def _process(*arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    try:
        binary = programs.redis_server()
    except programs.ProgramError:
        pytest.fail(_MISSING, pytrace=False)
    with tempfile.TemporaryDirectory(prefix="beckon-redis-") as folder:
        command = [binary, *arguments, "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(
            programs.ending_with_us(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(_WAIT_S)


def admin(url: str) -> "redis.Redis":
    """Return a client with all rights."""
    found: redis.Redis = redis.Redis.from_url(url, protocol=2)
    return found


class NoRedisError(Exception):
    """The server that was started does not answer."""


def _wait(client: "redis.Redis") -> None:
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(redis.exceptions.RedisError):
            if client.ping():
                return
        time.sleep(0.02)
    raise NoRedisError(f"redis-server did not answer within {_WAIT_S:g} s")

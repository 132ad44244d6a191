"""How the mirror and readers are told where Redis is, and what its errors mean."""

from enum import StrEnum

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from schemas.errors import BeckonError, SettingsError
from streams.settings import RedisSettings


class Fault(StrEnum):
    """What keeps Redis from answering: a closed list, each with its remedy."""

    AWAY = "away"
    SLOW = "slow"
    FULL = "full"
    DENIED = "denied"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a kind of fault
    LOADING = "loading"
    READ_ONLY = "read_only"
    DISK = "disk"
    FAILED = "failed"


REMEDIES = {
    Fault.AWAY: "start Redis or set BECKON_REDIS_URL",
    Fault.SLOW: "look at its load and SLOWLOG, or raise redis.timeout_s",
    Fault.FULL: "give Redis more memory (maxmemory)",
    Fault.DENIED: "give the user the rights that docs/operate.md lists",
    Fault.WRONG_PASSWORD: "set BECKON_REDIS_USERNAME and BECKON_REDIS_PASSWORD",
    Fault.LOADING: "wait: it reads its own file",
    Fault.READ_ONLY: "point BECKON_REDIS_URL at the primary",
    Fault.DISK: "free its disk: it cannot save",
    Fault.FAILED: "look at the log of Redis",
}


class RedisError(BeckonError):
    """Redis does not do what it was asked to."""

    exit_code = 1

    def __init__(self, settings: RedisSettings, fault: Fault, problem: str) -> None:
        super().__init__(f"redis.url {place_of(settings)}", problem, REMEDIES[fault])
        self.fault = fault


def client(settings: RedisSettings) -> redis.Redis:
    """Return a client that tries once and never longer than the settings say; its caller waits and retries.

    Raise `SettingsError` for an address that is none.
    """
    tls = (
        {"ssl_ca_certs": settings.ca_file} if settings.url.startswith("rediss:") and settings.ca_file else {}
    )
    try:
        found: redis.Redis = redis.Redis.from_url(
            settings.url,
            username=settings.username,
            password=settings.password,
            socket_timeout=settings.timeout_s,
            socket_connect_timeout=settings.timeout_s,
            retry=Retry(NoBackoff(), 0),
            protocol=2,  # no HELLO: a user needs one right less
            **tls,
        )
    except ValueError:  # its text may hold what stands in the place of a password
        raise SettingsError("redis.url", "is no address", "give redis://host:port/0") from None
    return found


def place_of(settings: RedisSettings) -> str:
    """Return where Redis is, as people may read it: an address may hold a user and a password.

    >>> place_of(RedisSettings(url="rediss://ann:secret@redis.internal:6380/0?password=secret"))
    'redis.internal:6380/0'
    """
    return settings.url.partition("://")[2].rpartition("@")[2].partition("?")[0]


def problem_of(settings: RedisSettings, error: Exception) -> RedisError:
    """Return what an exception of redis-py means; its text never holds a password or a value."""
    text = str(error)
    fault = _fault(error, text)
    if fault is Fault.SLOW:
        return RedisError(settings, fault, f"did not answer within {settings.timeout_s:g} s")
    return RedisError(settings, fault, f"{_WORDS[fault]} ({text[:160]})")


_WORDS = {
    Fault.AWAY: "cannot be reached",
    Fault.FULL: "is full",
    Fault.DENIED: "refuses a command or key",
    Fault.WRONG_PASSWORD: "refuses user and password",
    Fault.LOADING: "is starting",
    Fault.READ_ONLY: "is a replica",
    Fault.DISK: "cannot save",
    Fault.FAILED: "answered with an error",
}


#: Inside a script Redis, and Valkey, answer with words of their own under the code ERR.
_DENIED = ("NOPERM", "ACL failure", "The user executing the script can't")


def _fault(error: Exception, text: str) -> Fault:
    if isinstance(error, exceptions.TimeoutError):
        return Fault.SLOW
    if any(words in text for words in _DENIED):
        return Fault.DENIED
    if isinstance(error, exceptions.AuthenticationError) or "NOAUTH" in text or "WRONGPASS" in text:
        return Fault.WRONG_PASSWORD
    if isinstance(error, exceptions.BusyLoadingError):
        return Fault.LOADING
    if isinstance(error, exceptions.ConnectionError | OSError):
        return Fault.AWAY
    if isinstance(error, exceptions.NoPermissionError):
        return Fault.DENIED
    # redis-py takes the code off an answer that it has a class for, and puts other words before it in a pipeline.
    if isinstance(error, exceptions.OutOfMemoryError) or "OOM" in text or "used memory" in text:
        return Fault.FULL
    if isinstance(error, exceptions.ReadOnlyError) or "READONLY" in text:
        return Fault.READ_ONLY
    return Fault.DISK if "MISCONF" in text else Fault.FAILED

"""Redis as the mirror sees it: batches of writes, and a note of how far they go.

The note (`Progress`) lies in Redis beside the data: after FLUSHALL it is gone with them, after a fail-over to
an older copy it is as old as they are, so it always says truly what is here. Data first, then the note: a batch that
was written half is written again, and versions make that harmless.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast

import redis
from msgspec import Struct
from redis import exceptions

from streams.mirror import scripts
from streams.mirror.writes import KINDS, DropProfile, Offer, PutProfile, Revoke, Write
from streams.redis_clients import client, problem_of
from streams.redis_keys import Keys, version_of
from streams.settings import MirrorSettings, RedisSettings

_MS_PER_HOUR = 3_600_000
_SWEEP_KEYS = 1000
_PLACES = tuple(f"{kind}:" for kind in KINDS)
T = TypeVar("T")
#: Offsets to read next, by `KIND:PARTITION`.
Offsets = Mapping[str, int]


class Progress(Struct, frozen=True):
    """What the mirror has written. `epoch`: when this reading from the start began, ms since 1970.

    `topics`: kind -> id of the topic that was read, "" where the broker gives none.
    """

    epoch: int
    refilling: bool
    topics: dict[str, str]
    offsets: dict[str, int]


class MirrorStore:
    """Each call raises `RedisError` when Redis does not do it, and may then be made again."""

    def __init__(self, settings: RedisSettings, mirror: MirrorSettings) -> None:
        self._settings = settings
        self._inbox_max = mirror.inbox_max
        self._keep_ms = round(mirror.removed_keep_hours * _MS_PER_HOUR)
        self._keys = Keys(settings.key_prefix)
        self._promotions = self._keys.promotion("")
        self._redis: redis.Redis = client(settings)
        self._put, self._drop, self._offer, self._revoke, self._advance, self._begin, self._sweep = (
            self._redis.register_script(text)
            for text in (
                scripts.PUT_PROFILE,
                scripts.DROP_PROFILE,
                scripts.OFFER,
                scripts.REVOKE,
                scripts.ADVANCE,
                scripts.BEGIN,
                scripts.SWEEP,
            )
        )

    def progress(self) -> Progress | None:
        """Return how far Redis is; None when it knows nothing."""
        found = self._ask(lambda: cast(dict[bytes, bytes], self._redis.hgetall(self._keys.progress)))
        held = {name.decode(): value.decode() for name, value in found.items()}
        if "epoch" not in held:
            return None
        return Progress(
            epoch=int(held["epoch"]),
            refilling=held.get("refilling") == "1",
            topics={kind: held.get(f"topic:{kind}", "") for kind in KINDS},
            offsets={name: int(value) for name, value in held.items() if name.startswith(_PLACES)},
        )

    def begin(self, progress: Progress) -> None:
        """Forget how far Redis is; what is read from now on overwrites what it has."""
        flat: list[str | int] = ["epoch", progress.epoch, "refilling", int(progress.refilling)]
        for kind, topic in progress.topics.items():
            flat += [f"topic:{kind}", topic]
        self._ask(lambda: self._begin([self._keys.progress], flat))

    def write(self, writes: Sequence[Write]) -> list[bool]:
        """Write all, in order; return which were newer than what was there."""

        def send() -> list[bool]:
            pipe = self._redis.pipeline(transaction=False)
            for write in writes:
                self._add(write, pipe)
            return [bool(done) for done in pipe.execute()]

        return self._ask(send) if writes else []

    def advance(self, epoch: int, before: Offsets, after: Offsets) -> bool:
        """Note that all before the offsets `after` is written; False when Redis is not where it was."""
        moves = [part for name in after for part in (name, before.get(name, 0), after[name])]
        return bool(self._ask(lambda: self._advance([self._keys.progress], [epoch, *moves])))

    def holds(self, epoch: int) -> bool:
        """Return whether Redis still has what was written in this epoch."""
        held = self._ask(lambda: self._redis.hget(self._keys.progress, "epoch"))
        return bool(held == str(epoch).encode())

    def sweep(self, epoch: int) -> int:
        """Erase profiles that are older than the epoch, and end the refill; return how many went.

        Promotions need no sweep: each one expires.
        """
        oldest = version_of(epoch, 0)
        swept, cursor = 0, -1
        while cursor:
            cursor, erased = self._ask(partial(self._sweep_some, max(cursor, 0), oldest))
            swept += erased
        self._ask(lambda: self._redis.hset(self._keys.progress, "refilling", 0))
        return swept

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _sweep_some(self, cursor: int, oldest: str) -> tuple[int, int]:
        pattern = self._keys.profile("*")
        scanned = self._redis.scan(cursor, match=pattern, count=_SWEEP_KEYS)
        cursor, found = cast(tuple[int, list[bytes]], scanned)
        pipe = self._redis.pipeline(transaction=False)
        for key in found:
            self._sweep([key], [oldest], client=pipe)
        return cursor, sum(pipe.execute())

    def _add(self, write: Write, pipe: Any) -> None:
        values: list[Any]
        match write:
            case PutProfile():
                self._put([write.key], [write.version, write.value], client=pipe)
            case DropProfile():
                values = [write.version, self._keep_ms, self._promotions, write.broker_ms]
                self._drop([write.key, write.inbox], values, client=pipe)
            case Offer():
                values = [write.version, write.value, write.expires_at, write.at, write.decision_id]
                values += [self._promotions, self._inbox_max, write.broker_ms]
                self._offer([write.key, write.inbox, write.profile], values, client=pipe)
            case Revoke():
                values = [write.version, write.decision_id, self._keep_ms]
                self._revoke([write.key, write.inbox], values, client=pipe)

    def _ask(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (exceptions.RedisError, OSError) as error:
            raise problem_of(self._settings, error) from None

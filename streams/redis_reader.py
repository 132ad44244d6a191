"""What services read from Redis: a shopper's profile and the promotions that wait for them."""

from typing import Any, cast

import msgspec
import redis
from redis import exceptions

from schemas.codec import decode_profile
from schemas.decisions import Promotion
from schemas.profiles import Profile
from streams.redis_clients import client, problem_of
from streams.redis_keys import Keys
from streams.settings import RedisSettings

_decode = msgspec.json.Decoder(Promotion).decode


class RedisReader:
    """Reads what the mirror has written. Each call raises `RedisError` when Redis does not answer."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        self._keys = Keys(settings.key_prefix)
        self._redis: redis.Redis = client(settings)

    def profile(self, shopper: str) -> Profile | None:
        """Return the profile; None for a shopper who is not known, or was erased."""
        raw = self._ask(lambda: self._redis.hget(self._keys.profile(shopper), "d"))
        return None if raw is None else decode_profile(raw)

    def inbox(self, shopper: str) -> list[Promotion]:
        """Return the promotions that are neither expired nor revoked, by the time of their triggers."""
        ids = self._ask(lambda: self._redis.zrange(self._keys.inbox(shopper), 0, -1))

        def values() -> list[bytes | None]:
            pipe = self._redis.pipeline(transaction=False)
            for decision_id in ids:
                pipe.hget(self._keys.promotion(decision_id.decode()), "d")
            return cast(list[bytes | None], pipe.execute())

        return [_decode(value) for value in (self._ask(values) if ids else []) if value is not None]

    def promotion(self, decision_id: str) -> Promotion | None:
        """Return one promotion; None when it is unknown, expired or revoked."""
        raw = self._ask(lambda: self._redis.hget(self._keys.promotion(decision_id), "d"))
        return None if raw is None else _decode(raw)

    def ping(self) -> None:
        """Return when Redis answers, and lets us in."""
        self._ask(self._redis.ping)

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _ask(self, call: Any) -> Any:
        try:
            return call()
        except (exceptions.RedisError, OSError) as error:
            raise problem_of(self._settings, error) from None

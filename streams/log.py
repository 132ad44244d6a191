"""How we log: an event's name and its fields, one line each on standard error.

Values are JSON with escapes, so that nothing a shopper sent can forge a line. Payloads stay out, and a field
named `shopper` is hashed, always.
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b

from streams.settings import LogSettings

_LOGGER = logging.getLogger("beckon")
_WORDS_MAX = 500


def hashed(shopper: str, key: str) -> str:
    """Return the name that a shopper has in logs: the same in all of them, and no way back without `key`.

    >>> hashed("ann", "secret")
    'b175e9ccb17d'
    """
    return blake2b(shopper.encode("utf-8", "replace"), key=key.encode()[:64], digest_size=6).hexdigest()


class _Format(logging.Formatter):
    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key

    def parts(self, record: logging.LogRecord) -> tuple[str, str, dict[str, object]]:
        """Return time, event and fields. A library has its own words: one field, on one line."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        if record.name != _LOGGER.name:
            return at, record.name, {"says": record.getMessage()[:_WORDS_MAX]}
        fields: Mapping[str, object] = getattr(record, "fields", {})
        told = {
            name: hashed(str(value), self._key) if name == "shopper" else value
            for name, value in fields.items()
        }
        return at, record.getMessage(), told


class _Lines(_Format):
    def format(self, record: logging.LogRecord) -> str:
        at, event, fields = self.parts(record)
        words = (f"{name}={json.dumps(value, default=str)}" for name, value in fields.items())
        return " ".join([at, record.levelname.lower(), event, *words])


class _Json(_Format):
    def format(self, record: logging.LogRecord) -> str:
        at, event, fields = self.parts(record)
        line = {"at": at, "level": record.levelname.lower(), "event": event, **fields}
        return json.dumps(line, default=str)


def set_up(settings: LogSettings = LogSettings()) -> None:  # noqa: B008 - frozen, so it can be shared
    """Write our lines from `info` on; of libraries only what is critical, for we tell it in our words."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter((_Json if settings.format == "json" else _Lines)(settings.key))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.CRITICAL)
    _LOGGER.setLevel(logging.INFO)
    # Faust builds a LogRecord per event even when nobody reads it: a third of its cost.
    logging.disable(logging.DEBUG)


def info(event: str, **fields: object) -> None:
    """Log what happened in the normal course of things."""
    _LOGGER.info(event, extra={"fields": fields})


def warning(event: str, **fields: object) -> None:
    """Log what somebody should look at some day."""
    _LOGGER.warning(event, extra={"fields": fields})


def error(event: str, **fields: object) -> None:
    """Log what somebody should look at now."""
    _LOGGER.error(event, extra={"fields": fields})

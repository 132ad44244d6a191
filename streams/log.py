"""How we log: an event's name and its fields, one line each on standard error.

Values are JSON with escapes, so that nothing a shopper sent can forge a line. Payloads stay out.
"""

import json
import logging
import sys
from datetime import UTC, datetime

_LOGGER = logging.getLogger("beckon")


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        message = record.getMessage()
        if record.name != _LOGGER.name:  # of a library: its own words, on one line
            message = f"{record.name} says={json.dumps(message[:500])}"
        return f"{at}Z {record.levelname.lower()} {message}"


def set_up() -> None:
    """Write our lines from `info` on; of libraries only what is critical, for we tell it in our words."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.CRITICAL)
    _LOGGER.setLevel(logging.INFO)
    # Faust builds a LogRecord per event even when nobody reads it: a third of its cost.
    logging.disable(logging.DEBUG)


def info(event: str, **fields: object) -> None:
    """Log what happened in the normal course of things."""
    _LOGGER.info("%s", _line(event, fields))


def warning(event: str, **fields: object) -> None:
    """Log what somebody should look at some day."""
    _LOGGER.warning("%s", _line(event, fields))


def error(event: str, **fields: object) -> None:
    """Log what somebody should look at now."""
    _LOGGER.error("%s", _line(event, fields))


def _line(event: str, fields: dict[str, object]) -> str:
    return " ".join([event, *(f"{name}={json.dumps(value, default=str)}" for name, value in fields.items())])

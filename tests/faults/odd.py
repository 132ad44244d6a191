"""A worker of which one part is different: `python -m tests.faults.odd PART --config FILE`.

Most are guards that are switched off, and the checker must see it. Guards that are settings are switched off there;
these have no setting, and shall have none.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from schemas import codec
from schemas.codec import CodecError
from schemas.profiles import Profile
from streams import log, reading, shard, worker
from streams.fences import Transaction
from streams.plain_log import PlainLog
from streams.settings import load

_LATE_S = 0.3
#: Longer than the session of a test's worker.
STALL_S = 5.0


def _no_finish() -> None:
    """SIGTERM ends the process at once: nothing is finished, the group is not left."""

    async def stop(self: worker.Worker) -> NoReturn:
        os._exit(0)

    worker.Worker._stop = stop  # type: ignore[method-assign]


def _stall() -> None:
    """SIGUSR1 stops the event loop for `STALL_S`, as a computation on it would."""

    def stall(*_: object) -> None:
        print("stalled", file=sys.stderr, flush=True)
        time.sleep(STALL_S)

    signal.signal(signal.SIGUSR1, stall)


def _no_letters() -> None:
    """What the border refuses is counted and thrown away."""
    put_aside = reading._put_aside

    def drop(event: Any, record: Any, rules: Any, found: reading.Read) -> None:
        put_aside(event, record, rules, found)
        found.dead.clear()

    reading._put_aside = drop


def _no_codec() -> None:
    """A profile that cannot be read begins anew."""
    decode = codec.decode_profile

    def lenient(raw: bytes) -> Profile | None:
        try:
            return decode(raw)
        except CodecError:
            return None

    shard.decode_profile = lenient  # type: ignore[attr-defined, assignment]


def _late_offsets() -> None:
    """Offsets are committed late: a kill between records and offsets, which is rare, becomes likely."""
    for kind in (Transaction, PlainLog):
        offsets = kind.offsets

        async def late(self: Any, ends: Any, offsets: Any = offsets) -> None:
            await asyncio.sleep(_LATE_S)
            await offsets(self, ends)

        kind.offsets = late  # type: ignore[method-assign, assignment]


PARTS: dict[str, Callable[[], None]] = {
    "late-offsets": _late_offsets,
    "stall": _stall,
    "finish": _no_finish,
    "letters": _no_letters,
    "codec": _no_codec,
}


def main(part: str, config: Path) -> None:
    """Run the worker until a signal comes."""
    PARTS[part]()
    settings = load(file=config)
    log.set_up(settings.log)
    worker.run_worker(settings)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[3]))

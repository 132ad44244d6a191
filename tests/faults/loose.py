"""A worker with one guard of its writing gone: `python -m tests.faults.loose GUARD --config FILE`.

Both guards are beneath the atomic step, so it has to be switched off too. The checker must see what then happens.

- changelog: it commits what it has read while all that follows from it is still on its way.
- idempotence: the broker takes what is sent again for new.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streams import log, worker
from streams.outputs import Output
from streams.plain_log import PlainLog
from streams.settings import load
from streams.transport import LaneProducer


async def _send_hastily(self: PlainLog, outputs: Sequence[Output], changelog: Sequence[Output]) -> None:
    for topic, partition, key, value, headers in [*outputs, *changelog]:
        await self._producer.send(self._prefix + topic, value, key=key, partition=partition, headers=headers)


def _no_idempotence(self: LaneProducer) -> Mapping[str, Any]:
    return {"acks": "all"}


def main(guard: str, config: Path) -> None:
    """Run the worker until a signal comes."""
    if guard == "changelog":
        PlainLog.send = _send_hastily  # type: ignore[method-assign]
    elif guard == "idempotence":
        LaneProducer._settings_extra = _no_idempotence  # type: ignore[method-assign]
    else:
        raise SystemExit(f"no such guard: {guard}")
    settings = load(file=config)
    log.set_up(settings.log)
    worker.run_worker(settings)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[3]))

"""Ctrl-C, a closed terminal and `kill` as a wish to end, for programs that have something to finish first."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event


@contextmanager
def ending_calmly(stop: Event) -> Iterator[None]:
    """Within the block, these signals set `stop` instead of tearing things apart."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

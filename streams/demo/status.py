"""Where the demo stands, as far as the topics do not tell: stage, clock, what the worker counts of itself."""

import time
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

#: The sparkline's length.
HISTORY_S = 40


class Stage(StrEnum):
    """What the demo does now."""

    STARTING = "starting the worker"
    OPEN = "the shop is open"
    DRAINING = "closed; the last events are being counted"
    DONE = "done"


@dataclass
class Status:
    """`rates` has the events of each whole second since the opening, newest last."""

    seconds: float
    rate: float
    shoppers: int
    stage: Stage = Stage.STARTING
    worker_pid: int = 0
    model_calls: int = 0
    texts_scored: int = 0
    fallbacks: int = 0
    opened_s: float | None = None
    closed_s: float | None = None
    rates: deque[int] = field(default_factory=lambda: deque(maxlen=HISTORY_S))
    _marked: tuple[float, int] = (0.0, 0)

    def open(self) -> None:
        """Note that the first events go out now."""
        self.stage = Stage.OPEN
        self.opened_s = time.monotonic()
        self._marked = (self.opened_s, 0)

    def close(self) -> None:
        """Note that no more events go out."""
        self.stage = Stage.DRAINING
        self.closed_s = time.monotonic()

    def mark(self, settled: int) -> None:
        """Note how many events are settled; call it often."""
        now = time.monotonic()
        marked_s, before = self._marked
        if self.opened_s is not None and now - marked_s >= 1.0:
            self.rates.append(round((settled - before) / (now - marked_s)))
            self._marked = (now, settled)

    @property
    def open_for_s(self) -> float:
        """Seconds since the opening, until the closing."""
        if self.opened_s is None:
            return 0.0
        return (self.closed_s or time.monotonic()) - self.opened_s

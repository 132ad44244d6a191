"""A share of the last events, without remembering them one by one."""

from collections import deque


class Share:
    """How many of the last `window` events were hits; grows by whole batches.

    >>> strays = Share(0.01, window=10_000)
    >>> strays.count(5_000, 100), strays.count(5_000, 1)
    (False, True)
    """

    def __init__(self, limit: float, window: int = 10_000) -> None:
        self._limit = limit * window
        self._window = window
        self._batches: deque[tuple[int, int]] = deque()
        self.events = 0
        self.hits = 0

    def count(self, events: int, hits: int) -> bool:
        """Count one batch in; return whether the hits are above the limit now.

        The limit is a share of a full window, so that two bad events of the first ten are no alarm.
        """
        self._batches.append((events, hits))
        self.events += events
        self.hits += hits
        while self.events - self._batches[0][0] >= self._window:
            old_events, old_hits = self._batches.popleft()
            self.events -= old_events
            self.hits -= old_hits
        return self.hits > self._limit

"""When a lane commits: at once when it is caught up, in large groups when it is behind. Nobody has to tune it.

A transaction costs about the same for one event as for thousands: 1.3 ms of our processor and as much of the
broker's. So its share of a second is bounded, over all lanes of a worker, and the bound is lower where
time matters less: behind a backlog an event has waited for seconds already, and grouping makes up for it.
"""

#: Seconds between two commits of a lane, per lane of the worker: at most 250 commits a second in all ...
CAUGHT_UP_S = 0.004
#: ... and 40 when there is a backlog, but at least this long, so that a shopper's events meet in one record.
BEHIND_S = 0.025
BEHIND_MIN_S = 0.1
#: No lane waits longer, however many there are.
LONGEST_S = 1.0


def gap_s(lanes: int, *, behind: bool) -> float:
    """Return the seconds from the beginning of a lane's commit to the earliest beginning of its next one.

    >>> gap_s(4, behind=False), gap_s(4, behind=True), gap_s(64, behind=True)
    (0.016, 0.1, 1.0)
    """
    if behind:
        return min(LONGEST_S, max(BEHIND_MIN_S, BEHIND_S * lanes))
    return min(LONGEST_S, CAUGHT_UP_S * lanes)

"""A worker that was paused must not write over its successor: on a lease that ran out nothing is sent.

The broker gives our partitions to another worker once it has heard nothing from us for the session timeout. So
the lease counts from the sending of the last heartbeat that was answered, and every request of the producer looks
at it first. What is left is the moment between this look and the socket; only transactions close that.
"""

import time
from collections.abc import Callable
from typing import Any


class Lease:
    """Until when our partitions are surely ours. Times are monotonic seconds; used from two threads."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until_s: float | None = None

    def renew(self, asked_at_s: float) -> None:
        """Note that the group's coordinator answered what was asked then."""
        self._until_s = asked_at_s + self.seconds

    def end(self) -> None:
        """Note that nothing is ours any more, and nothing is under way."""
        self._until_s = None

    def has_run_out(self) -> bool:
        """Return whether somebody else may own what we took for ours."""
        until_s = self._until_s
        return until_s is not None and time.monotonic() > until_s


def watch_heartbeats(coordinator: Any, lease: Lease) -> None:
    """Renew the lease with every heartbeat of aiokafka's group coordinator that is answered well."""
    beat = coordinator._do_heartbeat

    async def noted() -> bool:
        asked_at_s = time.monotonic()
        answered: bool = await beat()
        if answered:
            lease.renew(asked_at_s)
        return answered

    coordinator._do_heartbeat = noted


def guard_requests(client: Any, lease: Lease, on_run_out: Callable[[], None]) -> None:
    """Call `on_run_out` instead of sending a request of aiokafka's client on a lease that ran out."""
    send = client.send

    async def send_on_lease(*args: Any, **options: Any) -> Any:
        if lease.has_run_out():
            on_run_out()
        return await send(*args, **options)

    client.send = send_on_lease

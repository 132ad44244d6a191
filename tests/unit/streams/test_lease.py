"""The lease: it counts from when a heartbeat was sent, and nothing is sent once it ran out."""

import asyncio
import time
from types import SimpleNamespace

from streams.lease import Lease, guard_requests, watch_heartbeats


def test_without_partitions_there_is_no_lease_to_run_out() -> None:
    lease = Lease(1.0)
    assert not lease.has_run_out()
    lease.renew(time.monotonic() - 2.0)
    assert lease.has_run_out()
    lease.end()
    assert not lease.has_run_out()


def test_a_lease_counts_from_the_sending_of_the_heartbeat() -> None:
    lease = Lease(10.0)
    lease.renew(time.monotonic() - 9.0)
    assert not lease.has_run_out()
    lease.renew(time.monotonic() - 11.0)
    assert lease.has_run_out()


def test_only_a_heartbeat_that_is_answered_well_renews_it() -> None:
    answers = iter([False, True])

    async def beat() -> bool:
        return next(answers)

    coordinator, lease = SimpleNamespace(_do_heartbeat=beat), Lease(10.0)
    lease.renew(time.monotonic() - 11.0)
    watch_heartbeats(coordinator, lease)
    assert asyncio.run(coordinator._do_heartbeat()) is False
    assert lease.has_run_out()
    assert asyncio.run(coordinator._do_heartbeat()) is True
    assert not lease.has_run_out()


def test_a_request_on_a_lease_that_ran_out_is_not_sent() -> None:
    sent: list[str] = []

    async def send(node: int, request: str, *, group: str) -> str:
        sent.append(request)
        return group

    def end() -> None:
        raise SystemExit(1)

    client, lease = SimpleNamespace(send=send), Lease(10.0)
    guard_requests(client, lease, end)
    assert asyncio.run(client.send(0, "metadata", group="x")) == "x"
    lease.renew(time.monotonic())
    asyncio.run(client.send(0, "first", group="x"))
    lease.renew(time.monotonic() - 11.0)
    try:
        asyncio.run(client.send(0, "second", group="x"))
    except SystemExit:
        sent.append("ended")
    assert sent == ["metadata", "first", "ended"]

"""More faults: the network between all clients and the broker, a stalled loop, members that come and go."""

import signal
import socket
import time

from tests.faults.odd import STALL_S
from tests.faults.stand import Fault, Run
from tests.support.proxy import Proxy
from tests.support.workers import WorkerProcess

AWAY_S = 8.0
STORM_S = 10.0


def away(proxy: Proxy) -> Fault:
    """Fault 6: nobody reaches the broker for `AWAY_S`, and a worker is started meanwhile."""

    def fault(going: Run) -> None:
        going.wait_for_progress()
        victim = going.crew.workers[0]
        victim.kill()
        proxy.cut()
        victim.start()
        time.sleep(AWAY_S)
        going.prove(_ends_all(proxy), f"no connection held after {proxy.passed} bytes")
        proxy.heal()
        going.healed = time.monotonic()

    return fault


def stalls(proxy: Proxy) -> Fault:
    """Fault 9, in part: half of every second nothing passes, and what was under way is gone."""

    def fault(going: Run) -> None:
        going.wait_for_progress()
        end, count = time.monotonic() + STORM_S, 0
        while time.monotonic() < end:
            proxy.hold()
            time.sleep(0.1)
            passed = proxy.passed
            time.sleep(0.4)
            count += proxy.passed == passed
            proxy.heal()
            time.sleep(0.5)
        going.prove(count > STORM_S / 3, f"{count} times nothing passed for half a second")
        going.healed = time.monotonic()

    return fault


def resets(proxy: Proxy) -> Fault:
    """Fault 10: all connections end each second."""

    def fault(going: Run) -> None:
        going.wait_for_progress()
        end, count = time.monotonic() + STORM_S, 0
        while time.monotonic() < end:
            proxy.cut()
            count += _ends_all(proxy)
            proxy.heal()
            time.sleep(1.0)
        going.prove(count > STORM_S / 3, f"{count} times all connections ended")
        going.healed = time.monotonic()

    return fault


def stall(going: Run) -> None:
    """Fault 4: the event loop of a worker stands still for longer than its session."""
    going.wait_for_progress()
    victim = going.crew.workers[0]
    victim.signal(signal.SIGUSR1)
    time.sleep(STALL_S)
    going.prove("stalled" in victim.log(), f"the loop of one worker slept for {STALL_S:g} s")
    going.healed = time.monotonic()


def storm(going: Run) -> None:
    """Fault 15: a third worker comes and goes, and the group shares anew each time."""
    before = _rebalances(going)
    guest = WorkerProcess(going.stand.config(), going.stand.folder / "guest")
    for number in range(4):
        guest.start()
        guest.wait_ready()
        going.wait_for_progress()
        if number % 2:
            guest.kill()
        else:
            guest.stop()
    count = _rebalances(going) - before
    going.prove(count >= 4, f"{count} rebalances")
    going.healed = time.monotonic()


def rolling(going: Run) -> None:
    """Fault 26, in part: each worker is stopped and started in turn, twice; both are of this version."""
    for number in (0, 1, 0, 1):
        worker = going.crew.workers[number]
        going.wait_for_progress()
        going.crew.hold(worker)
        going.want(worker.stop() == 0, "a worker did not end well")
        worker.start()
        worker.wait_ready()
        going.crew.release(worker)
    going.prove(True, "four stops and starts")
    going.healed = time.monotonic()


def much(going: Run) -> None:
    """Faults that are in the load itself: let most of it come."""
    going.wait(lambda: going.generator.sent > 4_000, "load")
    going.prove(True, "it was in the load")


def _ends_all(proxy: Proxy) -> bool:
    """Return whether a connection through the proxy is ended at once."""
    try:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=2) as one:
            return one.recv(1) == b""
    except OSError:
        return True


def _rebalances(going: Run) -> int:
    return sum(worker.metrics()["beckon_rebalances_total"] for worker in going.crew.workers)

"""Faults of a worker, of its input and of its broker that one broker is enough for. Each proves that it was there."""

import signal
import time
from random import Random

from tests.faults.brokers import Node
from tests.faults.stand import Fault, Run
from tests.support.workers import SESSION_S, STOP_S

KILLS = 4
DAMAGE = b"\x07no profile"
_AWAY_S = 3.0


def nothing(going: Run) -> None:
    """The control: a run without a fault."""
    going.wait(lambda: going.generator.sent > 1_000, "some load")


def kill(going: Run) -> None:
    """Fault 1: kill -9 at a random moment of the load, one worker after the other."""
    rng = Random(KILLS)
    for number in range(KILLS):
        going.wait_for_progress()
        time.sleep(rng.random() * 0.5)
        victim = going.crew.workers[number % 2]
        victim.kill()
        going.prove(not victim.runs(), f"killed worker {number % 2} after {going.generator.sent} sends")


def stop(going: Run) -> None:
    """Fault 2: SIGTERM under load; what is begun is committed, and the group is left at once."""
    victim, broker = going.crew.workers[0], going.stand.broker
    going.wait(lambda: len(broker.members()) == len(going.crew.workers), "all are members")
    going.wait_for_progress()
    going.crew.hold(victim)
    began = time.monotonic()
    code = victim.stop()
    took_s = time.monotonic() - began
    members = len(broker.members())
    going.prove(code == 0, f"ended by SIGTERM in {took_s:.1f} s after {going.generator.sent} sends")
    going.want(took_s < STOP_S / 2, f"it took {took_s:.1f} s to end")
    going.want(members < len(going.crew.workers), "its place in the group is still held")
    going.healed = began
    victim.start()
    going.crew.release(victim)


def pause(going: Run) -> None:
    """Fault 3: a worker stands still until it has lost its partitions, then wakes and goes on where it was."""
    zombie, broker = going.crew.workers[0], going.stand.broker
    going.wait(lambda: len(broker.members()) == len(going.crew.workers), "all are members")
    going.wait_for_progress()
    zombie.signal(signal.SIGSTOP)
    going.crew.hold(zombie)
    going.wait(lambda: len(broker.members()) < len(going.crew.workers), "the group is without the zombie")
    time.sleep(SESSION_S / 2)
    going.wait_for_progress()
    going.prove(zombie.runs(), "a worker slept while the group went on without it")
    going.healed = time.monotonic()
    zombie.signal(signal.SIGCONT)
    going.crew.release(zombie)


def bounce(node: Node, number: signal.Signals) -> Fault:
    """Fault 5: the broker ends and comes back with its data."""

    def fault(going: Run) -> None:
        going.wait_for_progress()
        node.end(number)
        going.prove(not node.answers(), f"no broker answered after {going.generator.sent} sends")
        time.sleep(_AWAY_S)
        going.healed = time.monotonic()
        node.start()

    return fault


def letters(going: Run) -> None:
    """Fault 16: pills are among the load already."""
    name = 'outcome="dead_letter"'

    def counted() -> int:
        pages = [worker.metrics() for worker in going.crew.workers]
        return sum(value for page in pages for key, value in page.items() if name in key)

    going.wait(lambda: going.generator.sent > 2_000 and counted() > 50, "pills come through")
    going.prove(True, f"{counted()} pills were met")


def copies(going: Run) -> None:
    """Fault 19: copies, late ones and those of 2099 are among the load already, in a wild order."""

    def counted() -> int:
        return sum(worker.outcomes()["duplicate"] for worker in going.crew.workers)

    going.wait(lambda: going.generator.sent > 4_000, "wild load")
    going.prove(True, f"{counted()} copies were met")


def damage(told: bool) -> Fault:
    """Fault 23: no profile is where a profile was, until somebody mends it; `told`: workers say so and stop."""

    def fault(going: Run) -> None:
        going.wait(lambda: going.generator.sent > 2_000, "there is something to damage")
        going.wait_for_progress()
        for worker in going.crew.workers:
            worker.kill()
            going.crew.hold(worker)
        newest = {record.key: record for record in going.stand.broker.records("beckon-profiles-changelog")}
        # The shopper with the smallest number has the most events, so a worker meets it soon.
        record = newest[min(key for key in newest if key is not None and key.startswith(b"one-"))]
        going.stand.broker.send("beckon-profiles-changelog", [(record.key, DAMAGE)])
        going.prove(True, "a profile was overwritten")
        for worker in going.crew.workers:
            worker.start()
            going.crew.release(worker)
        if told:
            going.wait(lambda: any("has format 07" in end for end in going.crew.ends), "a line says so")
        else:
            going.wait_for_progress()
        going.healed = time.monotonic()
        if told:
            going.stand.broker.send("beckon-profiles-changelog", [(record.key, record.value)])

    return fault

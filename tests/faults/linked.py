"""A run whose workers each have a way of their own to the brokers; generator and checker go past it.

As `tests.faults.stand.run`, with more patience: a network that is slow on purpose makes everything slow.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import KafkaException

from tests.faults.ledger import Generator
from tests.faults.stand import INPUTS, Crew, Fault, Load, Run, verdict_of
from tests.faults.verdict import Verdict
from tests.support.broker import Broker
from tests.support.stand import Stand
from tests.support.workers import WorkerProcess, until

PATIENCE_S = 150.0
_NOBODY_ANSWERS = (AssertionError, KafkaException, TimeoutError)


@contextmanager
def crew_on(stand: Stand, servers: Sequence[str], loose: str = "") -> Iterator[Crew]:
    """Run a worker for each of these addresses of the brokers, without a guard of `tests.faults.loose` if one is named."""
    workers = []
    for number, address in enumerate(servers):
        config = stand.config(kafka__servers=address).rename(stand.folder / f"worker-{number}.toml")
        arguments = ("-m", "tests.faults.loose", loose) if loose else ()
        workers.append(WorkerProcess(config, stand.folder / f"worker-{number}", arguments=arguments))
    try:
        for worker in workers:
            worker.start()
        yield Crew(workers)
    finally:
        for worker in workers:
            if worker.runs():
                worker.kill()


def run_on(stand: Stand, servers: Sequence[str], load: Load, fault: Fault, loose: str = "") -> Verdict:
    """Run workers at these addresses under load with one fault, and return the checker's verdict."""
    with crew_on(stand, servers, loose) as crew:
        until(
            lambda: all(worker.ready() for worker in crew.workers), PATIENCE_S, "the workers are ready", 0.2
        )
        return drive(stand, crew, load, fault)


def drive(stand: Stand, crew: Crew, load: Load, fault: Fault) -> Verdict:
    """Put workers that run under load with one fault, wait until all is done, and return the verdict."""
    with Generator(stand.servers, stand.prefix, load.events, load.per_second) as generator:
        going = Run(stand, crew, generator)
        going.wait(lambda: sum(committed_by(stand.broker).values()) > 0, "the group begins", PATIENCE_S)
        fault(going)
        began = going.healed or time.monotonic()
        going.wait(lambda: caught_up(stand.broker), "the group catches up", PATIENCE_S)
        recovered = time.monotonic() - began
    going.wait(lambda: caught_up(stand.broker), "the group catches up", PATIENCE_S)
    going.wait(lambda: _drained(stand.broker), "all is committed", PATIENCE_S)
    # One that has just been started again does not know SIGTERM yet.
    going.wait(lambda: all(worker.ready() for worker in crew.workers), "all workers are ready", PATIENCE_S)
    return verdict_of(going, load, recovered)


def committed_by(broker: Broker) -> dict[tuple[str, int], int]:
    """Return what the group has committed; nothing while nobody answers."""
    try:
        return broker.committed()
    except _NOBODY_ANSWERS:
        return {}


def wait_for_progress(going: Run) -> None:
    """Wait until the group has committed something more, however long the brokers do not answer."""
    before = sum(committed_by(going.stand.broker).values())
    going.wait(
        lambda: sum(committed_by(going.stand.broker).values()) > before, "the group goes on", PATIENCE_S
    )


def caught_up(broker: Broker) -> bool:
    """Return whether the group has committed all that the inputs held a moment ago."""
    try:
        ends = broker.ends(INPUTS)
    except _NOBODY_ANSWERS:
        return False
    committed = committed_by(broker)
    return all(committed.get(source, 0) >= end for source, end in ends.items())


def _drained(broker: Broker) -> bool:
    try:
        return broker.lag((*INPUTS, "beckon.internal")) == 0
    except _NOBODY_ANSWERS:
        return False

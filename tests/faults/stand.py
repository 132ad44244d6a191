"""One run of the harness: workers that are started again as a supervisor would, load, one fault, the verdict."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaException

from tests.faults.checker import Expected, check
from tests.faults.ledger import Generator
from tests.faults.verdict import Verdict
from tests.support.shopping import Sent
from tests.support.stand import Stand
from tests.support.workers import WorkerProcess, until

INPUTS = ("clicks", "purchases", "feedback", "identities")
#: A loaded machine is slow; a fault that does not heal is not there after this either.
HEAL_S = 60.0
#: With one message id kept against doubles, nothing but positions and the atomic step keeps an event from counting
#: again; with both off, nothing does.
UNGUARDED: dict[str, object] = {
    "profile.seen_max": 1,
    "worker.guard_positions": False,
    "worker.atomic_step": False,
}
#: One message id kept and no positions looked at: what keeps doubles out is the atomic step alone.
FENCE_ALONE: dict[str, object] = {"profile.seen_max": 1, "worker.guard_positions": False}


class Crew:
    """Workers under a supervisor: one that ends by itself is started again. `ends` are their last lines."""

    def __init__(self, workers: Sequence[WorkerProcess]) -> None:
        self.workers = list(workers)
        self.ends: list[str] = []
        self._held: set[WorkerProcess] = set()

    def tend(self) -> None:
        """Start again whoever has ended and is not held down."""
        for worker in self.workers:
            if worker not in self._held and not worker.runs():
                self.ends.append((worker.log().strip().splitlines() or ["it said nothing"])[-1])
                worker.start()

    def hold(self, worker: WorkerProcess) -> None:
        """Leave this one alone: the fault has it."""
        self._held.add(worker)

    def release(self, worker: WorkerProcess) -> None:
        """Look after it again."""
        self._held.discard(worker)

    def stop(self) -> list[int]:
        """Stop those that run, and return their exit codes."""
        return [worker.stop() for worker in self.workers if worker.runs()]


@dataclass
class Run:
    """What a fault can touch. `healed` is set by the fault that knows better when it ended."""

    stand: Stand
    crew: Crew
    generator: Generator
    healed: float | None = None
    proofs: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def prove(self, holds: bool, sentence: str) -> None:
        """Note that the fault was injected; a fault that was not is no test."""
        assert holds, f"not injected: {sentence}"
        self.proofs.append(sentence)

    def want(self, holds: bool, sentence: str) -> None:
        """Note what else the fault promises; the verdict breaks where it does not hold."""
        if not holds:
            self.broken.append(sentence)

    def wait(self, holds: Callable[[], bool], what: str, seconds: float = HEAL_S) -> None:
        """Wait as a supervisor waits: workers that end meanwhile are started again."""

        def looked() -> bool:
            self.crew.tend()
            return holds()

        until(looked, seconds, what + self._logs(), pause_s=0.1)

    def wait_for_progress(self) -> None:
        """Wait until the group has committed something more."""
        before = sum(self.stand.broker.committed().values())
        self.wait(lambda: sum(self.stand.broker.committed().values()) > before, "the group goes on")

    def wait_past(self, ends: Mapping[tuple[str, int], int]) -> None:
        """Wait until the group has committed what the inputs held at some moment."""
        self.wait(lambda: _reached(self.stand, ends), "the group catches up")

    def wait_drained(self) -> None:
        """Wait until everything is committed, what the workers told each other too."""
        self.wait(self._drained, "all is committed")

    def _drained(self) -> bool:
        return self.stand.broker.lag((*INPUTS, "beckon.internal")) == 0

    def _logs(self) -> str:
        return "".join(f"\n--- {worker.log_file}: {worker.log()[-600:]}" for worker in self.crew.workers)


Fault = Callable[[Run], None]


@dataclass(frozen=True)
class Load:
    """Events at most, how many are sent a second, what the checker has to expect.

    A careless shop gives up after a second, and does not look whether what it sent has arrived. `options` go to its
    producer.
    """

    events: Sequence[Sent]
    per_second: float = 250.0
    expected: Expected = field(default_factory=Expected)
    careless: bool = False
    options: dict[str, Any] = field(default_factory=dict)


@contextmanager
def crew_of(stand: Stand, count: int = 2, odd: str = "") -> Iterator[Crew]:
    """Run workers, without one of their parts if `odd` names it; whatever still runs at the end is killed."""
    config = stand.config()
    arguments = ("-m", "tests.faults.odd", odd) if odd else ()
    workers = [
        WorkerProcess(config, stand.folder / f"worker-{number}", arguments=arguments)
        for number in range(count)
    ]
    try:
        for worker in workers:
            worker.start()
        yield Crew(workers)
    finally:
        for worker in workers:
            if worker.runs():
                worker.kill()


def run(stand: Stand, load: Load, fault: Fault, *, workers: int = 2, odd: str = "") -> Verdict:
    """Run workers under load with one fault, wait until all is done, and return the checker's verdict."""
    with crew_of(stand, workers, odd) as crew:
        for worker in crew.workers:
            worker.wait_ready()
        with Generator(
            stand.servers, stand.prefix, load.events, load.per_second, careless=load.careless, **load.options
        ) as generator:
            going = Run(stand, crew, generator)
            going.wait(lambda: sum(_committed(stand).values()) > 0, "the group begins")
            fault(going)
            began = going.healed or time.monotonic()
            going.wait_past(stand.broker.ends(INPUTS))
            recovered = time.monotonic() - began
        going.wait(lambda: _reached(stand, stand.broker.ends(INPUTS)), "the group catches up")
        going.wait_drained()
        for worker in crew.workers:
            worker.wait_ready()
        return verdict_of(going, load, recovered)


def verdict_of(going: Run, load: Load, recovered_s: float) -> Verdict:
    """Stop the workers, print what was done to them, and return what the checker says of all that they left."""
    stand, crew = going.stand, going.crew
    codes = crew.stop()
    verdict = check(stand, going.generator.ledger, load.expected, stand.folder / "replay")
    verdict.break_(all(code == 0 for code in codes), f"workers ended with {codes}")
    verdict.violations += going.broken
    verdict.recovered_s, verdict.restarts = recovered_s, len(crew.ends)
    print(f"injected: {'; '.join(going.proofs) or 'nothing'}")
    for line in crew.ends:
        print(f"a worker ended: {line}")
    print(verdict)
    return verdict


def _committed(stand: Stand) -> dict[tuple[str, int], int]:
    try:
        return stand.broker.committed()
    except (AssertionError, KafkaException):  # nobody answers yet
        return {}


def _reached(stand: Stand, ends: Mapping[tuple[str, int], int]) -> bool:
    """Return whether the group has committed so much."""
    committed = _committed(stand)
    return all(committed.get(source, 0) >= end for source, end in ends.items())

"""One demo from start to end: broker, worker, shop, and the count that must come out even."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import Any

from rich.console import Console

from schemas.decisions import Promotion
from schemas.topics import ALL
from streams.clients import confluent_config
from streams.demo import results
from streams.demo.follower import Follower
from streams.demo.lines import LinesView
from streams.demo.plan import PARTITIONS, Options, environment, free_port, read_campaigns, write_config
from streams.demo.status import Stage, Status
from streams.demo.tally import Tally, Truth
from streams.demo.view import LiveView
from streams.demo.worker_process import DemoError, WorkerProcess
from streams.embedded import embedded_broker
from streams.parts import policy_of
from streams.simulator import Shop
from streams.simulator_sinks import CATALOG, KafkaSink, Pace, write_truths
from streams.simulator_visits import Offer
from streams.told import ending_calmly

_READY_S = 60.0
_STUCK_S = 15.0
_TICK_S = 0.005
_ASK_EVERY_S = 1.0


class Demo:
    """Everything that runs at once. `run` returns the summary, or None if it was stopped before it began."""

    def __init__(self, options: Options, console: Console) -> None:
        campaigns = read_campaigns(options.campaigns)
        self._options = options
        self._shop = Shop(options.seed, options.shoppers, _now_ms())
        self._tally = Tally(Truth(self._shop, campaigns))
        self._status = Status(options.seconds, options.rate, options.shoppers)
        view = LiveView if console.is_terminal else LinesView
        self._view = view(self._tally, self._status, console)
        self._stop = Event()

    def run(self) -> dict[str, Any] | None:
        """Run the demo and write its folder; raise `DemoError` when its promise does not hold."""
        options = self._options
        results.clear(options.folder)
        write_truths(self._shop, options.folder)
        with ExitStack() as stack:
            stack.enter_context(ending_calmly(self._stop))
            servers = stack.enter_context(embedded_broker([topic.name for topic in ALL], PARTITIONS))
            port = free_port()
            settings = write_config(options, servers, options.folder / CATALOG, port)
            client = confluent_config(settings.kafka)
            follower = stack.enter_context(Follower(client, PARTITIONS, self._tally, self._promote))
            worker = stack.enter_context(
                WorkerProcess(options.config, options.log, environment(), f"http://127.0.0.1:{port}")
            )
            self._status.worker_pid = worker.pid
            stack.enter_context(self._asking(worker))
            stack.enter_context(self._view)
            if not self._wait_for(worker):
                return None
            self._sell(KafkaSink(client, prefix=""), worker, follower)
            self._drain(worker, follower)
            self._ask(worker)
            summary = self._summary()
            results.write(options.folder, self._tally, summary, policy_of(settings.profile))
        return summary

    @property
    def why(self) -> str | None:
        """A decision that ended in an offer, worth asking about."""
        return self._tally.last_decision_id

    def _wait_for(self, worker: WorkerProcess) -> bool:
        """Return whether the worker became ready before somebody stopped the demo."""
        deadline = time.monotonic() + _READY_S
        while not worker.is_ready():
            worker.check()
            if self._stop.is_set():
                return False
            if time.monotonic() > deadline:
                raise DemoError(
                    "worker", f"not ready after {_READY_S:g} s", f"its log is {self._options.log}"
                )
            self._view.tick()
            time.sleep(0.05)
        return True

    def _sell(self, sink: KafkaSink, worker: WorkerProcess, follower: Follower) -> None:
        status = self._status
        status.open()
        pace = Pace(self._options.rate, time.monotonic())
        while not self._stop.is_set() and status.open_for_s < self._options.seconds:
            for _ in range(pace.take(time.monotonic())):
                sink.send(self._shop.next(_now_ms()))
            sink.poll()
            self._tally.produced = sink.delivered
            self._watch(worker, follower)
            time.sleep(_TICK_S)
        status.close()
        sink.close()
        self._tally.produced = sink.delivered

    def _drain(self, worker: WorkerProcess, follower: Follower) -> None:
        """Wait until every event is accounted for and every answer read; give up when nothing moves."""
        self._stop.clear()  # a second Ctrl-C ends the waiting
        settled, moved_s = -1, time.monotonic()
        while self._tally.settled < self._tally.produced or not follower.is_at_end():
            self._watch(worker, follower)
            if self._tally.settled != settled:
                settled, moved_s = self._tally.settled, time.monotonic()
            if time.monotonic() - moved_s > _STUCK_S or self._stop.is_set():
                break
            time.sleep(0.02)
        self._status.stage = Stage.DONE

    def _watch(self, worker: WorkerProcess, follower: Follower) -> None:
        worker.check()
        if follower.error is not None:
            raise DemoError(
                "demo", f"cannot read the topics: {follower.error}", f"the log is {self._options.log}"
            )
        self._status.mark(self._tally.settled)
        self._view.tick()

    def _promote(self, promotion: Promotion) -> None:
        code = None if promotion.coupon is None else promotion.coupon.code
        offer = Offer(promotion.promotion_id, promotion.decision_id, code)
        self._shop.promote(promotion.user_id, offer)

    @contextmanager
    def _asking(self, worker: WorkerProcess) -> Iterator[None]:
        """Ask the worker once a second what it counts; a slow answer must not hold up the shop."""
        ended = Event()

        def ask() -> None:
            while not ended.wait(_ASK_EVERY_S):
                self._ask(worker)

        thread = Thread(target=ask, name="demo-asking", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _ask(self, worker: WorkerProcess) -> None:
        counts = worker.counts()
        if counts is not None:
            status = self._status
            status.model_calls, status.texts_scored = counts["model_calls"], counts["texts_scored"]
            status.fallbacks = counts["fallbacks"]

    def _summary(self) -> dict[str, Any]:
        options, status = self._options, self._status
        worker = {
            "model_calls": status.model_calls,
            "texts_scored": status.texts_scored,
            "fallbacks": status.fallbacks,
        }
        about = {
            "seconds": round(status.open_for_s, 3),
            "rate": options.rate,
            "shoppers": options.shoppers,
            "seed": options.seed,
            "campaigns": options.campaigns.name,
        }
        return results.summarize(self._tally, worker, about)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

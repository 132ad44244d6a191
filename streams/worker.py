"""`beckon worker`: put the parts together, run until told to stop, stop without losing a thing."""

import asyncio
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import faust
from aiokafka.errors import KafkaError
from faust.types import TP

from schemas.errors import BeckonError, BrokerError
from schemas.topics import CHANGELOG
from streams import log
from streams.app import add_agent, add_table, build_app, store_of
from streams.atomic import Log
from streams.clients import no_broker
from streams.fences import Fences
from streams.health import HealthServer
from streams.lags import Lags, has_read_all, show
from streams.lanes import Ground, Lanes
from streams.live_campaigns import LiveCampaigns
from streams.metrics import Metrics
from streams.parts import Parts, build
from streams.plain_log import PlainLog
from streams.reading import Rules
from streams.restore import restore
from streams.settings import Settings
from streams.topics import check_for_worker, name_of

#: A batch that takes longer than this many seconds beyond the model's patience is stuck.
STUCK_S = 60.0
#: After SIGTERM: what is computed is committed, the group is left; then the process ends anyhow.
STOP_S = 20.0
_TICK_S = 1.0


class Worker:
    """One worker process. `run` returns after SIGTERM or SIGINT; what cannot be mended ends the process."""

    def __init__(self, settings: Settings, parts: Parts, live: LiveCampaigns | None = None) -> None:
        self._settings = settings
        self._parts = parts
        self._live = live
        self.metrics = Metrics()
        self.app = build_app(settings)
        self.table = add_table(self.app, settings)
        self._rules = Rules(
            parts, settings.topics.partitions, settings.worker.guard_positions, settings.topics.prefix
        )
        ground = Ground(
            rules=lambda: self._rules,
            settings=settings.worker,
            metrics=self.metrics,
            store=lambda: store_of(self.table),
            stop=end_process,
            has_read_all=lambda number: has_read_all(self.app.consumer, number),
            finish_s=settings.kafka.session_timeout_s / 2,
        )
        self.lanes = Lanes(ground)
        self._fences = Fences(settings.kafka, settings.topics.prefix, self.app.conf.id)
        self._logs: Mapping[int, Log] = {}
        self.agent = add_agent(self.app, settings, self.lanes)
        self.app.transport.hooks = self
        self._ready = False
        self._stopping = False
        self._numbers: frozenset[int] = frozenset()
        self._lags: Lags[TP] = Lags()
        self._ticked = time.monotonic()
        self._revoked_at = time.monotonic()
        self.table.on_recover(self._restored)

    async def finish(self) -> None:
        """Called by the consumer before partitions are given up: commit what is computed."""
        self._revoked_at = time.monotonic()
        if self._numbers:
            self.metrics.rebalances.inc()
        await self._close()

    async def restore(self, numbers: set[int]) -> None:
        """Called by recovery: fence whoever had these partition numbers, then read what they have committed.

        What we held before and nobody has touched since is here already.
        """
        settings, store = self._settings, store_of(self.table)
        topic = name_of(CHANGELOG, settings.topics.prefix)
        try:
            ours = await self._take(numbers)
            missing = numbers - (ours & store.complete)
            await restore(settings.kafka, topic, missing, store, self.metrics.restore_remaining.set)
        except KafkaError as error:
            end_process(no_broker(settings.kafka, type(error).__name__))
        except BeckonError as error:
            end_process(error)

    async def _take(self, numbers: set[int]) -> set[int]:
        """Make logs for these numbers; return those that nobody else can have written since we had them."""
        if self._settings.worker.atomic_step:
            self._logs, ours = await self._fences.take(numbers)
            return ours
        producer = self.app.producer._producer
        plain = PlainLog(producer, self._settings.topics.prefix, self.app.consumer.commit_offsets)
        self._logs = dict.fromkeys(numbers, plain)
        return set()

    async def run(self) -> None:
        """Run until a signal comes."""
        health = HealthServer(self._settings.metrics, self.metrics, self.is_ready, self.is_live)
        guarantee = "exactly once" if self._settings.worker.atomic_step else "at least once"
        log.info("worker_started", metrics=health.address, group=self.app.conf.id, guarantee=guarantee)
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        loop.set_exception_handler(lambda _, __: None)  # libraries' leftovers; what counts raises
        threading.excepthook = self._thread_ended
        runs = (self._run_app(), self._tick(), self._follow_campaigns(), told.wait())
        tasks = [asyncio.create_task(run) for run in runs]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not told.is_set():
            end_process(_reason(self.app, done))
        await self._stop()
        health.close()

    def is_ready(self) -> bool:
        """Return whether all assigned profiles are restored."""
        return self._ready

    def is_live(self) -> bool:
        """Return whether the event loop turns and no batch is stuck."""
        patience_s = self._settings.models.give_up_s + STUCK_S
        return time.monotonic() - self._ticked < STUCK_S and self.lanes.busy_for() < patience_s

    def _thread_ended(self, args: threading.ExceptHookArgs) -> None:
        # The consumer lives in a thread: without it nothing goes on. After a stop its end is no news.
        if not self._stopping:
            end_process(args.exc_value or RuntimeError("a thread ended"))

    async def _run_app(self) -> None:
        await self.app.start()
        await self.app.wait_until_stopped()

    async def _close(self) -> None:
        self._ready = False
        self.metrics.ready.set(0)
        await self.lanes.finish()
        self._numbers = frozenset()
        self.metrics.partitions.set(0)

    async def _stop(self) -> None:
        log.info("worker_stopping")
        self._stopping = True
        asyncio.get_running_loop().call_later(STOP_S, end_process, _late())
        self.app.consumer.stop_flow()
        await self._close()
        await self._fences.close()
        await self.app.stop()
        if self._parts.tagger is not None:
            self._parts.tagger.close()
        log.info("worker_stopped")

    async def _restored(self) -> None:
        """All is restored: open the lanes."""
        if self.app.consumer.between_assignments or self._stopping:
            return
        store = store_of(self.table)
        self._numbers = _shared_numbers(self.app.consumer.assignment())
        self.lanes.start(self._logs)
        self._ready = True
        seconds = time.monotonic() - self._revoked_at
        self.metrics.ready.set(1)
        self.metrics.partitions.set(len(self._numbers))
        self.metrics.restores.inc()
        self.metrics.restore_seconds.observe(seconds)
        gc.collect()
        gc.freeze()  # restored profiles stay; the collector need not walk them
        log.info(
            "worker_ready", partitions=len(self._numbers), profiles=len(store), seconds=round(seconds, 3)
        )

    async def _follow_campaigns(self) -> None:
        """Take other campaigns from the topic; a batch under way goes on with those that it began with."""
        live = self._live
        if live is None:
            await asyncio.Event().wait()
            return
        problems = 0
        while True:
            campaigns = await asyncio.to_thread(live.following)
            if campaigns is not None:
                self._rules = replace(self._rules, parts=replace(self._rules.parts, campaigns=campaigns))
                self.metrics.campaign_switches.inc()
            self.metrics.campaign_problems.inc(live.problems_total - problems)
            problems = live.problems_total

    async def _tick(self) -> None:
        tagger = self._parts.tagger
        for model, used in ({} if tagger is None else tagger.model_versions).items():
            self.metrics.model.labels(model, used).set(1)
        while True:
            self._ticked = time.monotonic()
            store = store_of(self.table)
            self.metrics.profiles.set(len(store))
            self.metrics.lane_waiting.set(self.lanes.waiting())
            show(self._lags, self.app.consumer, self.metrics)
            if tagger is not None:
                self.metrics.count_model(
                    tagger.model_calls, tagger.texts_scored, tagger.cache_hits, tagger.fallbacks
                )
            await asyncio.sleep(_TICK_S)


def run_worker(settings: Settings) -> None:
    """Run a worker until it is told to stop; raise the `BeckonError` of what is wrong at the start."""
    log.set_up(settings.log)
    parts = build(settings, tags="model" if settings.models.tags else "category")
    check_for_worker(settings.kafka, settings.topics)
    live = None
    if not settings.campaigns.file:
        live = LiveCampaigns(settings, parts.policy)
        parts = replace(parts, campaigns=live.start())
    # Profiles are many and cyclic garbage is rare: a collection per 700 allocations would cost a third.
    gc.set_threshold(100_000, 50, 100)
    asyncio.run(_main(settings, parts, live))
    # Faust's threads may linger; everything is committed and said.
    sys.stderr.flush()
    os._exit(0)


async def _main(settings: Settings, parts: Parts, live: LiveCampaigns | None) -> None:
    await Worker(settings, parts, live).run()


def end_process(error: BaseException) -> NoReturn:
    """Say why in one line and end, now, without committing: what was not acknowledged is done again."""
    line = (
        str(error)
        if isinstance(error, BeckonError)
        else f"worker: {_where(error)}{type(error).__name__}: {error}"
    )
    print(f"beckon: {line}"[:1000].replace("\n", " "), file=sys.stderr, flush=True)
    os._exit(error.exit_code if isinstance(error, BrokerError) else 1)


def _late() -> BeckonError:
    return BeckonError(
        "worker",
        f"could not finish and commit within {STOP_S:g} s",
        "what was begun will be done again; look at the brokers",
    )


def _where(error: BaseException) -> str:
    """Return the line of code where an error came up: it is a fault of ours."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}: " if frames else ""


def _shared_numbers(assignment: set[TP]) -> frozenset[int]:
    """Return the partition numbers assigned to us; end the process unless all topics have the same ones.

    A profile and the events of its shopper would otherwise be with different workers.
    """
    numbers: dict[str, set[int]] = {}
    for tp in assignment:
        numbers.setdefault(tp.topic, set()).add(tp.partition)
    different = {frozenset(mine) for mine in numbers.values()}
    if len(different) > 1:
        end_process(
            BeckonError(
                "worker",
                f"topics of one group were assigned apart: {numbers}",
                "stop the group's members that read other topics",
            )
        )
    return different.pop() if different else frozenset()


def _reason(app: faust.App, done: "set[asyncio.Task[Any]]") -> BaseException:
    raised = [error for task in done if (error := task.exception()) is not None]
    return raised[0] if raised else app.crash_reason or RuntimeError("Faust stopped by itself")

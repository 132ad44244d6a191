"""Replay: the worker's own functions on files. Same events, same bytes out, on any machine (design 11).

Each shopper's accepted events, those of all ids that an identify or alias connects, are put in (time, digest)
order over all files and then folded; times and lags come from the events alone, so that a replay decides as a
worker without lag would. Neither the number of processes nor that of the buckets changes a byte.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from schemas.decisions import Outcome
from schemas.errors import SettingsError
from schemas.ids import EventTime, ShopperId
from schemas.timestamps import iso_utc
from streams import replay_folder
from streams.connected import connected
from streams.crew import Crew
from streams.parquet import require_parquet_extra
from streams.parts import Parts
from streams.replay_bucket import How
from streams.replay_fold import Totals
from streams.replay_folder import ReplayFolder, write_dead_letter
from streams.replay_read import TOO_LARGE, Block, BlockRead, Contents
from streams.replay_rows import write_parquet
from streams.replay_work import (
    MERGED,
    MOVES,
    ROWS,
    Flush,
    Fold,
    Folded,
    Merge,
    Result,
    Sift,
    Task,
    Work,
    add_up,
    result_of,
    task_of,
)
from streams.shuffle import CALM, Disturbance
from streams.sources import HugeLine, blocks_of, check_readable, lines_at_most
from streams.spill import BUCKETS_MAX, bucket_of

#: Called now and then with a stage and how much of it is done: (done, of), of 0 when unknown.
Progress = Callable[[str, int, int], None]
#: Events of a bucket, which one process holds in memory: about 100 MB.
EVENTS_PER_BUCKET = 100_000
#: Buckets for every process at least: shoppers differ, and nobody shall wait for the one who got the busiest.
BUCKETS_PER_JOB = 8
#: Without being told, one process for every so many events, up to the cores: less is done before a second starts.
EVENTS_PER_JOB = 20_000


@dataclass(frozen=True)
class Request:
    """What to replay. `as_of` None: the newest accepted event. `keep_order`: file order, not time.

    `jobs` None: a process per core, fewer for little work. `buckets` 0: as many as the memory asks for.
    `rows`: write what was decided, with its outcome, to learn from. `beside`: files that the parts were made from,
    by the option that names them, for whoever verifies the folder later.
    """

    files: Sequence[Path]
    out: Path
    as_of: EventTime | None = None
    disturbance: Disturbance = CALM
    keep_order: bool = False
    jobs: int | None = None
    buckets: int = 0
    rows: bool = False
    beside: Mapping[str, Path] = field(default_factory=dict)


def replay(request: Request, parts: Parts, progress: Progress, wall_ms: int) -> dict[str, Any]:
    """Write the replay folder and return its summary; `wall_ms` stands in for a missing broker time."""
    if request.keep_order and len(request.files) > 1:
        raise SettingsError("--keep-order", "there are several files", "give one file, or leave it out")
    for path in request.files:
        check_readable(path)  # before the first of them has been worked through
    if request.rows:
        require_parquet_extra("--rows")
    started = time.perf_counter()
    jobs, buckets = _split(request)
    with ReplayFolder(request.out) as folder:
        how = How(
            [path.name for path in request.files],
            wall_ms,
            request.disturbance,
            request.keep_order,
            request.rows,
        )
        work = Work(how, parts, folder.temporary, buckets, in_memory=jobs == buckets == 1)
        with Crew[Task, Result](jobs, work.do, task_of, result_of) as crew:
            run = _Run(crew, work, buckets, folder, progress)
            contents = run.read(request.files)
            as_of = _as_of(request.as_of, contents.newest)
            # A model has threads of its own on all cores; its texts are tagged and folded in this process.
            totals = run.fold(contents, as_of, together=parts.tagger is None)
            run.merge(rows=request.rows)
        if request.rows:
            lines, out = folder.temporary / ROWS, folder.part(replay_folder.ROWS)
            write_parquet(lines, out, run.columns)
        summary = _summary(contents, totals, parts, as_of, time.perf_counter() - started, jobs)
        summary |= _order_of(request)
        folder.finish(summary)
    return summary


def _split(request: Request) -> tuple[int, int]:
    """Return how many processes and how many buckets there are to be."""
    events = sum(map(lines_at_most, request.files))
    jobs = request.jobs or max(1, min(len(os.sched_getaffinity(0)), events // EVENTS_PER_JOB))
    wanted = max(-(-events // EVENTS_PER_BUCKET), 1 if jobs == 1 else jobs * BUCKETS_PER_JOB)
    return jobs, request.buckets or min(wanted, BUCKETS_MAX)


class _Run:
    """One replay's three steps, each of which the whole crew does together."""

    def __init__(
        self, crew: Crew[Task, Result], work: Work, buckets: int, folder: ReplayFolder, progress: Progress
    ) -> None:
        self._crew = crew
        self._work = work
        self._buckets = range(buckets)
        self._folder = folder
        self._progress = progress
        #: Features that rows to learn from have.
        self.columns: set[str] = set()

    def read(self, files: Sequence[Path]) -> Contents:
        """Read all files; their events are in buckets then, connected shoppers together."""
        contents = Contents()
        for source, path in enumerate(files):
            first = 1
            for block in blocks_of(path):
                if isinstance(block, HugeLine):
                    self._take(self._crew.rest(), contents)  # dead letters stand in the order of the lines
                    letters = self._folder.file(replay_folder.DEAD_LETTERS)
                    contents.take_huge(write_dead_letter(letters, path.name, first, block, TOO_LARGE))
                    first += 1
                else:
                    self._take(self._crew.give(Block(source, first, block)), contents)
                    first += block.count(b"\n") + 1
            self._take(self._crew.rest(), contents)
        self._crew.give_all(Flush())
        self._bring_together(contents)
        return contents

    def _take(self, results: Iterator[Result], contents: Contents) -> None:
        for block in results:
            assert isinstance(block, BlockRead)
            contents.take(block)
            self._folder.file(replay_folder.DEAD_LETTERS).write(block.letters)
            self._progress("reading", contents.read, 0)

    def _bring_together(self, contents: Contents) -> None:
        moves = _moves(contents, len(self._buckets))
        if moves:
            (self._folder.temporary / MOVES).write_bytes(msgspec.msgpack.encode(moves))
            for _ in _each(self._crew, (Sift(bucket) for bucket in self._buckets)):
                pass
            self._crew.give_all(Flush())

    def fold(self, contents: Contents, as_of: EventTime, *, together: bool) -> Totals:
        """Fold bucket by bucket, together or in this process alone."""
        totals = Totals()
        alone = Crew[Task, Result](1, self._work.do, task_of, result_of)
        crew = self._crew if together else alone

        def tell(done: int) -> None:
            self._progress("folding", totals.applied + totals.duplicates + done, contents.accepted)

        self._work.progress = tell
        for result in _each(crew, (Fold(bucket, as_of) for bucket in self._buckets)):
            assert isinstance(result, Folded)
            add_up(totals, result)
            self.columns.update(result.columns)
            tell(0)
        return totals

    def merge(self, *, rows: bool) -> None:
        """Write the files whose lines come from all buckets."""
        tasks = [Merge(name, str(self._folder.part(name))) for name in MERGED]
        if rows:
            tasks.append(Merge(ROWS, str(self._folder.temporary / ROWS)))
        for _ in _each(self._crew, tasks):
            pass


def _each(crew: Crew[Task, Result], tasks: Iterable[Task]) -> Iterator[Result]:
    for task in tasks:
        yield from crew.give(task)
    yield from crew.rest()


def _moves(contents: Contents, buckets: int) -> dict[ShopperId, int]:
    """Return to which bucket the events of a key go, where connected shoppers come together in another one."""
    moves: dict[ShopperId, int] = {}
    if buckets > 1:
        for key, group in connected(contents.pairs).items():
            to = bucket_of(group[0], buckets)
            if bucket_of(key, buckets) != to:
                moves[key] = to
    return moves


def _as_of(asked: EventTime | None, newest: EventTime | None) -> EventTime:
    if asked is None:
        return EventTime(0) if newest is None else newest  # without an event there is nothing to look at
    if newest is not None and asked < newest:
        problem = f"{iso_utc(asked)} is before the newest event, {iso_utc(newest)}"
        raise SettingsError("--as-of", problem, "give a later time, or leave it out")
    return asked


def _order_of(request: Request) -> dict[str, Any]:
    """Return what `beckon verify` needs to know: what was read, and in which order it was folded."""
    return {
        "files": [str(path.resolve()) for path in request.files],
        "beside": {option: str(path.resolve()) for option, path in request.beside.items()},
        "keep_order": request.keep_order,
        "disturbance": msgspec.to_builtins(request.disturbance),
    }


def _summary(
    contents: Contents, totals: Totals, parts: Parts, as_of: EventTime, seconds: float, jobs: int
) -> dict[str, Any]:
    tagger, campaigns = parts.tagger, parts.campaigns
    return {
        "as_of": as_of,
        "read": contents.read,
        "accepted": contents.accepted,
        "applied": totals.applied,
        "duplicates": totals.duplicates,
        "skipped": contents.skipped.total(),
        "skipped_by_kind": dict(contents.skipped),
        "dead_lettered": contents.dead.total(),
        "dead_letters": dict(contents.dead),
        "dead_letter_fields": dict(contents.dead_fields),
        "profiles": totals.profiles,
        "orders": totals.orders,
        "refunds": totals.refunds,
        "spend": totals.spend,
        "currency": parts.border.money.base,
        "decisions": totals.decisions,
        "outcomes": {outcome.value: totals.outcomes[outcome.value] for outcome in Outcome},
        "reasons": {reason: count for reason, count in totals.reasons.items() if count},
        "offered_by_campaign": dict(totals.offered_by_campaign),
        "revoked": dict(totals.revoked),
        "tags": "category" if tagger is None else "model",
        "model_calls": 0 if tagger is None else tagger.model_calls,
        "texts_scored": 0 if tagger is None else tagger.texts_scored,
        "fallbacks": 0 if tagger is None else tagger.fallbacks,
        "model_versions": {} if tagger is None else dict(tagger.model_versions),
        "model_digests": {} if tagger is None else {"tags": tagger.model.digest},
        "policy_digest": None if campaigns is None else campaigns.digest,
        "jobs": jobs,
        "seconds": round(seconds, 3),
        "events_per_second": round(contents.read / seconds) if seconds > 0 else 0,
    }

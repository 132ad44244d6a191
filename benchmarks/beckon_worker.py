"""Our worker as an engine, and the settings it runs a job with."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from benchmarks.broker import BenchBroker, Entry
from benchmarks.events import Counts, Job, Load
from benchmarks.process import BECKON, ROOT, BenchError
from benchmarks.promoting import campaign_file, rule_of
from benchmarks.task import Outcome, Plan, Reading, Task, reading, run_on_kafka
from benchmarks.timeline import Mark
from schemas.codec import decode_profile
from schemas.profiles import Profile
from schemas.timestamps import parse_time
from schemas.topics import ALL, CHANGELOG, DEAD_LETTERS, PROMOTIONS
from streams.demo.plan import free_port
from streams.demo.worker_process import read_counts
from streams.settings import WorkerSettings

TAG_MODEL = "tags"
ATOMIC_STEP = "atomic_step"
#: The peer job's state: counters, interests and the newest products, as its rivals keep them, and little else.
_SMALL_PROFILE = {"recent_max": 20, "seen_max": 16, "cart_log_max": 4, "orders_log_max": 4, "days_max": 1}
#: The worker brings its counts of the model up to date once a second.
_COUNTS_S = 1.5

Section = Mapping[str, str | int | float | bool]


@dataclass(frozen=True)
class Variant:
    """How the worker runs. `tags` names its model, "" takes categories; `settings` go over ours.

    `others` more of it share the work, on the core of the bench: its rate counts the CPU time of all.
    """

    name: str
    tags: str = ""
    others: int = 0
    settings: Mapping[str, Section] = field(default_factory=dict)


def run(task: Task, variant: Variant) -> Outcome:
    """Run one worker to the end of the events."""
    port = free_port()
    config = task.folder / "beckon.toml"
    write_config(config, task, variant, port)

    def look() -> None:
        if variant.tags:
            time.sleep(_COUNTS_S)
            _check_model(port, variant.name)

    plan = Plan(
        variant.name,
        command=command(config),
        environment={},
        topics=[task.prefix + topic.name for topic in ALL],
        group=task.prefix + "beckon",
        changelog=task.prefix + CHANGELOG.name,
        promotions=task.prefix + PROMOTIONS.name,
        read=read,
        look=look,
        begun=ready_in,
        dead_letters=task.prefix + DEAD_LETTERS.name,
        others=[_other(task, variant, number) for number in range(variant.others)],
    )
    return run_on_kafka(task, plan)


def _other(task: Task, variant: Variant, number: int) -> list[str]:
    folder = task.folder / f"other-{number}"
    folder.mkdir()
    config = folder / "beckon.toml"
    write_config(config, replace(task, folder=folder), variant, free_port())
    return command(config)


def command(config: Path) -> list[str]:
    """Return the command of a worker with this file of settings."""
    return [*BECKON, "worker", "--config", str(config)]


def campaigns_of(load: Load, folder: Path) -> Path:
    """Return the file of campaigns for a job; that of the peer job is written into `folder`."""
    if load.job is Job.FULL:
        return ROOT / "examples" / "campaigns.yaml"
    file = folder / "campaigns.yaml"
    file.write_bytes(campaign_file(rule_of(load.promotions), load.silent))
    return file


def profile_settings(job: Job) -> Section:
    """Return the bounds of profiles for a job; the full one has the defaults."""
    return _SMALL_PROFILE if job is Job.PEER else {}


def write_config(path: Path, task: Task, variant: Variant, port: int) -> None:
    """Write a worker's `beckon.toml`; its health and metrics answer at `port`."""
    sections = worker_sections(task.broker, task.prefix, task.folder, port)
    sections["campaigns"] = {"file": str(campaigns_of(task.load, task.folder))}
    sections["models"] = {"dir": str(task.models.resolve()), "tags": variant.tags}
    sections["profile"] = profile_settings(task.load.job)
    for name, values in variant.settings.items():
        sections[name] = {**sections.get(name, {}), **values}
    path.write_text(toml(sections), encoding="utf-8")


def worker_sections(broker: BenchBroker, prefix: str, folder: Path, port: int) -> dict[str, Section]:
    """Return what any worker of a bench is told: broker, topics, its folder, its port."""
    return {
        "kafka": {"servers": broker.servers},
        "topics": {"prefix": prefix, "partitions": broker.partitions},
        "worker": {"data_dir": str(folder)},
        "metrics": {"port": port},
    }


def toml(sections: Mapping[str, Section]) -> str:
    """Return settings as a file.

    >>> print(toml({"kafka": {"servers": "here:1"}, "worker": {"guard_positions": True}}), end="")
    [kafka]
    servers = "here:1"
    [worker]
    guard_positions = true
    """
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def read(entries: Iterable[Entry]) -> Reading:
    """Return what the changelog tells: a profile holds the offset of its newest event."""
    newest: dict[bytes, bytes] = {}
    profiles: dict[bytes, Profile] = {}
    positions: dict[str, int] = {}
    done = 0
    marks = []
    for entry in entries:
        newest[entry.key] = entry.value
        profile = profiles[entry.key] = decode_profile(entry.value)
        # All events before that one were applied by then.
        for source, offset in profile.positions.items():
            before = positions.get(source, -1)
            if offset > before:
                positions[source] = offset
                done += offset - before
        marks.append(Mark(entry.at, done))
    counts = {key.decode(): counts_of(profile) for key, profile in profiles.items()}
    return reading(marks, counts, newest)


def ready_in(log: str) -> float | None:
    """Return the second from which events flow, as the worker logs it."""
    lines = [line for line in log.splitlines() if " worker_ready " in line]
    at = parse_time(lines[-1].split()[0]) if lines else None
    return None if at is None else at / 1000


def counts_of(profile: Profile) -> Counts:
    """Return what a profile counted."""
    return Counts(
        profile.views,
        profile.clicks,
        profile.cart_adds,
        profile.searches,
        profile.orders,
        profile.refunds,
    )


def model_missing(models: Path) -> str:
    """Return why there is no model to run with, or ""."""
    return "" if (models / TAG_MODEL / "current").exists() else f"no model in {models / TAG_MODEL}"


def atomic_step_missing() -> str:
    """Return why the atomic step cannot be chosen, or ""."""
    known = ATOMIC_STEP in WorkerSettings.__struct_fields__
    return "" if known else f"this version has no setting worker.{ATOMIC_STEP}"


def _check_model(port: int, name: str) -> None:
    """Raise `BenchError` unless the model has read texts, and none fell back to its category."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            counts = read_counts(str(answer.read(), "utf-8"))
    except (OSError, HTTPException) as error:
        raise BenchError(name, f"does not answer for its model: {error}", "run it again") from None
    if not counts["texts_scored"] or counts["fallbacks"]:
        problem = f"scored {counts['texts_scored']} texts, {counts['fallbacks']} fell back to their category"
        raise BenchError(name, problem, "look at `beckon models verify`")

"""All that one test on the broker needs: topics made by `topics apply`, settings, workers, a look inside."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from schemas.topics import SOURCES
from streams import topics as on_broker
from streams.settings import Settings, load
from tests.support.broker import Broker
from tests.support.kafka import Topics
from tests.support.workers import SESSION_S, WorkerProcess, until, write_settings

PARTITIONS = 4
CAMPAIGNS = Path(__file__).with_name("campaigns.yaml")
SOURCE_NAMES = tuple(topic.name for topic in SOURCES)


@dataclass
class Stand:
    """`flags` are settings by dotted name, as `beckon` takes them."""

    servers: str
    prefix: str
    folder: Path
    flags: dict[str, object] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings of the workers of this test."""
        return load(self._flags())

    @cached_property
    def broker(self) -> Broker:
        """A look at this test's topics and group."""
        return Broker(self.servers, self.prefix)

    def apply_topics(self) -> None:
        """Make the topics."""
        on_broker.apply(self.settings.kafka, self.settings.topics)

    def config(self, **flags: object) -> Path:
        """Write the settings, with `section__key` changed, and return the file."""
        changed = self._flags() | {name.replace("__", "."): value for name, value in flags.items()}
        sections: dict[str, dict[str, object]] = {}
        for name, value in changed.items():
            section, _, key = name.partition(".")
            sections.setdefault(section, {})[key] = value
        return write_settings(self.folder / "beckon.toml", sections)

    @contextmanager
    def workers(self, count: int = 1) -> Iterator[list[WorkerProcess]]:
        """Run workers inside the block."""
        with ExitStack() as stack:
            config = self.config()
            yield [
                stack.enter_context(WorkerProcess(config, self.folder / f"worker-{number}"))
                for number in range(count)
            ]

    def odd_worker(self, part: str) -> WorkerProcess:
        """Return a worker without one of its parts, see `tests.support.odd_worker`."""
        arguments = ("-m", "tests.support.odd_worker", part)
        return WorkerProcess(self.config(), self.folder / f"without-{part}", arguments=arguments)

    def wait_drained(self, workers: Iterable[WorkerProcess], seconds: float = 60) -> None:
        """Wait until all is processed and committed; fail if a worker ends before."""
        broker, mine = self.broker, list(workers)

        def is_drained() -> bool:
            for worker in mine:
                assert worker.runs(), worker.log()
            return broker.lag(SOURCE_NAMES) == 0

        until(is_drained, seconds, "all events are committed", pause_s=0.2)

    def wait_settled(self, workers: Iterable[WorkerProcess], seconds: float = 60) -> None:
        """Wait until all is committed, also what the workers told each other meanwhile."""
        mine, before = list(workers), -1
        while (sent := sum(self.broker.ends(["beckon.internal"]).values())) != before:
            before = sent
            self.wait_drained(mine, seconds)

    def _flags(self) -> dict[str, object]:
        return {
            "kafka.servers": self.servers,
            "kafka.session_timeout_s": SESSION_S,
            "topics.prefix": self.prefix,
            "topics.partitions": PARTITIONS,
            "models.tags": "",
            "campaigns.file": str(CAMPAIGNS),
            "worker.data_dir": str(self.folder / "data"),
            "metrics.port": 0,
        } | self.flags


def stand_on(topics: Topics, folder: Path) -> Stand:
    """Return a stand whose topics exist and go with `topics`."""
    stand = Stand(topics.servers, topics.prefix, folder)
    stand.apply_topics()
    return stand

"""The stack from start to end: each part when what it needs is up, all of them watched, ended in reverse order."""

import fcntl
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from threading import Event
from urllib.parse import urlsplit

import msgspec

from streams import local_kafka
from streams import topics as on_broker
from streams.demo.plan import environment, free_port
from streams.redis_clients import RedisError
from streams.redis_reader import RedisReader
from streams.settings import RedisSettings, Settings
from streams.simulator import Shop
from streams.simulator_sinks import write_truths
from streams.stack import programs
from streams.stack.plan import Options, Part, Running, write_config, write_prometheus
from streams.stack.process import Process, answers
from streams.told import ending_calmly

_UP_S = 60.0
_WATCH_S = 0.5
STATE = "stack.json"
_HOST = "127.0.0.1"


class Stack:
    """Everything that runs at once. `run` returns whether it all came up before somebody stopped it."""

    def __init__(self, options: Options, show: Callable[[Running], None]) -> None:
        self._options = options
        self._folder = options.folder
        self._show = show
        self._stop = Event()
        self._processes: list[Process] = []
        self._parts: list[Part] = []

    def run(self) -> bool:
        """Start all, show them, watch until told to stop or a part ends by itself (`ProgramError`)."""
        # Before anything is started: what is missing is told at once.
        redis, prometheus = programs.redis_server(), programs.prometheus()
        with ExitStack() as stack:
            self._take_folder(stack)
            write_truths(Shop(self._options.seed, self._options.shoppers, 0), self._folder)
            stack.enter_context(ending_calmly(self._stop))
            if not self._start(stack, redis, prometheus):
                return False
            running = Running(str(self._options.config), tuple(self._parts))
            (self._folder / STATE).write_bytes(msgspec.json.format(msgspec.json.encode(running), indent=2))
            self._show(running)
            self._watch()
        return True

    def _start(self, stack: ExitStack, redis: str, prometheus: str) -> bool:
        """Return whether all parts are up; False: somebody told us to stop before."""
        names = [*(f"worker {number}" for number in range(1, self._options.workers + 1)), "mirror"]
        ports = {name: free_port() for name in names}
        # First, for it takes some seconds until it looks: no first restore or rebalance goes unseen.
        if not self._start_prometheus(stack, prometheus, list(ports.values())):
            return False
        broker = local_kafka.start()
        stack.callback(broker.stop)
        self._parts.append(Part("Kafka", broker.servers, broker.pid))
        settings = write_config(self._options, broker.servers, f"redis://{_HOST}:{free_port()}/0")
        on_broker.apply(settings.kafka, settings.topics)
        return (
            self._start_redis(stack, redis, settings.redis)
            and all(self._start_ours(stack, name, port) for name, port in ports.items())
            and self._start_shop(stack, settings)
        )

    def _start_redis(self, stack: ExitStack, program: str, redis: RedisSettings) -> bool:
        port = str(urlsplit(redis.url).port)
        data = self._folder / "redis"
        data.mkdir()
        command = [program, "--port", port, "--bind", _HOST, "--save", "", "--dir", str(data)]
        process = self._process("Redis", programs.ending_with_us(command))
        reader = RedisReader(redis)
        stack.callback(reader.close)
        stack.enter_context(process)

        def is_up() -> bool:
            try:
                reader.ping()
            except RedisError:
                return False
            return True

        return self._wait(process, redis.url, is_up)

    def _start_prometheus(self, stack: ExitStack, program: str, ports: list[int]) -> bool:
        config = write_prometheus(self._folder, [f"{_HOST}:{port}" for port in ports])
        port = free_port()
        command = [program, f"--config.file={config}", f"--storage.tsdb.path={self._folder / 'prometheus'}"]
        command += [f"--web.listen-address={_HOST}:{port}", "--log.level=warn"]
        process = self._process("Prometheus", programs.ending_with_us(command))
        stack.enter_context(process)
        address = f"http://{_HOST}:{port}"
        return self._wait(process, address, lambda: answers(f"{address}/-/ready"))

    def _start_ours(self, stack: ExitStack, name: str, port: int) -> bool:
        command = [sys.executable, "-m", "streams.demo.child", name.partition(" ")[0]]
        command += ["--config", str(self._options.config), "--metrics-port", str(port)]
        own = {"BECKON_WORKER_DATA_DIR": str((self._folder / name.replace(" ", "-")).resolve())}
        process = stack.enter_context(self._process(name, command, own))
        address = f"http://{_HOST}:{port}"
        return self._wait(process, address, lambda: answers(f"{address}/ready"))

    def _start_shop(self, stack: ExitStack, settings: Settings) -> bool:
        options = self._options
        command = [sys.executable, "-m", "streams.demo.child", "simulate", "--config", str(options.config)]
        command += ["--rate", str(options.rate), "--shoppers", str(options.shoppers)]
        command += ["--seed", str(options.seed)]
        process = self._process("shop", command, ends_with=signal.SIGINT)
        stack.enter_context(process)
        return self._wait(process, settings.kafka.servers, lambda: True)

    def _process(
        self,
        name: str,
        command: list[str],
        own: dict[str, str] | None = None,
        ends_with: signal.Signals = signal.SIGTERM,
    ) -> Process:
        log = self._folder / f"{name.lower().replace(' ', '-')}.log"
        return Process(name, command, log, environment=environment() | (own or {}), ends_with=ends_with)

    def _wait(self, process: Process, address: str, is_up: Callable[[], bool]) -> bool:
        up = process.wait_until(is_up, _UP_S, self._stop.is_set)
        self._processes.append(process)
        self._parts.append(Part(process.name, address, process.pid))
        return up and not self._stop.is_set()

    def _watch(self) -> None:
        seconds = self._options.seconds
        until = None if seconds is None else time.monotonic() + seconds
        while not self._stop.wait(_WATCH_S) and (until is None or time.monotonic() < until):
            for process in self._processes:
                process.check()

    def _take_folder(self, stack: ExitStack) -> None:
        """Empty the folder; raise `ProgramError` where another stack uses it."""
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context(self._folder.with_suffix(".lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise programs.ProgramError("stack", f"one runs in {self._folder}", "end it first") from None
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()

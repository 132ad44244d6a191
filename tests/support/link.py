"""The network between one client and one broker, as bad as a test wants it: slow, narrow, silent, cut off.

Each pair of client and broker has a link of its own, and a broker names the link's port to that client, so nothing
goes round it. What is held back comes late, as TCP would send it again once the way is free; nothing is dropped
inside a connection, for no real network does that to one that lives on. So lost packets are delays: `lossy`.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from random import Random
from types import TracebackType
from typing import Any, Self

_CHUNK = 16_384
#: Chunks of one direction that may be under way; behind that the sender has to wait.
_UNDER_WAY = 256
_LOOK_S = 0.01
#: TCP sends what was lost again after this time at least (Linux: 200 ms).
RESEND_S = 0.2


class Way:
    """One direction. `passed` and `late` count bytes, and prove what was done to them."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.delay_s = 0.0
        #: The delay is drawn from `delay_s` plus or minus this.
        self.jitter_s = 0.0
        #: This share of the chunks is lost once and sent again.
        self.loss = 0.0
        #: Bytes a second of each connection; None: as fast as it goes.
        self.rate: float | None = None
        self.held = False
        self.passed = 0
        #: Bytes that wait in a way that is held.
        self.late = 0
        self.resent = 0

    def delay(self) -> float:
        """Return how long the next chunk takes."""
        seconds = max(0.0, self.delay_s + self._rng.uniform(-self.jitter_s, self.jitter_s))
        if self._rng.random() < self.loss:
            self.resent += 1
            seconds += RESEND_S * self._rng.uniform(1.0, 3.0)
        return seconds

    def heal(self) -> None:
        """Make it a fast and open one again."""
        self.delay_s = self.jitter_s = self.loss = 0.0
        self.rate = None
        self.held = False


class Link:
    """Listens on `port` of the loopback and passes on to `target`, a port too. `up` leads to the target."""

    def __init__(self, seed: int = 0) -> None:
        rng = Random(seed)
        self.up, self.down = Way(rng), Way(rng)
        self.target = 0
        #: Connections are refused, as by a machine where nobody listens, and those that are there end.
        self.cut = False
        self.connected = self.resets = self.refused = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def ways(self) -> tuple[Way, Way]:
        """Both directions."""
        return self.up, self.down

    def heal(self) -> None:
        """Let everything through again; what was held comes now."""
        self.cut = False
        for way in self.ways:
            way.heal()

    async def serve(self) -> None:
        """Pass connections on until cancelled."""
        server = await asyncio.start_server(self._connected, sock=self._listener)
        async with server:
            await server.serve_forever()

    def end_all(self) -> int:
        """Reset all connections (RST); return how many. For the loop's thread."""
        ended = 0
        for writer in list(self._writers):
            if not writer.transport.is_closing():
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                writer.transport.abort()
                ended += 1
        self.resets += ended
        return ended

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            self.refused += 1
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            self.refused += 1
            writer.transport.abort()
            return
        self.connected += 1
        self._writers |= {writer, back}
        pumps = (self._pump(reader, back, self.up), self._pump(there, writer, self.down))
        await asyncio.gather(*pumps)
        self._writers -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
        """Pass one direction on; when it ends the other side's does too."""
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_UNDER_WAY)
        delivery = asyncio.create_task(_deliver(chunks, writer, way))
        loop, due = asyncio.get_running_loop(), 0.0
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                due = max(due, loop.time() + way.delay())  # TCP keeps the order
                await chunks.put((due, chunk))
        await chunks.put((due, b""))
        await delivery


async def _deliver(
    chunks: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter, way: Way
) -> None:
    loop, broken = asyncio.get_running_loop(), False
    while True:
        due, chunk = await chunks.get()
        await asyncio.sleep(max(0.0, due - loop.time()))
        if way.held and chunk:
            way.late += len(chunk)
        while way.held and not writer.transport.is_closing():  # noqa: ASYNC110 another thread opens it
            await asyncio.sleep(_LOOK_S)
        if not chunk:
            break
        if not broken:
            try:
                writer.write(chunk)
                await writer.drain()
            except OSError:  # the queue is emptied all the same: the reader must not wait for room
                broken = True
            way.passed += len(chunk)
        if way.rate is not None:
            await asyncio.sleep(len(chunk) / way.rate)
    writer.close()


class Network:
    """The links of `clients` to `brokers` brokers, in one thread; use it in a `with`.

    `links[client][broker]` is theirs; set the targets before anybody connects.
    """

    def __init__(self, clients: int, brokers: int = 1, seed: int = 0) -> None:
        self.links = [
            [Link(seed + client * brokers + broker) for broker in range(brokers)] for client in range(clients)
        ]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        for links in self.links:
            for link in links:
                asyncio.run_coroutine_threadsafe(_quietly(link.serve()), self._loop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(5)
        if not self._loop.is_running():
            self._loop.close()

    def servers(self, client: int) -> str:
        """Return the brokers' addresses as this client knows them."""
        return ",".join(f"127.0.0.1:{link.port}" for link in self.links[client])

    def reset(self, client: int) -> int:
        """Reset all connections of a client; return how many there were."""
        return asyncio.run_coroutine_threadsafe(self._reset(client), self._loop).result(10)

    def heal(self) -> None:
        """Heal all links."""
        for links in self.links:
            for link in links:
                link.heal()

    def cut(self, client: int) -> None:
        """End a client's connections, and refuse new ones until it is healed."""
        for link in self.links[client]:
            link.cut = True
        self.reset(client)

    async def _reset(self, client: int) -> int:
        return sum(link.end_all() for link in self.links[client])

    def _end(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_later(0.2, self._loop.stop)


async def _quietly(serving: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await serving

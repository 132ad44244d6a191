"""A TCP proxy that breaks on command: the other side is away, or takes all and answers nothing."""

import contextlib
import selectors
import socket
import threading
from types import TracebackType
from typing import Self

_CHUNK = 65_536


class Proxy:
    """Listens on `port` and passes on to `target`; use it in a `with`."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._away = self._silent = self._closed = False
        #: Bytes that came through, to prove that the proxy is in the way at all.
        self.passed = 0
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._thread.join(5)

    def cut(self) -> None:
        """End all connections, and every new one at once."""
        self._away = True

    def hold(self) -> None:
        """Keep connections, pass nothing."""
        self._silent = True

    def heal(self) -> None:
        """Pass everything again; connections that were held are ended."""
        self._away = True
        while self._pairs:
            threading.Event().wait(0.01)
        self._away = self._silent = False

    def _run(self) -> None:
        while not self._closed:
            if self._away:
                self._end_all()
            for key, _ in self._selector.select(0.02):
                if key.fileobj is self._listener:
                    self._accept()
                elif not self._silent and isinstance(key.fileobj, socket.socket):
                    self._pass(key.fileobj)
            if self._silent:
                threading.Event().wait(0.02)
        self._end_all()
        self._listener.close()

    def _accept(self) -> None:
        ours, _ = self._listener.accept()
        if self._away:
            ours.close()
            return
        theirs = socket.create_connection(self._target)
        for one, other in ((ours, theirs), (theirs, ours)):
            self._pairs[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _pass(self, one: socket.socket) -> None:
        if one not in self._pairs:
            return
        other = self._pairs[one]
        try:
            found = one.recv(_CHUNK)
            if found:
                other.sendall(found)
                self.passed += len(found)
                return
        except OSError:
            pass
        self._end(one)
        self._end(other)

    def _end_all(self) -> None:
        for one in list(self._pairs):
            self._end(one)

    def _end(self, one: socket.socket) -> None:
        if self._pairs.pop(one, None) is None:
            return
        self._selector.unregister(one)
        with contextlib.suppress(OSError):
            one.close()

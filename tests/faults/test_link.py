"""The injector injects: what a link is told to do is what a plain echo server's client sees."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.link import Link, Network
from tests.support.workers import until

pytestmark = [pytest.mark.faults, pytest.mark.faults_quick]


@pytest.fixture
def network() -> Iterator[Network]:
    """One client's link to a server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as server, Network(1) as network:
        network.links[0][0].target = server.getsockname()[1]
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        yield network


@pytest.fixture
def link(network: Network) -> Link:
    return network.links[0][0]


@pytest.fixture
def client(link: Link) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", link.port), timeout=10) as client:
        yield client


def test_bytes_pass_and_are_counted(link: Link, client: socket.socket) -> None:
    client.sendall(b"hello")
    assert _read(client, 5) == b"hello"
    assert (link.up.passed, link.down.passed) == (5, 5)


def test_a_delay_holds_in_each_direction(link: Link, client: socket.socket) -> None:
    link.up.delay_s, link.down.delay_s = 0.1, 0.2
    started = time.monotonic()
    client.sendall(b"hello")
    assert _read(client, 5) == b"hello"
    assert time.monotonic() - started >= 0.3


def test_a_narrow_way_takes_as_long_as_its_bytes(link: Link, client: socket.socket) -> None:
    link.up.rate = 100_000.0
    started = time.monotonic()
    client.sendall(bytes(50_000))
    _read(client, 50_000)
    assert time.monotonic() - started >= 0.3  # the last chunk of 16 KiB is not waited for


def test_what_is_lost_comes_late_and_in_order(link: Link, client: socket.socket) -> None:
    link.up.loss = 0.5
    for number in range(8):
        client.sendall(bytes([number]))
        time.sleep(0.02)
    assert _read(client, 8) == bytes(range(8))
    assert link.up.resent > 0


def test_one_way_is_held_and_what_was_held_comes_later(link: Link, client: socket.socket) -> None:
    link.down.held = True
    client.sendall(b"hello")
    until(lambda: link.down.late == 5, 10, "the answer is held")
    assert link.up.passed == 5
    assert link.down.passed == 0
    link.heal()
    assert _read(client, 5) == b"hello"


def test_a_reset_ends_connections_that_are_there(network: Network, client: socket.socket) -> None:
    client.sendall(b"hello")
    _read(client, 5)
    assert network.reset(0) > 0
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_a_link_that_is_cut_lets_nobody_in_until_it_is_healed(network: Network, link: Link) -> None:
    network.cut(0)
    with socket.create_connection(("127.0.0.1", link.port), timeout=10) as client:
        assert client.recv(1) == b""
    assert link.refused == 1
    network.heal()
    with socket.create_connection(("127.0.0.1", link.port), timeout=10) as client:
        client.sendall(b"hello")
        assert _read(client, 5) == b"hello"


def _read(client: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = client.recv(count - len(found))
        assert piece, "the connection ended"
        found += piece
    return found


def _echo(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    with connection:
        try:
            while piece := connection.recv(65_536):
                connection.sendall(piece)
        except OSError:  # reset, as the test wants it
            return

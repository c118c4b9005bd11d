"""hub.rpc.sockets on real connections over the loopback."""

from __future__ import annotations

import os
import select
import socket
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from hub.rpc.peer import Peer
from hub.rpc.sockets import GrpcSockets

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 5.0
BRIEF = 0.05


class Site:
    """A port, and connections to it as the one who listens has them."""

    def __init__(self, family: int, stack: ExitStack) -> None:
        self._stack = stack
        self._listener = stack.enter_context(socket.socket(family))
        self._listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self._listener.listen()
        self.sockets = GrpcSockets(self._listener.getsockname()[1])
        stack.callback(self.sockets.close)

    def connect(self) -> tuple[socket.socket, socket.socket, Peer]:
        """Return the client's end, the server's, and the client's address."""
        client = self._stack.enter_context(socket.create_connection(self._listener.getsockname()[:2], SECONDS))
        server = self._stack.enter_context(self._listener.accept()[0])
        server.settimeout(SECONDS)
        host, port = client.getsockname()[:2]
        return client, server, Peer.of(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    def find(self) -> dict[int, Peer | None]:
        """Look everywhere."""
        found: dict[int, Peer | None] = {}
        for _ in range(self.sockets.turns):
            found.update(self.sockets.find())
        return found


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A port of either kind."""
    with ExitStack() as stack:
        yield Site(request.param, stack)


def test_connections_are_found_among_this_process_s_files(site: Site) -> None:
    """Those of the port, and the listening side only; once; and that they are gone."""
    assert site.find() == {}
    _, one, first = site.connect()
    _, two, second = site.connect()
    assert site.find() == {one.fileno(): first, two.fileno(): second}
    assert site.find() == {}
    number = one.fileno()
    one.close()
    assert site.find() == {number: None}


def test_a_number_that_stands_for_another_connection_is_found(site: Site) -> None:
    """The system gives the lowest numbers again."""
    _, one, _ = site.connect()
    _, two, second = site.connect()
    site.find()
    number = one.fileno()
    os.dup2(two.fileno(), number)
    assert site.find() == {number: second}


def test_a_new_one_is_found_at_the_first_look(site: Site) -> None:
    """Although many files are open."""
    with ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(200)]
        for end in (end for pair in pairs for end in pair):
            stack.enter_context(end)
        site.find()
        _, one, peer = site.connect()
        assert dict(site.sockets.find())[one.fileno()] == peer


def test_what_comes_is_counted_and_told(site: Site) -> None:
    """Even where it has been read already."""
    client, one, _ = site.connect()
    site.find()
    site.sockets.news()
    client.sendall(bytes(1000))
    assert len(one.recv(2000)) == 1000
    assert select.select([site.sockets], [], [], SECONDS)[0]
    assert site.sockets.news() == [one.fileno()]
    assert site.sockets.news() == []
    assert site.sockets.counts(one.fileno()) == (1000, 0)


def test_who_is_ignored_has_no_news(site: Site) -> None:
    """Its bytes are counted all the same; that of another peer changes nothing."""
    client, one, peer = site.connect()
    site.find()
    site.sockets.ignore(one.fileno(), Peer.of("192.0.2.1:1"))
    assert site.sockets.news() == [one.fileno()]
    site.sockets.ignore(one.fileno(), peer)
    site.sockets.ignore(one.fileno(), peer)
    client.sendall(b"x")
    assert select.select([one], [], [], SECONDS)[0]
    assert site.sockets.news() == []
    assert site.sockets.counts(one.fileno()) == (1, 0)


def test_what_is_no_connection_has_no_counts(site: Site) -> None:
    """Nor has a number that stands for nothing."""
    one, two = socket.socketpair()
    with one, two:
        assert site.sockets.counts(one.fileno()) is None
    assert site.sockets.counts(100_000) is None


def test_who_is_held_loses_nothing(site: Site) -> None:
    """It comes once the connection is released."""
    client, one, peer = site.connect()
    assert site.sockets.hold(one.fileno(), peer)
    client.sendall(b"late")
    one.settimeout(BRIEF)
    with pytest.raises(TimeoutError):
        one.recv(10)
    assert site.sockets.release(one.fileno(), peer)
    one.settimeout(SECONDS)
    assert one.recv(10) == b"late"


def test_what_waits_can_be_thrown_away(site: Site) -> None:
    """What comes afterwards is read; where nothing waits, nothing happens."""
    client, one, peer = site.connect()
    client.sendall(b"waits")
    assert select.select([one], [], [], SECONDS)[0]
    site.sockets.drain(one.fileno(), peer)
    site.sockets.drain(one.fileno(), peer)
    client.sendall(b"next")
    assert one.recv(10) == b"next"


def test_who_is_cut_is_cut_at_once(site: Site) -> None:
    """What was not read is gone, and the peer is told."""
    client, one, peer = site.connect()
    client.sendall(bytes(1000))
    assert select.select([one], [], [], SECONDS)[0]
    assert site.sockets.cut(one.fileno(), peer)
    with pytest.raises(OSError):  # noqa: PT011  reset, or not connected
        one.recv(10)
    with pytest.raises(ConnectionResetError):
        client.recv(10)
    assert one.fileno() >= 0


def test_nothing_is_done_to_another_connection(site: Site) -> None:
    """The number has changed hands meanwhile."""
    _, one, _ = site.connect()
    client, two, second = site.connect()
    assert not site.sockets.hold(one.fileno(), second)
    assert not site.sockets.cut(one.fileno(), second)
    assert not site.sockets.release(100_000, second)
    left, right = socket.socketpair()
    with left, right:
        assert not site.sockets.cut(left.fileno(), second)
    client.sendall(b"x")
    assert two.recv(1) == b"x"


def test_a_window_may_be_narrow_for_a_while(site: Site) -> None:
    """Then the kernel decides again."""
    client, one, peer = site.connect()
    client.settimeout(BRIEF)
    site.sockets.narrow(one.fileno(), peer, 2**14)
    sent = 0
    with suppress(TimeoutError):
        while True:
            sent += client.send(bytes(2**16))
    site.sockets.narrow(one.fileno(), peer, 0)
    one.settimeout(0)
    client.settimeout(SECONDS)
    taken = 0
    while taken < sent and select.select([one], [], [], SECONDS)[0]:
        taken += len(one.recv(2**20))
    assert taken == sent
    assert one.getsockopt(socket.SOL_SOCKET, 72) == 0

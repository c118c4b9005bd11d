"""hub.rpc.guard: which connections it looks at, and what it does to them."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest_asyncio

from hub.core.line_account import LineLimits
from hub.rpc.guard import Guard
from hub.rpc.peer import Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

LIMITS = LineLimits(stranger_bytes=10_000, client_bytes=50_000, bytes_per_s=1, hold_seconds=0.2)
ADDRESS = "192.0.2.7:5000"
PEER = Peer.of(ADDRESS)
CALL = 100_000
SECONDS = 5.0


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110  the guard tells nobody
            await asyncio.sleep(0.001)


class FakeSockets:
    """Connections that exist in a test only."""

    turns = 1

    def __init__(self) -> None:
        self.open: dict[int, Peer] = {}
        self.received: dict[int, int] = {}
        self.done: list[str] = []
        self._known: dict[int, Peer] = {}
        self._fresh: set[int] = set()
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)

    def connect(self, file: int, peer: Peer) -> None:
        """Have a connection come."""
        self.open[file] = peer
        self.received[file] = 0

    def comes(self, file: int, size: int, *, told: bool = True) -> None:
        """Have bytes come."""
        self.received[file] += size
        if told:
            self._fresh.add(file)
            os.write(self._write, b"x")

    async def did(self, what: str, times: int = 1) -> None:
        """Wait until something has been done so often."""
        await until(lambda: self.done.count(what) >= times)

    def fileno(self) -> int:
        """Return what can be read once there is news."""
        return self._read

    def news(self) -> list[int]:
        """Return those that have news."""
        with suppress(BlockingIOError):
            os.read(self._read, 1000)
        fresh, self._fresh = self._fresh, set()
        return list(fresh)

    def ignore(self, file: int, _peer: Peer) -> None:
        """Take note of it."""
        self.done.append(f"ignore {file}")

    def find(self) -> Iterator[tuple[int, Peer | None]]:
        """Yield what has changed."""
        for file in {*self.open, *self._known}:
            if self.open.get(file) != self._known.get(file):
                yield file, self.open.get(file)
        self._known = dict(self.open)

    def counts(self, file: int) -> tuple[int, int] | None:
        """Return what came."""
        return (self.received[file], 0) if file in self.open else None

    def narrow(self, file: int, _peer: Peer, size: int) -> None:
        """Take note of it."""
        self.done.append(f"narrow {file}" if size else f"widen {file}")

    def hold(self, file: int, peer: Peer) -> bool:
        """Take note of it."""
        return self._do("hold", file, peer)

    def release(self, file: int, peer: Peer) -> bool:
        """Take note of it."""
        return self._do("release", file, peer)

    def drain(self, file: int, peer: Peer) -> None:
        """Take note of it."""
        self._do("drain", file, peer)

    def cut(self, file: int, peer: Peer) -> bool:
        """Take note of it."""
        return self._do("cut", file, peer)

    def _do(self, what: str, file: int, peer: Peer) -> bool:
        if self.open.get(file) != peer:
            return False
        self.done.append(f"{what} {file}")
        return True

    def close(self) -> None:
        """Let go."""
        os.close(self._read)
        os.close(self._write)


class Site:
    """A guard, its sockets, and what it told."""

    def __init__(self) -> None:
        self.sockets = FakeSockets()
        self.told: list[str] = []
        self.guard = Guard(LIMITS, self.told.append)
        self.guard.begin(self.sockets)

    async def connect(self, file: int = 7, peer: Peer = PEER) -> None:
        """Have a connection come, and found."""
        self.sockets.connect(file, peer)
        self.guard.arrived()
        await self.sockets.did(f"narrow {file}")


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """A guard that watches."""
    made = Site()
    yield made
    made.guard.end()


async def test_a_flood_is_held_and_then_cut(site: Site) -> None:
    """Each is told once."""
    await site.connect()
    while "hold 7" not in site.sockets.done:
        site.sockets.comes(7, 5000)
        await asyncio.sleep(0.005)
    await site.sockets.did("cut 7")
    assert site.told == ["held", "cut"]
    assert site.sockets.received[7] < 10 * LIMITS.stranger_bytes


async def test_a_flood_without_news_is_found_in_time(site: Site) -> None:
    """A peer that reads nothing may have none: all are looked at in turn."""
    await site.connect()
    while "hold 7" not in site.sockets.done:
        site.sockets.comes(7, 5000, told=False)
        await asyncio.sleep(0.005)


async def test_a_client_that_floods_is_held_in_time(site: Site) -> None:
    """Its news are not told, so it is looked at often while anything comes, and all the time once it has much."""
    await site.connect()
    line = site.guard.enter(ADDRESS)
    site.guard.asked(line, CALL)
    site.guard.answered(line, CALL)
    await asyncio.sleep(0.1)
    site.sockets.comes(7, 100, told=False)
    await until(lambda: line.account.received_bytes == 100)
    await asyncio.sleep(0.1)  # it is new no more
    while "hold 7" not in site.sockets.done:
        site.sockets.comes(7, 2000, told=False)
        await asyncio.sleep(0.002)
    assert site.sockets.received[7] < 2 * LIMITS.client_bytes


async def test_a_call_frees_its_connection(site: Site) -> None:
    """One that was held too early."""
    await site.connect()
    site.sockets.comes(7, 20_000)
    while "hold 7" not in site.sockets.done:
        site.sockets.comes(7, 1)
        await asyncio.sleep(0.005)
    line = site.guard.enter(ADDRESS)
    site.guard.asked(line, CALL)
    assert sorted(site.sockets.done[-2:]) == ["release 7", "widen 7"]
    await asyncio.sleep(0.1)
    assert not site.told  # it was for a moment


async def test_a_message_is_no_flood(site: Site) -> None:
    """Its bytes came on the connection, and the service took them."""
    await site.connect()
    line = site.guard.enter(ADDRESS)
    site.guard.asked(line, CALL)
    site.guard.answered(line, CALL)
    for _ in range(50):
        site.sockets.comes(7, 9000)
        line.account.took(9000)
        await asyncio.sleep(0.003)
    line.account.ended(CALL, empty=False)
    site.guard.leave(line)
    site.sockets.comes(7, 9000)
    await asyncio.sleep(0.15)
    assert line.account.stray_bytes < 10_000
    assert not site.told


async def test_a_call_may_be_heard_of_before_its_connection(site: Site) -> None:
    """It is looked for then; nothing narrows it."""
    site.sockets.connect(7, PEER)
    line = site.guard.enter(ADDRESS)
    site.guard.asked(line, CALL)
    await until(lambda: line.file == 7)
    assert not site.sockets.done


async def test_who_offends_is_held_before_the_next_look(site: Site) -> None:
    """And cut, whatever it asks."""
    await site.connect()
    line = site.guard.enter(ADDRESS)
    site.guard.offended(line)
    assert site.sockets.done[-2:] == ["hold 7", "drain 7"]
    site.guard.asked(line, CALL)
    await site.sockets.did("cut 7")


async def test_nothing_is_done_to_the_next_owner_of_a_number(site: Site) -> None:
    """The connection has been closed, and the number is another's."""
    await site.connect()
    line = site.guard.enter(ADDRESS)
    site.sockets.open[7] = Peer.of("192.0.2.8:1")
    site.guard.offended(line)
    assert site.sockets.done == ["narrow 7"]
    assert line.file < 0
    assert not site.told
    site.guard.arrived()
    await site.sockets.did("narrow 7", 2)


async def test_connections_that_are_gone_are_forgotten(site: Site) -> None:
    """Those with a call that still runs, when it ends."""
    await site.connect()
    line = site.guard.enter(ADDRESS)
    del site.sockets.open[7]
    site.guard.offended(line)
    assert site.guard.enter(ADDRESS) is line
    site.guard.leave(line)
    site.guard.leave(line)
    assert site.guard.enter(ADDRESS) is not line


async def test_an_address_that_comes_again_is_its_newest_connection(site: Site) -> None:
    """Under another number; that the old one ends says nothing of it."""
    await site.connect(7)
    await site.connect(8)
    del site.sockets.open[7]
    site.guard.arrived()
    line = site.guard.enter(ADDRESS)
    await asyncio.sleep(0.02)
    assert line.file == 8


async def test_a_guard_that_has_ended_does_nothing() -> None:
    """Threads of gRPC may still call."""
    site = Site()
    await site.connect()
    line = site.guard.enter(ADDRESS)
    site.guard.end()
    site.guard.arrived()
    site.guard.asked(line, CALL)
    site.guard.offended(line)
    site.guard.leave(line)
    assert site.sockets.done == ["narrow 7"]

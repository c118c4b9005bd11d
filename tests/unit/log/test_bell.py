"""hub.log.bell: the processes that share a log wake each other, and none can hold another up."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from hub.errors import ConfigError
from hub.log.bell import SocketBell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    Make = Callable[[int], SocketBell]


class Ear:
    """A process that listens: what it was woken for, and `woken` once that is as many as wanted."""

    def __init__(self, bell: SocketBell, wanted: int = 1) -> None:
        self.heard: list[str] = []
        self._wanted = wanted
        self._woken = asyncio.Event()
        bell.answer(self._take)

    def _take(self, tenant: str) -> None:
        self.heard.append(tenant)
        if len(self.heard) >= self._wanted:
            self._woken.set()

    async def woken(self) -> list[str]:
        """Return what was heard, sorted, once it is enough."""
        async with asyncio.timeout(5):
            await self._woken.wait()
        return sorted(self.heard)


@pytest_asyncio.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """Return a function that makes the bell of a process with this id."""
    made: list[SocketBell] = []

    def make(pid: int) -> SocketBell:
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: pid)
            made.append(SocketBell(tmp_path / "bells"))
        return made[-1]

    yield make
    for bell in made:
        bell.close()


def sockets(tmp_path: Path) -> list[str]:
    """Return the names of the sockets in the folder."""
    return sorted(path.name for path in (tmp_path / "bells").iterdir())


async def test_ringing_wakes_every_other_process(make: Make) -> None:
    """All others hear the tenants; who rings does not."""
    ringing, *others = make(1), make(2), make(3)
    itself, ears = Ear(ringing), [Ear(other, 2) for other in others]
    ringing.ring(["a", "b"])
    assert [await ear.woken() for ear in ears] == [["a", "b"], ["a", "b"]]
    others[0].ring(["c"])
    assert await itself.woken() == ["c"]


async def test_many_rings_for_a_tenant_wake_once(make: Make) -> None:
    """What gathered while a process was busy is one call a tenant."""
    ringing, ear = make(1), Ear(make(2), 2)
    for tenant in ("a", "b", "a", "a", "b"):
        ringing.ring([tenant])
    assert await ear.woken() == ["a", "b"]


async def test_a_process_that_does_not_read_holds_nobody_up(make: Make) -> None:
    """A full socket is passed over; its owner still hears what found room, the others hear all."""
    ringing, deaf = make(1), make(2)
    ear = Ear(make(3), 600)
    for number in range(600):
        ringing.ring([f"t{number}"])
        await asyncio.sleep(0)
    assert len(await ear.woken()) == 600
    assert "t0" in await Ear(deaf).woken()


async def test_a_commit_of_very_many_tenants_can_be_rung_for(make: Make) -> None:
    """The names take several datagrams; those that find room arrive whole."""
    tenants = [f"{number:063d}" for number in range(5000)]
    ringing, ear = make(1), Ear(make(2), 1000)
    ringing.ring(tenants)
    assert set(tenants[:1000]) <= set(await ear.woken()) <= set(tenants)


async def test_the_socket_of_a_dead_process_is_cleared_away(make: Make, tmp_path: Path) -> None:
    """It is noticed by the next ring, and the living are woken all the same."""
    ringing, ear = make(1), Ear(make(3))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as killed:
        killed.bind(str(tmp_path / "bells" / "2.sock"))
    ringing.ring(["a"])
    assert await ear.woken() == ["a"]
    assert sockets(tmp_path) == ["1.sock", "3.sock"]


async def test_a_process_takes_the_place_of_a_dead_one_of_its_id(make: Make) -> None:
    """Process ids come again; what is left of the old one is no obstacle."""
    make(2)
    ringing, ear = make(1), Ear(make(2))
    ringing.ring(["a"])
    assert await ear.woken() == ["a"]


async def test_closing_removes_the_socket(tmp_path: Path) -> None:
    """Nobody finds it there any more."""
    bell = SocketBell(tmp_path / "bells")
    bell.answer(lambda _: None)
    assert sockets(tmp_path) == [f"{os.getpid()}.sock"]
    bell.close()
    assert sockets(tmp_path) == []


async def test_the_folder_is_its_owner_s_alone(make: Make, tmp_path: Path) -> None:
    """Other users of the machine can neither ring nor listen."""
    make(1)
    assert (tmp_path / "bells").stat().st_mode & 0o777 == 0o700


def test_a_path_too_long_for_a_socket_is_a_mistake_of_configuration(tmp_path: Path) -> None:
    """The system allows about a hundred bytes; the message says what to do."""
    with pytest.raises(ConfigError, match="shorter path"):
        SocketBell(tmp_path / ("deep" * 30))

"""hub.web.tls_listener over real sockets of this machine: who is let in, and when."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from typing import Any

import pytest

from hub.web.tls_listener import TlsListener
from tests.tls_line import PATIENCE, Heard, serving, until


@pytest.mark.parametrize("words", [b"GET / HTTP/1.1\r\n\r\n" * 10, b"\x16\x03\x01\x00\x05hello" * 10])
async def test_who_does_not_speak_tls_is_not_let_in(contexts: Any, words: bytes) -> None:
    """The connection is closed, and no protocol ever hears of it."""
    async with serving(contexts) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(words)
        with suppress(OSError):
            await asyncio.wait_for(reader.read(-1), PATIENCE)
        writer.close()
        assert server.heard.empty()
        assert not server.listener.shaking


async def test_a_silent_peer_is_cut_in_time(contexts: Any) -> None:
    """A handshake that is not done is not waited for for ever."""
    async with serving(contexts, handshake_seconds=0.05) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with suppress(OSError):
            assert await asyncio.wait_for(reader.read(-1), PATIENCE) == b""
        writer.close()
        assert server.heard.empty()
        assert not server.listener.shaking


class SlowClock:
    """An event loop whose clock goes on by 0.4 ms whenever it is looked at."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._now = 0.0

    def __getattr__(self, name: str) -> Any:
        """All else is the loop's own."""
        return getattr(self._loop, name)

    def time(self) -> float:
        """Return the clock."""
        self._now += 0.0004
        return self._now


async def test_many_handshakes_leave_turns_to_everything_else(contexts: Any) -> None:
    """Of forty that come at once as many are gone on with in a turn of the loop as a millisecond has room for."""
    async with serving(contexts) as server:
        server.listener.loop = SlowClock(server.listener.loop)  # type: ignore[assignment]
        steps: list[int] = []
        turn = server.listener._turn  # noqa: SLF001  how long it takes is what is looked at

        def counted() -> None:
            before = len(server.listener._ready)  # noqa: SLF001  as above
            turn()
            steps.append(before - len(server.listener._ready))  # noqa: SLF001  as above

        server.listener._turn = counted  # type: ignore[method-assign]  # noqa: SLF001
        connecting = [
            asyncio.open_connection("127.0.0.1", server.port, ssl=contexts[1], server_hostname="localhost")
            for _ in range(40)
        ]
        streams = await asyncio.wait_for(asyncio.gather(*connecting), PATIENCE)
        assert sum(steps) >= 40
        assert max(steps) == 2
        for _, writer in streams:
            writer.transport.abort()
        for _ in streams:
            heard = await server.heard.get()
            await heard.until(lambda heard=heard: bool(heard.lost))  # type: ignore[misc]


async def test_a_closed_listener_lets_nobody_in(contexts: Any) -> None:
    """Nor those whose handshake is not done."""
    async with serving(contexts) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await until(lambda: bool(server.listener.shaking))
        server.listener.close()
        server.listener.close()
        await server.listener.wait_closed()
        with suppress(OSError):
            assert await asyncio.wait_for(reader.read(-1), PATIENCE) == b""
        writer.close()


async def test_at_the_end_of_the_server_nobody_is_waited_for(contexts: Any) -> None:
    """A peer that never ends by itself is let go of; otherwise its socket would outlive the event loop."""
    async with serving(contexts) as server:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=contexts[1], server_hostname="localhost"
        )
        heard = await asyncio.wait_for(server.heard.get(), PATIENCE)
        heard.transport.pause_reading()
        inner = heard.transport.get_extra_info("socket")
        heard.transport.close()
        await heard.until(lambda: bool(heard.lost))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        server.listener.close()
        await server.listener.wait_closed()
        assert inner.fileno() == -1
        writer.transport.abort()
        del reader


class Exhausted:
    """A listening socket that fails once, as where too many files are open, and then works."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self.failures = 1

    def accept(self) -> tuple[socket.socket, Any]:
        """Fail, or accept."""
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self._inner.accept()

    def __getattr__(self, name: str) -> Any:
        """Be the socket in all else."""
        return getattr(self._inner, name)


async def test_without_files_to_open_it_rests_and_goes_on(
    contexts: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer that came meanwhile is served then."""
    monkeypatch.setattr("hub.web.tls_listener._NO_FILES_SECONDS", 0.02)
    inner = socket.create_server(("127.0.0.1", 0))
    heard: list[Heard] = []

    def make() -> Heard:
        heard.append(Heard())
        return heard[-1]

    listener = TlsListener(Exhausted(inner), contexts[0], make, PATIENCE)  # type: ignore[arg-type]
    try:
        _, writer = await asyncio.wait_for(
            asyncio.open_connection(*inner.getsockname(), ssl=contexts[1], server_hostname="localhost"), PATIENCE
        )
        writer.transport.abort()
        assert "web_accept_postponed" in caplog.text
    finally:
        listener.close()
        inner.close()
    await until(lambda: bool(heard and heard[0].lost))

"""hub.web.tls over real sockets of this machine, with the standard library's TLS on the other end."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from hub.web.tls import TlsTransport
from tests.tls_line import PATIENCE, connected, holds, serving, until

if TYPE_CHECKING:
    import ssl

LARGE = 8 * 2**20


async def test_both_ends_hear_what_the_other_says(contexts: Any) -> None:
    """And the transport knows its peer, its TLS and its own address."""
    async with connected(contexts) as (heard, reader, writer):
        writer.write(b"ping")
        await heard.until(lambda: heard.data == b"ping")
        heard.transport.write(b"pong")
        heard.transport.write(b"!")
        assert await reader.readexactly(5) == b"pong!"
        about = heard.transport.get_extra_info
        assert about("peername") == writer.get_extra_info("sockname")
        assert about("sockname") == writer.get_extra_info("peername")
        assert about("ssl_object").version() == "TLSv1.3"
        assert about("sslcontext") is contexts[0]


async def test_what_the_network_does_not_take_waits_in_order(contexts: Any) -> None:
    """The protocol is told to pause above the mark, and to go on below it; nothing is lost or changed."""
    async with connected(contexts) as (heard, reader, _):
        transport = heard.transport
        transport.set_write_buffer_limits(1000, 100)
        frames = [bytes([number]) * (LARGE // 16) for number in range(16)]
        for frame in frames:
            transport.write(frame)
        assert transport.get_write_buffer_size() > 1000
        assert heard.calls == ["made", "pause"]
        assert await reader.readexactly(LARGE) == b"".join(frames)
        await heard.until(lambda: heard.calls[-1] == "resume")
        assert transport.get_write_buffer_size() == 0
        transport.write(b"after")
        assert await reader.readexactly(5) == b"after"


def test_the_marks_are_as_asyncio_has_them() -> None:
    """One of them, or none, is enough."""
    transport = TlsTransport.__new__(TlsTransport)
    for asked, marks in ((({}), (16384, 65536)), ({"high": 4000}, (1000, 4000)), ({"low": 100}, (100, 400))):
        transport.set_write_buffer_limits(**asked)
        assert transport.get_write_buffer_limits() == marks


async def test_a_close_sends_what_waits_and_says_goodbye(contexts: Any) -> None:
    """The peer reads to a clean end; the protocol is told once, without an error."""
    async with connected(contexts) as (heard, reader, _):
        heard.transport.write(bytes(LARGE))
        heard.transport.close()
        heard.transport.write(b"too late")
        assert heard.transport.is_closing()
        assert await asyncio.wait_for(reader.read(-1), PATIENCE) == bytes(LARGE)
        await heard.until(lambda: bool(heard.lost))
        assert heard.lost == [None]


def _talk(port: int, context: ssl.SSLContext) -> tuple[bytes, int]:
    """Send, read to the end, and send once more; return what was read, and what the network says of the connection."""
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
    with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as client:
        client.sendall(bytes(16_000))
        heard = b"".join(iter(lambda: client.recv(1000), b""))
        socket.socket.send(client, b"and on")
        return heard, client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


async def test_a_peer_that_goes_on_sending_can_read_the_last_word(contexts: Any) -> None:
    """Its data is passed over, not answered with a reset, which may take the last word from it."""
    async with serving(contexts) as server:
        talking = asyncio.create_task(asyncio.to_thread(_talk, server.port, contexts[1]))
        heard = await asyncio.wait_for(server.heard.get(), PATIENCE)
        heard.transport.pause_reading()
        await until(lambda: holds(heard.transport.get_extra_info("socket")))  # else to close it would be no reset
        heard.transport.write(b"too much")
        heard.transport.close()
        assert await asyncio.wait_for(talking, PATIENCE) == (b"too much", 0)
        await heard.until(lambda: bool(heard.lost))


async def test_an_abort_cuts_at_once(contexts: Any) -> None:
    """What waits is dropped, and the protocol is told once."""
    async with connected(contexts) as (heard, reader, _):
        heard.transport.write(bytes(LARGE))
        heard.transport.abort()
        heard.transport.abort()
        heard.transport.close()
        await heard.until(lambda: bool(heard.lost))
        assert heard.calls.count("lost") == 1
        with suppress(OSError):
            assert len(await asyncio.wait_for(reader.read(-1), PATIENCE)) < LARGE


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_peer_that_ends_is_let_go_of(contexts: Any, how: str) -> None:
    """In order or not."""
    async with connected(contexts) as (heard, _, writer):
        getattr(writer.transport, how)()
        await heard.until(lambda: bool(heard.lost))
        assert heard.transport.is_closing()
        assert ("eof" in heard.calls) or heard.lost[0] is not None


async def test_nothing_is_read_while_paused(contexts: Any) -> None:
    """Also not what came with what has been read, which comes when reading goes on though the network is silent."""
    async with connected(contexts) as (heard, _, writer):
        heard.transport.pause_reading()
        assert not heard.transport.is_reading()

        def once(data: bytes) -> None:
            heard.data.extend(data)
            heard.transport.pause_reading()

        heard.on_data = once
        sent = b"".join(bytes([number]) * 16_384 for number in range(4))
        writer.write(sent)
        await writer.drain()
        await asyncio.sleep(0)
        assert not heard.data
        for _ in range(64):
            heard.transport.resume_reading()
            before = len(heard.data)
            await heard.until(lambda before=before: len(heard.data) > before)  # type: ignore[misc]
            if len(heard.data) == len(sent):
                break
        assert heard.data == sent


async def test_a_fault_of_the_protocol_ends_the_connection_alone(
    contexts: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the log, and the listener goes on."""
    async with connected(contexts) as (heard, reader, writer):

        def fail(_data: bytes) -> None:
            message = "a bug"
            raise ValueError(message)

        heard.on_data = fail
        writer.write(b"x")
        await heard.until(lambda: bool(heard.lost))
        assert "web_protocol_failed" in caplog.text
        with suppress(OSError):
            assert await asyncio.wait_for(reader.read(-1), PATIENCE) == b""

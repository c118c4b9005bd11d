"""Hostile peers, each a flood of one kind against a hub on this machine; run in a process of its own.

    python -m tests.floods

Each is bounded in time and count, and says what it did.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import ssl
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

import uvloop

from hub.pb.ingest_pb2 import Hello, ProducerMessage, PushRequest
from hub.pb.record_pb2 import Batch, LogRecord, Resource
from hub.pb.tail_pb2 import ClientMessage, Subscribe
from tests.http2 import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    call_headers,
    connected,
    frame,
    header,
    message,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

_MIB = 2**20
_CUT = (OSError, ssl.SSLError, asyncio.IncompleteReadError)
_TEXT, _BINARY, _PING, _PONG, _CONTINUED, _FINAL, _DEFLATED = 1, 2, 9, 10, 0, 128, 64
BOMB = gzip.compress(bytes(62 * _MIB), 9)
INGEST, PUSH, TAIL = "/loghub.v1.Ingest/Stream", "/loghub.v1.Ingest/Push", "/loghub.v1.Tail/Tail"


@dataclass(frozen=True, slots=True)
class Target:
    """A hub, and what the attacker has: a producer's and a subscriber's certificate, and a token, of its own tenant."""

    grpc_port: int
    web_port: int
    ca: str
    producer: tuple[str, str]
    subscriber: tuple[str, str]
    token: str
    seconds: float

    def tls(self, client: tuple[str, str] | None = None) -> ssl.SSLContext:
        """Return a client's TLS context."""
        context = ssl.create_default_context(cafile=self.ca)
        if client:
            context.load_cert_chain(*client)
        return context


class Flood:
    """What a flood has done so far; it ends itself in time."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.counts: dict[str, int] = {}
        self._end = monotonic() + target.seconds

    @property
    def goes_on(self) -> bool:
        """Whether there is time left."""
        return monotonic() < self._end

    def count(self, what: str, more: int = 1) -> None:
        """Count what was done."""
        self.counts[what] = self.counts.get(what, 0) + more

    async def rest(self) -> None:
        """Wait until the time is up."""
        await asyncio.sleep(max(0.0, self._end - monotonic()))

    async def many(self, work: Callable[[int], Awaitable[None]], count: int) -> None:
        """Do work so many times at once; a peer that is cut is counted."""

        async def one(number: int) -> None:
            try:
                await work(number)
            except (*_CUT, TimeoutError):
                self.count("cut")

        await asyncio.gather(*(one(number) for number in range(count)))

    async def again(self, work: Callable[[], Awaitable[None]], peers: int) -> None:
        """Have so many peers do work over and over, with a new connection each time; one that is cut comes back."""

        async def peer(_: int) -> None:
            while self.goes_on:
                try:
                    await work()
                except _CUT:
                    self.count("cut")
                    await asyncio.sleep(0.05)

        await self.many(peer, peers)

    async def keep_sending(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        blocks: Iterator[tuple[bytes, int]],
        what: str,
        *,
        reads: bool,
    ) -> None:
        """Send blocks, each worth so many of something, until the time is up or the peer cuts.

        Without `reads`, nothing that the peer answers leaves the kernel.
        """
        swallow = asyncio.create_task(_swallow(reader)) if reads else None
        if not reads:
            cast("asyncio.Transport", writer.transport).pause_reading()
        try:
            async with asyncio.timeout(self.target.seconds):
                while self.goes_on:
                    block, worth = next(blocks)
                    writer.write(block)
                    await writer.drain()
                    self.count(what, worth)
                    if writer.transport.is_closing() or (swallow and swallow.done()):
                        raise ConnectionError
                    await asyncio.sleep(0)
        except TimeoutError:
            pass
        finally:
            if swallow:
                swallow.cancel()


# --- connections -----------------------------------------------------------------------------------------------------


async def _both_ports(flood: Flood, count: int, tls: bool, first: bytes = b"") -> None:  # noqa: FBT001
    target = flood.target
    contexts = {target.web_port: target.tls(), target.grpc_port: target.tls(target.producer)}

    async def one(number: int) -> None:
        port = (target.web_port, target.grpc_port)[number % 2]
        await asyncio.sleep(number / count)
        reader, writer = await asyncio.open_connection("localhost", port, ssl=contexts[port] if tls else None)
        writer.write(first)
        flood.count("connections")
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.1, flood.target.seconds - 1)):
                while await reader.read(65536):
                    pass
                flood.count("cut")
        writer.transport.abort()

    await flood.many(one, count)


async def silent_tcp(flood: Flood) -> None:
    """A thousand connections that say nothing."""
    await _both_ports(flood, 1000, tls=False)


async def silent_tls(flood: Flood) -> None:
    """Four hundred connections that say nothing after the handshake."""
    await _both_ports(flood, 400, tls=True)


async def half_open_handshakes(flood: Flood) -> None:
    """A thousand handshakes that stop in the middle of the first message."""
    hello = bytes.fromhex("1603010200010001fc0303") + bytes(80)
    await _both_ports(flood, 1000, tls=False, first=hello)


async def broken_handshakes(flood: Flood) -> None:
    """Connections that send garbage instead of a handshake, over and over."""
    target = flood.target

    async def one() -> None:
        for port in (target.web_port, target.grpc_port):
            reader, writer = await asyncio.open_connection("localhost", port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n" + bytes(100))
            flood.count("connections")
            with suppress(*_CUT):
                await reader.read()
            writer.transport.abort()

    await flood.again(one, 10)


async def churn(flood: Flood) -> None:
    """Whole handshakes, over and over."""
    target = flood.target
    contexts = {target.web_port: target.tls(), target.grpc_port: target.tls(target.producer)}

    async def one() -> None:
        for port, tls in contexts.items():
            _, writer = await asyncio.open_connection("localhost", port, ssl=tls)
            flood.count("connections")
            writer.transport.abort()

    await flood.again(one, 4)


# --- HTTP/1.1 --------------------------------------------------------------------------------------------------------


async def _web(flood: Flood) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    target = flood.target
    flood.count("connections")
    return await asyncio.open_connection("localhost", target.web_port, ssl=target.tls())


async def _trickle(flood: Flood, begin: bytes, drop: bytes) -> None:
    tls = flood.target.tls()

    async def one(number: int) -> None:
        await asyncio.sleep(number / 400)
        reader, writer = await asyncio.open_connection("localhost", flood.target.web_port, ssl=tls)
        flood.count("connections")
        writer.write(begin)
        while flood.goes_on and not reader.at_eof():
            writer.write(drop)
            flood.count("drops")
            await asyncio.sleep(0.1)
        writer.transport.abort()

    await flood.many(one, 300)


async def slow_heads(flood: Flood) -> None:
    """Requests whose head never ends."""
    await _trickle(flood, b"GET /v1/tail HTTP/1.1\r\nhost: localhost\r\n", b"x: y\r\n")


async def slow_bodies(flood: Flood) -> None:
    """Requests whose body never ends."""
    await _trickle(flood, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 60000\r\n\r\n", b"x")


async def large_heads(flood: Flood) -> None:
    """Heads over the limit, in one header and in many."""
    heads = (b"x: " + b"y" * _MIB + b"\r\n", b"x: y\r\n" * 100_000)

    async def one() -> None:
        for head in heads:
            reader, writer = await _web(flood)
            writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n" + head)
            with suppress(*_CUT):
                await reader.read()
            writer.transport.abort()

    await flood.again(one, 4)


async def unknown_paths(flood: Flood) -> None:
    """Requests for what is not there, one after the other on the same connections, by any method."""

    async def one() -> None:
        reader, writer = await _web(flood)
        number = 0
        while flood.goes_on:
            number += 1
            method = ("GET", "POST", "BREW", "DELETE")[number % 4]
            lines = (f"{method} /{number:x}/../x?tenant=a HTTP/1.1", "host: localhost", "content-length: 0", "", "")
            writer.write("\r\n".join(lines).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            await reader.readexactly(length)
            flood.count("requests")

    await flood.again(one, 4)


async def pipelined_requests(flood: Flood) -> None:
    """Requests without waiting for answers, which nobody reads."""

    async def one() -> None:
        reader, writer = await _web(flood)
        request = b"GET /static/app.js HTTP/1.1\r\nhost: localhost\r\n\r\n" * 100
        await flood.keep_sending(reader, writer, repeat((request, 100)), "requests", reads=False)

    await flood.again(one, 2)


async def gzip_bodies(flood: Flood) -> None:
    """Bodies of 60 KB that inflate to 60 MiB."""
    body = BOMB[:60_000]

    async def one() -> None:
        for method, path in (("POST", "/v1/tail"), ("GET", "/v1/whoami"), ("POST", "/v1/logs")):
            reader, writer = await _web(flood)
            lines = (
                f"{method} {path} HTTP/1.1",
                "host: localhost",
                f"authorization: Bearer {flood.target.token}",
                "content-encoding: gzip",
                f"content-length: {len(body)}",
                "connection: close",
                "",
                "",
            )
            writer.write("\r\n".join(lines).encode() + body)
            with suppress(*_CUT):
                await reader.read()
            flood.count("bodies")
            writer.transport.abort()

    await flood.again(one, 4)


# --- WebSocket -------------------------------------------------------------------------------------------------------


def ws_frame(opcode: int, payload: bytes = b"", *, final: bool = True, flags: int = 0, length: int = -1) -> bytes:
    """Return a client's frame, masked with zeros; `length` is what it says where that is not true."""
    size = len(payload) if length < 0 else length
    head = bytes([opcode | (_FINAL if final else 0) | flags])
    if size < 126:
        return head + bytes([128 | size]) + bytes(4) + payload
    if size < 65536:
        return head + struct.pack(">BH", 128 | 126, size) + bytes(4) + payload
    return head + struct.pack(">BQ", 128 | 127, size) + bytes(4) + payload


async def _socket(flood: Flood, *headers: str, tls: ssl.SSLContext | None = None) -> Any:
    target = flood.target
    reader, writer = await asyncio.open_connection("localhost", target.web_port, ssl=tls or target.tls())
    lines = (
        "GET /v1/tail HTTP/1.1",
        "host: localhost",
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-protocol: loghub.v1.proto",
        f"authorization: Bearer {target.token}",
        *headers,
        "",
        "",
    )
    writer.write("\r\n".join(lines).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in head:
        raise ConnectionError(head)
    flood.count("connections")
    return reader, writer, head


def _ws_flood(data: bytes, what: str, worth: int, *, reads: bool = False) -> Callable[[Flood], Awaitable[None]]:
    async def run(flood: Flood) -> None:
        tls = flood.target.tls()

        async def one() -> None:
            reader, writer, _ = await _socket(flood, tls=tls)
            try:
                await flood.keep_sending(reader, writer, repeat((data, worth)), what, reads=reads)
            finally:
                writer.transport.abort()

        await flood.again(one, 3)

    return run


async def _swallow(reader: asyncio.StreamReader) -> None:
    with suppress(*_CUT):
        while await reader.read(65536):
            pass


ws_pings = _ws_flood(ws_frame(_PING) * 5000, "frames", 5000)
ws_pings_read = _ws_flood(ws_frame(_PING, b"x" * 125) * 1000, "frames", 1000, reads=True)
ws_pongs = _ws_flood(ws_frame(_PONG) * 5000, "frames", 5000)
ws_empty_messages = _ws_flood(ws_frame(_BINARY) * 5000, "frames", 5000, reads=True)
ws_endless_fragments = _ws_flood(
    ws_frame(_BINARY, final=False) + ws_frame(_CONTINUED, final=False) * 5000, "frames", 5000
)
ws_many_fragments = _ws_flood(
    (ws_frame(_BINARY, final=False) + ws_frame(_CONTINUED, final=False) * 998 + ws_frame(_CONTINUED)) * 5,
    "frames",
    5000,
)


async def ws_huge_frames(flood: Flood) -> None:
    """Frames that say they have 2^62 bytes, and begin to send them."""
    tls = flood.target.tls()

    async def one() -> None:
        reader, writer, _ = await _socket(flood, tls=tls)
        writer.write(ws_frame(_BINARY, bytes(200_000), length=2**62))
        flood.count("frames")
        await _swallow(reader)
        writer.transport.abort()

    await flood.again(one, 4)


async def ws_deflate(flood: Flood) -> None:
    """A compression that is offered, and used although it was not taken."""
    bomb = BOMB[10:60_000]
    tls = flood.target.tls()

    async def one() -> None:
        offer = "sec-websocket-extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"
        reader, writer, head = await _socket(flood, offer, tls=tls)
        flood.count("negotiated", b"deflate" in head.lower())
        writer.write(ws_frame(_BINARY, bomb, flags=_DEFLATED))
        flood.count("bombs")
        await _swallow(reader)
        writer.transport.abort()

    await flood.again(one, 4)


# --- HTTP/2 and gRPC -------------------------------------------------------------------------------------------------


def _h2_flood(
    data: Callable[[int], tuple[bytes, int]], what: str, *, reads: bool = True, welcome: bool = False
) -> Callable[[Flood], Awaitable[None]]:
    """Send what `data` returns for the next stream's number, with how many it was, over and over.

    `welcome`: after a call that has been answered.
    """

    def blocks() -> Iterator[tuple[bytes, int]]:
        stream = 1
        while True:
            block, count = data(stream)
            stream += 2 * count
            yield block, count

    async def run(flood: Flood) -> None:
        async def one() -> None:
            async with connected(flood.target.grpc_port, flood.target.tls(flood.target.producer)) as peer:
                flood.count("connections")
                if welcome:
                    peer.call(INGEST, 1, message(_hello(f"flood-{monotonic()}")))
                    await peer.outcome()
                await flood.keep_sending(peer.reader, peer.writer, blocks(), what, reads=reads)

        await flood.again(one, 3)

    return run


def _resets(path: str) -> Callable[[int], tuple[bytes, int]]:
    block = call_headers(path)
    code = struct.pack(">I", 8)  # CANCEL

    def data(stream: int) -> tuple[bytes, int]:
        streams = range(stream, stream + 200, 2)
        return b"".join(
            frame(HEADERS, END_HEADERS, one, block) + frame(RST_STREAM, 0, one, code) for one in streams
        ), 100

    return data


h2_rapid_reset = _h2_flood(_resets(INGEST), "streams")
h2_rapid_reset_tail = _h2_flood(_resets(TAIL), "streams")
h2_resets_of_a_client = _h2_flood(lambda stream: _resets(INGEST)(stream + 2), "streams", welcome=True)
h2_unknown_methods = _h2_flood(
    lambda stream: (
        b"".join(
            frame(HEADERS, END_HEADERS | END_STREAM, one, call_headers(f"/no.such.Service/{one}"))
            for one in range(stream, stream + 200, 2)
        ),
        100,
    ),
    "calls",
)
h2_pings = _h2_flood(lambda _: (frame(PING, 0, 0, bytes(8)) * 1000, 1000), "frames", reads=False)
h2_pings_of_a_client = _h2_flood(lambda _: (frame(PING, 0, 0, bytes(8)) * 1000, 1000), "frames", welcome=True)
h2_ping_acks = _h2_flood(lambda _: (frame(PING, ACK, 0, bytes(8)) * 1000, 1000), "frames", reads=False)
h2_settings = _h2_flood(
    lambda _: (frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)) * 1000, 1000), "frames", reads=False
)
h2_empty_data = _h2_flood(
    lambda stream: (
        (frame(HEADERS, END_HEADERS, 1, call_headers(INGEST)) if stream == 1 else b"") + frame(DATA, 0, 1) * 1000,
        1000,
    ),
    "frames",
)
h2_continuation = _h2_flood(
    lambda stream: (
        (frame(HEADERS, 0, 1, call_headers(INGEST)) if stream == 1 else b"")
        + frame(CONTINUATION, 0, 1, header("x", "y" * 1000) * 15) * 20,
        20,
    ),
    "frames",
)
h2_large_frames = _h2_flood(
    lambda stream: (
        (frame(HEADERS, END_HEADERS, 1, call_headers(INGEST)) if stream == 1 else b"")
        + frame(DATA, 0, 1, bytes(2**24 - 1)),
        1,
    ),
    "frames",
)


def _hpack_bomb(stream: int) -> tuple[bytes, int]:
    """A header of 4,000 bytes that goes into the table once, and is named by one byte thousands of times."""
    begin = call_headers(INGEST) + b"\x40" + header("x", "y" * 4000)[1:]
    return frame(HEADERS, END_HEADERS, stream, begin + b"\xbe" * 12_000), 1


h2_hpack_bomb = _h2_flood(_hpack_bomb, "calls")
h2_large_metadata = _h2_flood(
    lambda stream: (
        frame(HEADERS, END_HEADERS, stream, call_headers(INGEST) + header("x", "y" * 15_000) * 60),
        1,
    ),
    "calls",
)


async def grpc_gzip_bombs(flood: Flood) -> None:
    """Messages of 60 KB that inflate to 64 MiB."""

    async def one() -> None:
        async with connected(flood.target.grpc_port, flood.target.tls(flood.target.producer)) as peer:
            flood.count("bombs")
            peer.call(PUSH, 1, *_pieces(message(BOMB, compressed=True)), more=[("grpc-encoding", "gzip")])
            peer.send(frame(DATA, END_STREAM, 1))
            status, _ = await peer.outcome()
            flood.count(f"status {status}")

    await flood.again(one, 2)


def _hello(producer: str) -> bytes:
    return ProducerMessage(hello=Hello(producer_id=producer, next_seq=1)).SerializeToString()


def _pieces(data: bytes, size: int = 16_384) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


async def stuck_producers(flood: Flood) -> None:
    """Fifty streams that say hello and nothing more."""
    tls = flood.target.tls(flood.target.producer)

    async def one(number: int) -> None:
        async with connected(flood.target.grpc_port, tls) as peer:
            peer.call(INGEST, 1, message(_hello(f"stuck-{number}")))
            await peer.outcome()
            flood.count("streams")
            await flood.rest()

    await flood.many(one, 50)


async def deaf_producers(flood: Flood) -> None:
    """Fifty streams that send batches as fast as they are taken, and never read what is answered."""
    tls = flood.target.tls(flood.target.producer)
    records = [LogRecord(body="x" * 1000, severity=9, time_unix_nano=1)] * 10  # type: ignore[arg-type]

    async def one(number: int) -> None:
        async with connected(flood.target.grpc_port, tls, struct.pack(">HI", 4, 0)) as peer:
            peer.call(INGEST, 1, message(_hello(f"deaf-{number}")))
            for seq in range(1, 200):
                batch = Batch(seq=seq, resource=Resource(service="deaf"), records=records)
                peer.send(frame(DATA, 0, 1, message(ProducerMessage(batch=batch).SerializeToString())))
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await peer.writer.drain()
                flood.count("batches")
                await asyncio.sleep(0.05)
                if not flood.goes_on:
                    return

    await flood.many(one, 50)


async def deaf_subscribers(flood: Flood) -> None:
    """Fifty calls that ask for all there is, and read none of it."""
    tls = flood.target.tls(flood.target.subscriber)
    await _store(flood, 4 * _MIB)

    async def one(_: int) -> None:
        async with connected(flood.target.grpc_port, tls, struct.pack(">HI", 4, 0)) as peer:
            peer.call(TAIL, 1, message(ClientMessage(subscribe=Subscribe(id="s", oldest=True)).SerializeToString()))
            flood.count("streams")
            await flood.rest()

    await flood.many(one, 50)


async def _store(flood: Flood, size: int) -> None:
    """Store so many bytes of the attacker's own tenant, in pieces that fit the first window of HTTP/2."""
    records = [LogRecord(body=os.urandom(5000).hex(), severity=9, time_unix_nano=1)] * 4  # type: ignore[arg-type]
    raw = PushRequest(batch=Batch(resource=Resource(service="x"), records=records)).SerializeToString()
    async with connected(flood.target.grpc_port, flood.target.tls(flood.target.producer)) as peer:
        for number in range(size // len(raw)):
            peer.call(PUSH, 2 * number + 1, *_pieces(message(raw)))
            peer.send(frame(DATA, END_STREAM, 2 * number + 1))
            await peer.outcome()


FLOODS: dict[str, Callable[[Flood], Awaitable[None]]] = {
    "silent_tcp": silent_tcp,
    "silent_tls": silent_tls,
    "half_open_handshakes": half_open_handshakes,
    "broken_handshakes": broken_handshakes,
    "churn": churn,
    "slow_heads": slow_heads,
    "slow_bodies": slow_bodies,
    "large_heads": large_heads,
    "unknown_paths": unknown_paths,
    "pipelined_requests": pipelined_requests,
    "gzip_bodies": gzip_bodies,
    "ws_pings": ws_pings,
    "ws_pings_read": ws_pings_read,
    "ws_pongs": ws_pongs,
    "ws_empty_messages": ws_empty_messages,
    "ws_endless_fragments": ws_endless_fragments,
    "ws_many_fragments": ws_many_fragments,
    "ws_huge_frames": ws_huge_frames,
    "ws_deflate": ws_deflate,
    "h2_rapid_reset": h2_rapid_reset,
    "h2_rapid_reset_tail": h2_rapid_reset_tail,
    "h2_unknown_methods": h2_unknown_methods,
    "h2_pings": h2_pings,
    "h2_pings_of_a_client": h2_pings_of_a_client,
    "h2_resets_of_a_client": h2_resets_of_a_client,
    "h2_ping_acks": h2_ping_acks,
    "h2_settings": h2_settings,
    "h2_empty_data": h2_empty_data,
    "h2_continuation": h2_continuation,
    "h2_large_frames": h2_large_frames,
    "h2_hpack_bomb": h2_hpack_bomb,
    "h2_large_metadata": h2_large_metadata,
    "grpc_gzip_bombs": grpc_gzip_bombs,
    "stuck_producers": stuck_producers,
    "deaf_producers": deaf_producers,
    "deaf_subscribers": deaf_subscribers,
}


def main() -> None:
    """Read the target, then names of floods, a line each; answer each with a line that says what was done."""
    target = Target(**json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        flood = Flood(target)
        uvloop.run(_bounded(flood, FLOODS[line.strip()]))
        sys.stdout.write(json.dumps(flood.counts) + "\n")
        sys.stdout.flush()


async def _bounded(flood: Flood, work: Callable[[Flood], Awaitable[None]]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(flood.target.seconds + 2):
            await work(flood)


if __name__ == "__main__":
    main()

"""hub.web.http: bounds on a request's size and time, and the connection of a response that lasts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from hub.core.websocket_frame import TEXT, frame
from hub.web.http import STREAM
from tests.fakes import settle
from tests.web_line import OPTIONS, App, Asking


def head_of(size: int) -> bytes:
    """Return a request's head of so many bytes."""
    start, end = b"GET / HTTP/1.1\r\nhost: h\r\nx: ", b"\r\n\r\n"
    return start + b"y" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize("step", [20, 100, 500])
async def test_a_head_may_be_as_long_as_the_limit(step: int) -> None:
    """However it arrives; the next request is welcome too."""
    asking = Asking(App())
    head = head_of(500)
    answers = [await asking.feed(head[start : start + step]) for start in range(0, 500, step)]
    assert answers[-1].startswith(b"HTTP/1.1 200 ")
    assert (await asking.feed(head_of(60))).startswith(b"HTTP/1.1 200 ")
    assert not asking.transport.closing


@pytest.mark.parametrize("step", [100, 501, 10_000])
async def test_a_head_over_the_limit_is_cut_before_it_is_whole(step: int) -> None:
    """431; the application never hears of it."""
    app = App()
    asking = Asking(app)
    head = head_of(10_000)
    answer = b""
    for start in range(0, len(head), step):
        answer += await asking.feed(head[start : start + step])
        if asking.transport.closing:
            break
    assert start <= 500
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert not app.scope


async def test_a_body_is_no_head() -> None:
    """It may be longer."""
    asking = Asking(App())
    head = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2000\r\n\r\n"
    await asking.feed(head)
    await asking.feed(b"x" * 2000)
    assert not asking.transport.closing


async def test_head_and_body_may_come_in_one_piece() -> None:
    """The body is no head then either."""
    for size in (500, 5000, 60_000):
        answer = await Asking(App()).feed(post("/", size))
        assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("path", "most"), [("/v1/logs", 200_000), ("/v1/log%73", 200_000), ("/v1/logs/", 65_536)])
@pytest.mark.parametrize("step", [4096, 10**6])
async def test_a_path_may_have_a_bound_of_its_own(path: str, most: int, step: int) -> None:
    """For the request that asks for it, and no other on the connection."""
    options = replace(OPTIONS, body_bytes={"/v1/logs": 200_000})
    for size, fits in ((most, True), (most + 5000, False)):
        asking = Asking(App(), options)
        raw = post(path, size) if fits else post(path, size)[:-1]
        answer = await asking.feed(*(raw[at : at + step] for at in range(0, len(raw), step)))
        assert (b"HTTP/1.1 413 " in answer) != fits
        if fits:
            raw = post("/", 70_000)
            answer = await asking.feed(*(raw[at : at + step] for at in range(0, len(raw), step)))
            assert b"HTTP/1.1 413 " in answer


def post(path: str, size: int) -> bytes:
    """Return a request with a body of so many bytes."""
    return f"POST {path} HTTP/1.1\r\nhost: h\r\ncontent-length: {size}\r\n\r\n".encode() + bytes(size)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nhost: h\r\n"])
async def test_a_peer_that_does_not_finish_its_head_is_cut(said: bytes) -> None:
    """In the time for the handshake, whether it says a little or nothing."""
    asking = Asking(App())
    if said:
        await asking.feed(said)
    asking.clock.advance(5.0)
    if said:
        await asking.feed(b"x: y\r\n")
    asking.clock.advance(4.9)
    assert not asking.transport.aborted
    asking.clock.advance(0.2)
    assert asking.transport.aborted


async def test_a_slow_body_has_the_time_of_a_request() -> None:
    """A whole request is out of the clock's reach, whatever its answer takes."""
    asking = Asking(App())
    await asking.feed(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nx")
    asking.clock.advance(9.9)
    assert not asking.transport.aborted
    asking.clock.advance(0.2)
    assert asking.transport.aborted
    asking = Asking(App())
    await asking.feed(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nxy")
    asking.clock.advance(1000.0)
    assert not asking.transport.aborted


@pytest.mark.parametrize("earlier", [0, 1, 3])
async def test_every_head_of_a_connection_is_bounded(earlier: int) -> None:
    """In size and in time, also after good requests."""
    for endless in (True, False):
        asking = Asking(App())
        for _ in range(earlier):
            await asking.feed(head_of(60))
        await asking.feed(b"GET / HTTP/1.1\r\n")
        if endless:
            answer = await asking.feed(*[b"x: " + b"y" * 100 + b"\r\n"] * 10)
            assert answer.startswith(b"HTTP/1.1 431 ")
            assert asking.transport.closing
        asking.clock.advance(10.1)
        assert asking.transport.aborted or endless


async def test_trailers_count_as_the_request_they_end() -> None:
    """They are kept with the headers."""
    asking = Asking(App())
    await asking.feed(b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
    answer = await asking.feed(*[b"x: " + b"y" * 1000 + b"\r\n"] * 70)
    assert b"HTTP/1.1 413 " in answer
    assert asking.transport.closing


async def test_a_peer_that_has_gone_is_not_cut() -> None:
    """Its transport may be another's by then."""
    asking = Asking(App())
    asking.protocol.connection_lost(None)
    asking.clock.advance(1000.0)
    assert not asking.transport.aborted


async def test_an_upgrade_is_handed_over_without_the_clock() -> None:
    """To a protocol with ready frames; the connection may last."""
    app = App()
    asking = Asking(app)
    client = ClientProtocol(parse_uri("ws://localhost/v1/tail"))
    client.send_request(client.connect())
    assert (await asking.feed(b"".join(client.data_to_send()))).startswith(b"HTTP/1.1 101 ")
    asking.clock.advance(1000.0)
    assert not asking.transport.aborted
    app.frames.write(frame(TEXT, b"ready"))
    await settle()
    assert asking.transport.take() == frame(TEXT, b"ready")
    upgraded: Any = asking.transport.protocol
    upgraded.connection_lost(None)
    await settle()


# --- the connection of a response that lasts -------------------------------------------------------------------------

REQUEST = b"GET /v1/tail HTTP/1.1\r\nhost: h\r\n\r\n"


class Streamer:
    """An ASGI application whose first response lasts until its peer is gone."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.answered = 0
        self.gone = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request."""
        self.answered += 1
        self.scope = scope
        await send({"type": "http.response.start", "status": 200, "headers": []})
        scope["extensions"][STREAM].begin()
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone = True


@pytest.mark.parametrize("behind", [REQUEST, REQUEST * 3, REQUEST[:10], b"garbage"])
@pytest.mark.parametrize("together", [True, False])
async def test_nothing_behind_a_stream_is_answered(behind: bytes, *, together: bool) -> None:
    """Nor does it cut the stream when its time is over, nor keep it when its peer goes."""
    app = Streamer()
    asking = Asking(app)
    if together and behind != b"garbage":
        said = await asking.feed(REQUEST + behind)
    else:
        said = await asking.feed(REQUEST)
        await asking.feed(behind)
    asking.clock.advance(1000.0)
    assert said.endswith(b"5\r\nfirst\r\n")
    assert (app.answered, asking.transport.closing, asking.transport.paused) == (1, False, False)
    asking.protocol.connection_lost(None)
    await settle()
    assert app.gone


async def test_what_comes_behind_a_stream_is_bounded() -> None:
    """As a request's body is."""
    asking = Asking(Streamer())
    await asking.feed(REQUEST)
    await asking.feed(b"x" * 65_536)
    assert not asking.transport.aborted
    await asking.feed(b"x")
    assert asking.transport.aborted


async def test_a_stream_is_cut_whatever_waits() -> None:
    """The server itself would wait for its peer."""
    app = Streamer()
    asking = Asking(app)
    await asking.feed(REQUEST)
    app.scope["extensions"][STREAM].abort()
    assert asking.transport.aborted


async def test_a_peer_that_went_before_the_stream_began_is_noticed() -> None:
    """When another request of it was the newest."""
    app = Streamer()
    asking = Asking(app)
    asking.protocol.data_received(REQUEST + REQUEST)
    asking.transport.closing = True
    asking.protocol.connection_lost(None)
    await settle()
    assert app.gone


@pytest.mark.parametrize("at_once", [1, 40])
async def test_requests_behind_an_open_one_are_bounded(at_once: int) -> None:
    """Eight may wait; with more the connection is cut, and it is told, however many came in one read."""
    told: list[str] = []
    asking = Asking(Silent())
    asking.protocol.told = told.append
    request = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"
    await asking.feed(*[request] * 9)
    assert not asking.transport.closing
    await asking.feed(request * at_once)
    assert asking.transport.aborted
    assert told == ["pipelined"]
    assert len(asking.protocol.pipeline) <= 8 + at_once


class Silent:
    """Never answers."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Wait until the peer is gone."""
        del scope, send
        while (await receive())["type"] != "http.disconnect":
            pass

"""hub.client.subscriber: it stays subscribed over lost connections, and says why where it cannot."""

from __future__ import annotations

import asyncio
import random
import ssl
from typing import TYPE_CHECKING, Any, Self

import pytest
import zstandard
from google.protobuf.duration_pb2 import Duration
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from hub.client.subscriber import Access, RefusedError, Subscriber
from hub.errors import CertificateError, ForbiddenError, LoghubError, UnauthenticatedError
from hub.pb.record_pb2 import Batch, LogRecord
from hub.pb.tail_pb2 import (
    COMPRESSION_ZSTD,
    ClientMessage,
    Error,
    PackedBatch,
    Position,
    Records,
    ServerMessage,
    Subscribe,
    Subscribed,
    TailGoodbye,
    TailWelcome,
    Unsubscribed,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TLS = ssl.create_default_context()
ACCESS = Access("wss://hub/v1/tail", token="secret")
WELCOME = ServerMessage(welcome=TailWelcome(tenant="a"))
DONE = ServerMessage(unsubscribed=Unsubscribed(cursor="c9"))


def records(cursor: str) -> ServerMessage:
    """Return records that end at a cursor."""
    return ServerMessage(records=Records(id="tail", cursor=cursor))


def lost(code: int = 1006, reason: str = "") -> ConnectionClosedError:
    """Return what websockets raises when a connection ends with this code."""
    return ConnectionClosedError(None if code == 1006 else Close(code, reason), None)


def answer(status: int, body: bytes = b"") -> InvalidStatus:
    """Return what websockets raises when the hub answers the handshake so."""
    return InvalidStatus(Response(status, "", Headers(), body))


class FakeSocket:
    """A connection on which the hub says a script: messages, then an error, or a close code."""

    def __init__(self, *script: ServerMessage | Exception, code: int = 1000) -> None:
        self.sent: list[ClientMessage] = []
        self.close_code = code
        self.close_reason = "the reason"
        self._script = script

    async def __aenter__(self) -> Self:
        """Connect, unless the script begins with an error of the handshake."""
        if self._script and isinstance(self._script[0], InvalidStatus | OSError):
            raise self._script[0]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""

    async def send(self, message: bytes) -> None:
        """Take a message from the subscriber."""
        self.sent.append(ClientMessage.FromString(message))

    async def __aiter__(self) -> AsyncIterator[bytes | str]:
        """Say the script."""
        for said in self._script:
            if isinstance(said, Exception):
                raise said
            yield said.SerializeToString()


class Hub:
    """Answers one connection after the other by a script, and keeps how it was connected to."""

    def __init__(self, patch: pytest.MonkeyPatch, *sockets: FakeSocket) -> None:
        self.asked: list[dict[str, Any]] = []
        self.states: list[str] = []
        self.waits: list[float] = []
        self._sockets = list(sockets)
        patch.setattr("hub.client.subscriber.connect", self._connect)
        patch.setattr(ssl, "create_default_context", lambda **_: TLS)  # reading the system's authorities takes long
        patch.setattr(random, "uniform", lambda *_: 0.0)
        patch.setattr(asyncio, "sleep", self._sleep)

    def _connect(self, url: str, **options: Any) -> FakeSocket:
        self.asked.append({"url": url, **options})
        return self._sockets[len(self.asked) - 1]

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def tail(self, start: Subscribe | None = None, access: Access = ACCESS) -> list[str]:
        """Follow to the end; return the kinds of messages that came."""
        subscriber = Subscriber(access, start or Subscribe(), self.states.append)
        return [message.WhichOneof("kind") or "" async for message in subscriber.messages()]


async def test_it_subscribes_and_yields_what_comes_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token goes in a header; the end of what was stored is the end."""
    hub = Hub(monkeypatch, socket := FakeSocket(WELCOME, records("c1"), DONE))
    assert await hub.tail(Subscribe(filter="level>=warn", last=5)) == ["welcome", "records", "unsubscribed"]
    (asked,) = hub.asked
    assert asked["url"] == "wss://hub/v1/tail"
    assert asked["additional_headers"] == {"Authorization": "Bearer secret"}
    assert asked["subprotocols"] == ["loghub.v1.proto"]
    (sent,) = socket.sent
    assert (sent.subscribe.filter, sent.subscribe.last, bool(sent.subscribe.id)) == ("level>=warn", 5, True)
    assert hub.waits == []


async def test_compressed_batches_are_read_as_if_they_were_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for them, and nobody behind it need know."""
    batch = Batch(seq=3, records=[LogRecord(body="hello")])
    packed = PackedBatch(data=zstandard.compress(batch.SerializeToString()), first_offset=70)
    came = ServerMessage(records=Records(id="tail", cursor="c1", packed=[packed]))
    Hub(monkeypatch, socket := FakeSocket(WELCOME, came, DONE))
    messages = [message async for message in Subscriber(ACCESS, Subscribe(), lambda _: None).messages()]
    batch.first_offset = 70
    assert messages[1].records == Records(id="tail", cursor="c1", batches=[batch])
    assert list(socket.sent[0].subscribe.compressions) == [COMPRESSION_ZSTD]


async def test_without_a_token_no_header_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client certificate may be all there is."""
    hub = Hub(monkeypatch, FakeSocket(DONE))
    await hub.tail(access=Access("wss://hub/v1/tail"))
    assert hub.asked[0]["additional_headers"] == {}


@pytest.mark.parametrize("end", [lost(), lost(4429), lost(3000)])
async def test_a_lost_connection_is_resumed_at_the_cursor(monkeypatch: pytest.MonkeyPatch, end: Exception) -> None:
    """Where to begin is said once; from then on the last cursor is, whatever message bore it."""
    position = ServerMessage(position=Position(id="tail", cursor="c2"))
    subscribed = ServerMessage(subscribed=Subscribed(id="tail", cursor="c3"))
    sockets = FakeSocket(WELCOME, records("c1"), position, end), FakeSocket(subscribed, end), FakeSocket(DONE)
    hub = Hub(monkeypatch, *sockets)
    await hub.tail(Subscribe(oldest=True, filter="x"))
    asked = [socket.sent[0].subscribe for socket in sockets]
    assert [one.cursor for one in asked] == ["", "c2", "c3"]
    assert [one.oldest for one in asked] == [True, False, False]
    assert {one.filter for one in asked} == {"x"}
    assert hub.states[0] == "the connection was lost"


async def test_it_begins_at_a_cursor_that_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that was restarted goes on where it was, also when nothing came before the first break."""
    sockets = FakeSocket(lost()), FakeSocket(DONE)
    await Hub(monkeypatch, *sockets).tail(Subscribe(cursor="kept"))
    assert [socket.sent[0].subscribe.cursor for socket in sockets] == ["kept", "kept"]


async def test_a_hub_that_says_when_to_come_back_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shutdown spreads its subscribers; after a message from the new hub the wish is forgotten."""
    goodbye = ServerMessage(goodbye=TailGoodbye(reconnect=True, retry_after=Duration(seconds=7)))
    hub = Hub(monkeypatch, FakeSocket(goodbye, code=1001), FakeSocket(WELCOME, lost()), FakeSocket(DONE))
    await hub.tail()
    assert hub.waits == [7.0, 0.0]


@pytest.mark.parametrize(("status", "error"), [(401, UnauthenticatedError), (403, ForbiddenError)])
async def test_a_subscriber_that_is_refused_gives_up(
    monkeypatch: pytest.MonkeyPatch, status: int, error: type[LoghubError]
) -> None:
    """The hub's words are passed on."""
    hub = Hub(monkeypatch, FakeSocket(answer(status, b"no such token")))
    with pytest.raises(error, match="no such token"):
        await hub.tail()


@pytest.mark.parametrize("end", [answer(503), answer(429), ConnectionRefusedError("refused"), TimeoutError("slow")])
async def test_a_hub_that_cannot_be_reached_is_tried_again(monkeypatch: pytest.MonkeyPatch, end: Exception) -> None:
    """Whoever watches is told why it takes so long."""
    hub = Hub(monkeypatch, FakeSocket(end), FakeSocket(DONE))
    assert await hub.tail() == ["unsubscribed"]
    assert hub.states[1] == "connecting again in 0.0 s"


@pytest.mark.parametrize("code", [3500, 4401, 4408, 4999])
@pytest.mark.parametrize("by_error", [True, False])
async def test_a_close_code_that_says_so_is_the_end(
    monkeypatch: pytest.MonkeyPatch, code: int, *, by_error: bool
) -> None:
    """Reconnecting would end the same way."""
    hub = Hub(monkeypatch, FakeSocket(lost(code, "the reason")) if by_error else FakeSocket(code=code))
    with pytest.raises(RefusedError, match="the reason"):
        await hub.tail()


async def test_an_error_about_the_subscription_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad filter stays bad."""
    hub = Hub(monkeypatch, FakeSocket(ServerMessage(error=Error(message="column 3"))))
    with pytest.raises(RefusedError, match="column 3"):
        await hub.tail()


async def test_a_hub_that_is_not_trusted_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which option helps."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    hub = Hub(monkeypatch, FakeSocket(error))
    with pytest.raises(CertificateError, match=r"self-signed certificate.*--ca"):
        await hub.tail()


def test_connections_are_tls_1_3_and_checked() -> None:
    """The hub's name and certificate are verified, nothing older is spoken."""
    context = ACCESS.tls()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("content", [None, b"no PEM"])
def test_files_that_cannot_be_used_are_named_as_such(tmp_path: Path, content: bytes | None) -> None:
    """Missing or broken, the error is ours, before anything is connected."""
    ca = tmp_path / "ca.pem"
    if content:
        ca.write_bytes(content)
    with pytest.raises(CertificateError, match="cannot be used"):
        Access("wss://hub", ca=ca).tls()

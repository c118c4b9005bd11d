"""Peers of a running hub, as a stranger would write them: plain gRPC, plain WebSocket, the contract's messages."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from hub.pb.ingest_pb2 import Hello, HubMessage, ProducerGoodbye, ProducerMessage, PushRequest, PushResponse
from hub.pb.record_pb2 import Batch, LogRecord, Resource
from hub.pb.tail_pb2 import ClientMessage, ServerMessage, Subscribe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from hub.app import Listening
    from hub.cli.deployment import Deployment
    from hub.pki.authority import Issued

assert hub.grpc_tls.TLS13_ONLY

PROTO, JSON = "loghub.v1.proto", "loghub.v1.json"
SECONDS = 10.0


def records(*bodies: str, severity: int = 9) -> list[LogRecord]:
    """Return records with these bodies."""
    return [LogRecord(body=body, severity=severity, time_unix_nano=1) for body in bodies]  # type: ignore[arg-type]


def batch(*bodies: str, seq: int = 0, service: str = "orders") -> Batch:
    """Return a batch of records with these bodies."""
    return Batch(seq=seq, resource=Resource(service=service), records=records(*bodies))


@dataclass(frozen=True, slots=True)
class Site:
    """A deployment whose hub is running."""

    deployment: Deployment
    listening: Listening

    @property
    def endpoint(self) -> str:
        """The gRPC port."""
        return f"localhost:{self.listening.grpc_port}"

    @property
    def url(self) -> str:
        """The web port."""
        return f"https://localhost:{self.listening.web_port}"

    @property
    def tail_url(self) -> str:
        """The WebSocket."""
        return f"wss://localhost:{self.listening.web_port}/v1/tail"

    def tls(self, client: Issued | None = None) -> ssl.SSLContext:
        """Return a client's TLS context."""
        context = ssl.create_default_context(cafile=self.deployment.ca)
        if client:
            context.load_cert_chain(client.cert, client.key)
        return context

    def channel(self, client: Issued) -> grpc.aio.Channel:
        """Return a gRPC channel with a client certificate."""
        files = (self.deployment.ca, client.key, client.cert)
        credentials = grpc.ssl_channel_credentials(*(path.read_bytes() for path in files))
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
        return grpc.aio.secure_channel(self.endpoint, credentials, options)

    async def push(self, tenant: str, *bodies: str) -> PushResponse:
        """Store records by Push."""
        return await self.push_request(tenant, PushRequest(batch=batch(*bodies)).SerializeToString())

    async def push_batch(self, tenant: str, one: Batch) -> PushResponse:
        """Store a batch by Push."""
        return await self.push_request(tenant, PushRequest(batch=one).SerializeToString())

    async def push_request(self, tenant: str, raw: bytes) -> PushResponse:
        """Send any bytes as a PushRequest."""
        async with self.channel(self.deployment.client(tenant)) as channel:
            call = channel.unary_unary("/loghub.v1.Ingest/Push", response_deserializer=PushResponse.FromString)
            response: PushResponse = await call(raw, timeout=SECONDS)
            return response

    @asynccontextmanager
    async def producer(self, tenant: str, producer_id: str = "p", **hello: Any) -> AsyncIterator[ProducerPeer]:
        """Open a stream and say hello; the welcome has been read."""
        async with self.channel(self.deployment.client(tenant)) as channel:
            call = channel.stream_stream("/loghub.v1.Ingest/Stream", response_deserializer=HubMessage.FromString)()
            peer = ProducerPeer(call)
            await peer.send(hello=Hello(producer_id=producer_id, **{"next_seq": 1, **hello}))
            yield peer
            call.cancel()

    @asynccontextmanager
    async def subscriber(self, tenant: str, encoding: str = PROTO, **options: Any) -> AsyncIterator[TailPeer]:
        """Open a WebSocket with a token of the tenant; a header that is None is left out."""
        headers: dict[str, Any] = {"Authorization": f"Bearer {self.deployment.token(tenant)}"}
        headers |= options.pop("headers", {})
        async with connect(
            self.tail_url + options.pop("query", ""),
            ssl=options.pop("tls", None) or self.tls(),
            additional_headers={name: value for name, value in headers.items() if value is not None},
            subprotocols=[Subprotocol(encoding)],
            compression=None,
            max_size=None,
            **options,
        ) as socket:
            yield TailPeer(socket)

    @asynccontextmanager
    async def stream(self, tenant: str, query: str = "", **headers: str) -> AsyncIterator[StreamPeer]:
        """GET /v1/tail with a token of the tenant; the head has been read."""
        given = {"Authorization": f"Bearer {self.deployment.token(tenant)}", **headers}
        async with self.request(f"GET /v1/tail?{query}", given) as peer:
            yield peer

    @asynccontextmanager
    async def request(
        self, line: str, headers: Mapping[str, str], tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[StreamPeer]:
        """Send a request, such as `GET /v1/tail`; the head of the answer has been read."""
        port = self.listening.web_port
        reader, writer = await asyncio.open_connection("localhost", port, ssl=tls or self.tls(), limit=2**16)
        given = {"Host": f"localhost:{port}", **headers}
        lines = [f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        try:
            yield await StreamPeer(reader, writer).head()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    @asynccontextmanager
    async def caller(self, client: Issued, token: str = "") -> AsyncIterator[CallPeer]:
        """Call Tail over gRPC, with a client certificate and perhaps a token."""
        async with self.channel(client) as channel:
            tail = channel.stream_stream("/loghub.v1.Tail/Tail", response_deserializer=ServerMessage.FromString)
            call = tail(metadata=(("authorization", f"Bearer {token}"),) if token else ())
            yield CallPeer(call)
            call.cancel()


class ProducerPeer:
    """A producer's end of a stream."""

    def __init__(self, call: Any) -> None:
        self.call = call

    async def send(self, **kind: Any) -> None:
        """Send one message."""
        await self.call.write(ProducerMessage(**kind).SerializeToString())

    async def send_batches(self, *batches: Batch) -> None:
        """Send batches."""
        for one in batches:
            await self.send(batch=one)

    async def receive(self, kind: str) -> Any:
        """Return the body of the next message, which must be of this kind."""
        async with asyncio.timeout(SECONDS):
            message = await self.call.read()
        assert message is not grpc.aio.EOF, f"the stream ended: {await self.call.code()} {await self.call.details()}"
        assert message.WhichOneof("kind") == kind, message
        return getattr(message, kind)

    async def until(self, kind: str) -> Any:
        """Return the body of the next message of this kind, passing over others."""
        async with asyncio.timeout(SECONDS):
            while (message := await self.call.read()) is not grpc.aio.EOF:
                if message.WhichOneof("kind") == kind:
                    return getattr(message, kind)
        raise AssertionError(await self.call.details())

    async def acked(self, seq: int) -> None:
        """Read acknowledgements up to a sequence number."""
        while (await self.until("ack")).up_to_seq < seq:
            pass

    async def goodbye(self) -> None:
        """Say goodbye."""
        await self.send(goodbye=ProducerGoodbye())
        await self.call.done_writing()

    async def status(self) -> tuple[grpc.StatusCode, str]:
        """Return how the call ended."""
        async with asyncio.timeout(SECONDS):
            return await self.call.code(), await self.call.details() or ""


class StreamPeer:
    """A subscriber's end of a streamed response: server-sent events or lines of JSON."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._rest = b""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ids: list[str] = []

    async def head(self) -> Self:
        """Read status and headers."""
        async with asyncio.timeout(SECONDS):
            lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        return self

    async def body(self) -> bytes:
        """Read to the end."""
        async with asyncio.timeout(SECONDS):
            while await self._chunk():
                pass
        return self._rest

    async def _chunk(self) -> bool:
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            self._rest += await self._reader.readexactly(int(self.headers.get("content-length", 0)))
            return False
        size = int(await self._reader.readline(), 16)
        self._rest += await self._reader.readexactly(size)
        await self._reader.readline()
        return size > 0

    async def next(self) -> dict[str, Any] | None:
        """Return the next message; None at the end."""
        events = "event-stream" in self.headers["content-type"]
        mark = b"\n\n" if events else b"\n"
        async with asyncio.timeout(SECONDS):
            while True:
                while mark not in self._rest:
                    if not await self._chunk():
                        return None
                text, _, self._rest = self._rest.partition(mark)
                if not events and text:
                    return json.loads(text)  # type: ignore[no-any-return]
                fields = dict(line.split(": ", 1) for line in text.decode().split("\n") if not line.startswith(":"))
                if "data" in fields:
                    self.ids += [fields["id"]] if "id" in fields else []
                    message: dict[str, Any] = json.loads(fields["data"])
                    assert fields["event"] == re.sub("[A-Z]", lambda upper: f"_{upper[0].lower()}", next(iter(message)))
                    return message

    async def until(self, kind: str) -> Any:
        """Return the body of the next message of this kind, passing over others."""
        while message := await self.next():
            if kind in message:
                return message[kind]
        raise AssertionError(kind)

    async def bodies(self, count: int) -> list[str]:
        """Return the bodies of the next records, which must be exactly so many."""
        found: list[str] = []
        while len(found) < count:
            found.extend(_json_bodies(await self.until("records")))
        assert len(found) == count, found
        return found


class CallPeer:
    """A subscriber's end of a gRPC call."""

    def __init__(self, call: Any) -> None:
        self.call = call

    async def send(self, **kind: Any) -> None:
        """Send a message by its kind."""
        await self.call.write(ClientMessage(**kind).SerializeToString())

    async def next(self) -> ServerMessage | None:
        """Return the next message, however long it takes; None at the end."""
        message = await self.call.read()
        return None if message is grpc.aio.EOF else message

    async def until(self, kind: str) -> Any:
        """Return the body of the next message of this kind, passing over others."""
        async with asyncio.timeout(SECONDS):
            while (message := await self.call.read()) is not grpc.aio.EOF:
                if message.WhichOneof("kind") == kind:
                    return getattr(message, kind)
        raise AssertionError(await self.call.details())

    async def subscribe(self, name: str = "s", **what: Any) -> Self:
        """Subscribe, and wait until the hub says so."""
        await self.send(subscribe=Subscribe(id=name, **what))
        await self.until("subscribed")
        return self

    async def bodies(self, count: int) -> list[str]:
        """Return the bodies of the next records, which must be exactly so many."""
        found: list[str] = []
        while len(found) < count:
            found.extend(_bodies((await self.until("records")).batches))
        assert len(found) == count, found
        return found

    async def status(self) -> tuple[grpc.StatusCode, str]:
        """Return how the call ended."""
        async with asyncio.timeout(SECONDS):
            return await self.call.code(), await self.call.details() or ""


class TailPeer:
    """A subscriber's end of the WebSocket, in either encoding."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.json = socket.subprotocol == JSON

    async def __aiter__(self) -> AsyncIterator[Any]:
        """Yield messages: `ServerMessage`, or in JSON dictionaries."""
        async for raw in self.socket:
            yield json.loads(raw) if self.json else ServerMessage.FromString(raw)  # type: ignore[arg-type]

    async def send(self, **kind: Any) -> None:
        """Send a message by its kind."""
        if self.json:
            await self.socket.send(json.dumps(kind))
        else:
            await self.socket.send(ClientMessage(**kind).SerializeToString())

    async def next(self) -> Any:
        """Return the next message."""
        async with asyncio.timeout(SECONDS):
            raw = await self.socket.recv()
        return json.loads(raw) if self.json else ServerMessage.FromString(raw)  # type: ignore[arg-type]

    async def until(self, kind: str) -> Any:
        """Return the body of the next message of this kind, passing over others."""
        while True:
            message = await self.next()
            if self.json and kind in message:
                return message[kind]
            if not self.json and message.WhichOneof("kind") == kind:
                return getattr(message, kind)

    async def subscribe(self, name: str = "s", **what: Any) -> Self:
        """Subscribe, and wait until the hub says so."""
        await self.send(subscribe={"id": name, **what} if self.json else Subscribe(id=name, **what))
        await self.until("subscribed")
        return self

    async def bodies(self, count: int) -> list[str]:
        """Return the bodies of the next records, which must be exactly so many."""
        found: list[str] = []
        while len(found) < count:
            message = await self.until("records")
            found.extend(_json_bodies(message) if self.json else _bodies(message.batches))
        assert len(found) == count, found
        return found

    async def closed(self) -> tuple[int, str]:
        """Read to the end; return close code and reason."""
        with suppress(ConnectionClosed):
            async with asyncio.timeout(SECONDS):
                while True:
                    await self.socket.recv()
        return self.socket.close_code or 0, self.socket.close_reason or ""


def _bodies(batches: Sequence[Batch]) -> list[str]:
    return [record.body for one in batches for record in one.records]


def _json_bodies(message: dict[str, Any]) -> list[str]:
    return [record.get("body", "") for one in message["batches"] for record in one["records"]]

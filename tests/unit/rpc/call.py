"""A gRPC call without a network; `grpc.aio.ServicerContext`, as far as our services use it."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, NoReturn

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc
from google.rpc import error_details_pb2, status_pb2

from hub.pb.tail_pb2 import ClientMessage, ServerMessage
from tests.fakes import certificate

assert hub.grpc_tls.TLS13_ONLY

_DETAILS = "grpc-status-details-bin"
DER = certificate("spiffe://loghub.test/tenant/acme/subscriber/desk")


class FakeCall:
    """A call of a client that reads while `listening` is set, and whose status is kept."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self.heard: list[bytes] = []
        self.status: Any = None
        self.listening = asyncio.Event()
        self.listening.set()
        self.breaks: Exception | None = None
        self._metadata = metadata
        self._said: asyncio.Queue[bytes | object] = asyncio.Queue()

    # --- the service's side ------------------------------------------------------------------------------------------

    def auth_context(self) -> dict[str, list[bytes]]:
        """Return the client's certificate."""
        return {"x509_pem_cert": [ssl.DER_cert_to_PEM_cert(DER).encode()]}

    def peer(self) -> str:
        """Return the client's address."""
        return "ipv4:192.0.2.7:51234"

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the call's headers."""
        return self._metadata

    async def read(self) -> bytes | object:
        """Return what the client says next."""
        return await self._said.get()

    async def write(self, message: bytes) -> None:
        """Have the client hear a message."""
        if self.breaks:
            raise self.breaks
        await self.listening.wait()
        self.heard.append(message)

    async def abort_with_status(self, status: Any) -> NoReturn:
        """Keep the status."""
        self.status = status
        raise grpc.aio.AbortError

    # --- the client's side -------------------------------------------------------------------------------------------

    def say(self, **kind: Any) -> None:
        """Send a message."""
        self._said.put_nowait(ClientMessage(**kind).SerializeToString())

    def say_raw(self, raw: bytes) -> None:
        """Send any bytes."""
        self._said.put_nowait(raw)

    def half_close(self) -> None:
        """Say nothing more."""
        self._said.put_nowait(grpc.aio.EOF)

    @property
    def messages(self) -> list[ServerMessage]:
        """What was heard."""
        return [ServerMessage.FromString(raw) for raw in self.heard]

    @property
    def retry_seconds(self) -> float | None:
        """What the status says of coming back; None: nothing."""
        rich = status_pb2.Status.FromString(dict(self.status.trailing_metadata)[_DETAILS])
        infos = []
        for detail in rich.details:
            info = error_details_pb2.RetryInfo()
            assert detail.Unpack(info)
            infos.append(info.retry_delay.ToMilliseconds() / 1000)
        assert len(infos) <= 1
        return infos[0] if infos else None

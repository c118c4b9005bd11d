"""A subscriber over the WebSocket: reconnects with backoff and resumes at its cursor."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from hub import __version__
from hub.client.backoff import Backoff
from hub.core.packed_batch import unpacked
from hub.errors import CertificateError, ForbiddenError, LoghubError, UnauthenticatedError
from hub.pb.tail_pb2 import COMPRESSION_ZSTD, ClientMessage, ServerMessage, Subscribe, Unsubscribe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from websockets.asyncio.client import ClientConnection

_MAX_MESSAGE_BYTES = 64 * 2**20
_OPEN_SECONDS = 10.0
_FATAL_STATUS = {401: UnauthenticatedError, 403: ForbiddenError}
_FATAL_CODES = ((4401, 4403), (3500, 3999), (4408, 4408), (4500, 4999))
_SUBSCRIPTION = "tail"


@dataclass(frozen=True, slots=True)
class Access:
    """Where the hub is and how to get in; `ca`: what to trust, None: what the system trusts."""

    url: str
    token: str = ""
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def tls(self) -> ssl.SSLContext:
        """Return the context of a connection; CertificateError where a file cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            if self.cert:
                context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            msg = f"the certificates cannot be used: {error}"
            raise CertificateError(msg) from error
        return context


class RefusedError(LoghubError):
    """The hub ended the subscription for good."""


class Subscriber:
    """One subscription, kept over reconnections. `cursor` is where it stands; None: where `start` says."""

    def __init__(self, access: Access, start: Subscribe, on_state: Callable[[str], None]) -> None:
        self.cursor: str | None = start.cursor or None
        self._access = access
        self._start = start
        self._on_state = on_state
        self._socket: ClientConnection | None = None
        self._leaving: asyncio.Task[None] | None = None

    def leave(self) -> bool:
        """Ask the hub to end the subscription with its account; False where there is no connection to ask on."""
        if self._socket is None:
            return False
        request = ClientMessage(unsubscribe=Unsubscribe(id=_SUBSCRIPTION))
        self._leaving = asyncio.create_task(self._socket.send(request.SerializeToString()), name="leave")
        return True

    async def messages(self) -> AsyncIterator[ServerMessage]:
        """Yield what the hub says, until it ends for good: LoghubError, or the end of what was stored."""
        backoff = Backoff(1.0, 30.0)
        context = self._access.tls()
        wait = 0.0
        while True:
            try:
                async with self._connect(context) as socket:
                    self._socket = socket
                    await socket.send(self._subscribe().SerializeToString())
                    async for raw in socket:
                        message = _read(raw.encode() if isinstance(raw, str) else raw)
                        backoff.reset()
                        wait = message.goodbye.retry_after.ToTimedelta().total_seconds()
                        self._follow(message)
                        yield message
                        if message.HasField("unsubscribed"):
                            return
                _check_code(socket.close_code or 0, socket.close_reason or "")
            except InvalidStatus as error:
                _check_status(error)
                self._on_state(f"the hub answered {error.response.status_code}")
            except ssl.SSLCertVerificationError as error:
                msg = f"the hub's certificate is not trusted ({error.verify_message}): give its authority with --ca"
                raise CertificateError(msg) from error
            except ConnectionClosed as error:
                _check_code(error.rcvd.code if error.rcvd else 0, error.rcvd.reason if error.rcvd else "")
                self._on_state("the connection was lost")
            except (OSError, TimeoutError, WebSocketException) as error:
                self._on_state(f"the hub cannot be reached: {error}")
            self._socket = None
            pause = backoff.next(wait)
            self._on_state(f"connecting again in {pause:.1f} s")
            await asyncio.sleep(pause)

    def _connect(self, context: ssl.SSLContext) -> connect:
        headers = {"Authorization": f"Bearer {self._access.token}"} if self._access.token else {}
        return connect(
            self._access.url,
            ssl=context,
            additional_headers=headers,
            subprotocols=[Subprotocol("loghub.v1.proto")],
            max_size=_MAX_MESSAGE_BYTES,
            compression=None,
            open_timeout=_OPEN_SECONDS,
            user_agent_header=f"loghub-python/{__version__}",
        )

    def _subscribe(self) -> ClientMessage:
        request = Subscribe()
        request.CopyFrom(self._start)
        request.id = _SUBSCRIPTION
        request.compressions.append(COMPRESSION_ZSTD)
        if self.cursor:
            request.cursor = self.cursor
        return ClientMessage(subscribe=request)

    def _follow(self, message: ServerMessage) -> None:
        body = getattr(message, message.WhichOneof("kind") or "welcome")
        if cursor := getattr(body, "cursor", ""):
            self.cursor = cursor
        if message.HasField("error"):
            raise RefusedError(message.error.message)


def _read(raw: bytes) -> ServerMessage:
    """Return a message, its batches as if they had not been compressed."""
    message = ServerMessage.FromString(raw)
    if message.HasField("records") and message.records.packed:
        message.records.batches.extend(unpacked(message.records.packed))
        message.records.ClearField("packed")
    return message


def _check_status(error: InvalidStatus) -> None:
    kind = _FATAL_STATUS.get(error.response.status_code)
    if kind:
        msg = f"the hub refused: {error.response.body.decode(errors='replace')}"
        raise kind(msg) from error


def _check_code(code: int, reason: str) -> None:
    if any(low <= code <= high for low, high in _FATAL_CODES):
        msg = f"the hub ended the connection: {reason or code}"
        raise RefusedError(msg)

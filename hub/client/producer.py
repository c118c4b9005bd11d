"""A producer over `Ingest.Stream`: batches in order, resent after a break, each stored once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc

from hub import __version__
from hub.client.backoff import Backoff
from hub.client.reasons import reason_of
from hub.core.outbox import Outbox, Window
from hub.errors import BadRequestError, ForbiddenError, LoghubError, UnauthenticatedError
from hub.pb.ingest_pb2 import GOODBYE_REASON_DONE, Hello, HubMessage, ProducerGoodbye, ProducerMessage
from hub.pb.record_pb2 import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.pb.ingest_pb2 import HubGoodbye, Nack, RecordError
    from hub.pb.record_pb2 import LogRecord, Resource

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

_MAX_PENDING_BYTES = 8 * 2**20
_STREAM = "/loghub.v1.Ingest/Stream"
_REFUSALS = {
    grpc.StatusCode.PERMISSION_DENIED: ForbiddenError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.INVALID_ARGUMENT: BadRequestError,
}
_OPTIONS = (
    ("grpc.http2.bdp_probe", 0),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


@dataclass(frozen=True, slots=True)
class Target:
    """A hub's gRPC port, and the PEM files of a connection to it."""

    endpoint: str
    ca: Path
    cert: Path
    key: Path


@dataclass(slots=True)
class Totals:
    """What became of records: acknowledged by the hub, refused for good, and how often the stream broke."""

    acked: int = 0
    rejected: int = 0
    breaks: int = 0


class DismissedError(LoghubError):
    """The hub ended the stream for good."""


class Producer:
    """Sends records; `run` must be running. `max_pending_bytes` may wait; then `send` waits too."""

    def __init__(
        self,
        target: Target,
        producer_id: str,
        resource: Resource,
        max_pending_bytes: int = _MAX_PENDING_BYTES,
        on_state: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """Take where to send to and as who, and what is told when the hub cannot be reached."""
        self.totals = Totals()
        self.refusals: list[RecordError] = []
        self._target = target
        self._id = producer_id
        self._resource = resource
        self._max_pending = max_pending_bytes
        self._on_state = on_state
        self._outbox = Outbox()
        self._window = Window(1, 1)
        self._changed = asyncio.Event()
        self._progress = asyncio.Condition()
        self._closing = False

    @property
    def unacked(self) -> int:
        """Records that are not acknowledged."""
        return self._outbox.records

    async def send(self, records: Sequence[LogRecord]) -> None:
        """Hand over records as one batch; waits while too much is not acknowledged."""
        async with self._progress:
            await self._progress.wait_for(lambda: self._outbox.size < self._max_pending)
        self._outbox.add(Batch(resource=self._resource, records=records))
        self._changed.set()

    async def flush(self) -> None:
        """Wait until all is acknowledged."""
        async with self._progress:
            await self._progress.wait_for(lambda: not len(self._outbox))

    def close(self) -> None:
        """End `run` once all is acknowledged."""
        self._closing = True
        self._changed.set()

    async def run(self) -> None:
        """Keep a stream open until closed; LoghubError where the hub refuses the producer or dismisses it."""
        backoff = Backoff(0.1, 30.0)
        files = (self._target.ca, self._target.key, self._target.cert)
        credentials = grpc.ssl_channel_credentials(*(path.read_bytes() for path in files))
        while not (self._closing and not len(self._outbox)):
            reason = "the stream ended"
            async with grpc.aio.secure_channel(self._target.endpoint, credentials, _OPTIONS) as channel:
                try:
                    await self._converse(channel.stream_stream(_STREAM)(), backoff)
                except BaseExceptionGroup as group:
                    reason = _check_broken(group)
            if not (self._closing and not len(self._outbox)):
                self.totals.breaks += 1
                pause = backoff.next()
                self._on_state(f"the hub cannot be reached ({reason}); connecting again in {pause:.1f} s")
                await asyncio.sleep(pause)

    async def _converse(self, call: Any, backoff: Backoff) -> None:  # noqa: ANN401  grpc has no types
        async with asyncio.TaskGroup() as tasks:
            writer: asyncio.Task[None] | None = None
            hello = Hello(producer_id=self._id, client=f"loghub-python/{__version__}", next_seq=self._outbox.first_seq)
            await call.write(ProducerMessage(hello=hello).SerializeToString())
            while (raw := await call.read()) is not grpc.aio.EOF:
                message = HubMessage.FromString(raw)
                kind = message.WhichOneof("kind")
                if kind == "welcome":
                    backoff.reset()
                    limits = message.welcome.limits
                    self._window = Window(limits.max_unacked_batches, limits.max_unacked_bytes)
                    self.totals.acked += self._outbox.welcome(message.welcome.last_seq)
                    writer = tasks.create_task(self._write(call), name="producer-write")
                elif kind == "ack":
                    self._acknowledged(message)
                elif kind == "nack":
                    await self._refused(message.nack)
                elif kind == "goodbye":
                    _check_goodbye(message.goodbye)
                async with self._progress:
                    self._progress.notify_all()
            if writer:
                writer.cancel()
            await _raise_status(call)

    def _acknowledged(self, message: HubMessage) -> None:
        self.refusals.extend(message.ack.rejected)
        rejected = len(message.ack.rejected)
        self.totals.rejected += rejected
        self.totals.acked += self._outbox.ack(message.ack.up_to_seq) - rejected
        self._changed.set()

    async def _refused(self, nack: Nack) -> None:
        if nack.HasField("retry_after"):
            await asyncio.sleep(nack.retry_after.ToTimedelta().total_seconds())
            self._outbox.back_to(nack.seq)
        else:
            self.totals.rejected += self._outbox.drop(nack.seq)
        self._changed.set()

    async def _write(self, call: Any) -> None:  # noqa: ANN401  grpc has no types
        while True:
            self._changed.clear()
            while batch := self._outbox.next(self._window):
                await call.write(ProducerMessage(batch=batch).SerializeToString())
            if self._closing and not len(self._outbox):
                await call.write(ProducerMessage(goodbye=ProducerGoodbye()).SerializeToString())
                await call.done_writing()
                return
            await self._changed.wait()


def _check_goodbye(goodbye: HubGoodbye) -> None:
    if not goodbye.reconnect and goodbye.reason != GOODBYE_REASON_DONE:
        msg = f"the hub ended the stream: {goodbye.message}"
        raise DismissedError(msg)


async def _raise_status(call: Any) -> None:  # noqa: ANN401  grpc has no types
    code = await call.code()
    if code in _REFUSALS:
        raise _REFUSALS[code](await call.details() or "")


def _check_broken(group: BaseExceptionGroup[BaseException]) -> str:
    """Return why a stream broke; raise what is no such thing, and LoghubError where the hub refuses the producer."""
    reason = "the stream broke"
    for error in group.exceptions:
        if isinstance(error, LoghubError):
            raise error
        if isinstance(error, grpc.aio.AioRpcError):
            if error.code() in _REFUSALS:
                raise _REFUSALS[error.code()](error.details() or "") from error
            reason = reason_of(error.details() or error.code().name)
        elif not isinstance(error, asyncio.InvalidStateError | grpc.aio.UsageError):  # a write on an ended call
            raise group
    return reason

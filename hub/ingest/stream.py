"""One `Ingest.Stream`: a producer's batches in, acknowledgements out.

Two tasks share it. The reader takes messages, has batches stored, and stops reading while the window is full, so that
HTTP/2 flow control reaches the producer. The answerer waits until the oldest open batches are settled and says so, one
message for as many as there are. Which batch comes next is decided by `hub.core.sequence`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from google.protobuf.duration_pb2 import Duration

from hub import __version__
from hub.core.batch import Reader
from hub.core.sequence import Sequencer, Verdict
from hub.errors import (
    BadRequestError,
    LoghubError,
    OutOfSequenceError,
    QuotaError,
    ShuttingDownError,
    TooLargeError,
    UnauthenticatedError,
)
from hub.ingest.admission import Admission, Source, check_producer_id
from hub.log.model import Appended
from hub.pb import ingest_pb2
from hub.pb.ingest_pb2 import HubMessage, ProducerMessage, RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.core.batch import Offer, Rejected
    from hub.core.principal import Principal
    from hub.core.quota import RateQuotas
    from hub.log.model import Log, Outcome
    from hub.observe.metrics import Metrics

MAX_CLIENT_CHARACTERS = 128
# For a producer whose certificate has ended to read what waits for it: within a second all is over.
_THROW_OUT_SECONDS = 0.5
_THROWN_OUT = (ingest_pb2.GOODBYE_REASON_EXPIRED, ingest_pb2.GOODBYE_REASON_REVOKED)
_MESSAGES = Reader(ProducerMessage)


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Window of a stream, and how long a hello may take; `producer_memory_seconds` is told to the producer."""

    max_unacked_batches: int
    max_unacked_bytes: int
    hello_seconds: float
    producer_memory_seconds: float


class Peer(Protocol):
    """The other end of a stream: whole messages as bytes."""

    async def read(self) -> bytes | None:
        """Return the next message, or None at the end."""

    async def write(self, message: bytes) -> None:
        """Send a message."""


@dataclass(slots=True)
class _Open:
    """A batch that is on its way into the log, or is known to be there (`stored` is None)."""

    seq: int
    after: int
    size: int
    records: int = 0
    rejected: tuple[Rejected, ...] = ()
    run: int = 0
    stored: asyncio.Future[list[Outcome]] | None = None


@dataclass(slots=True)
class Farewell:
    """Why a stream is ended by the hub."""

    reason: ingest_pb2.GoodbyeReason
    message: str
    reconnect: bool
    retry_after_seconds: float = 0.0


class Streams:
    """The open streams of this process, by tenant and producer id; a newer one takes the place of an older.

    `check` raises LoghubError for a principal that may not stay.
    """

    def __init__(self, check: Callable[[Principal], None]) -> None:
        self._check = check
        self._open: dict[Source, ProducerStream] = {}

    def enter(self, source: Source, stream: ProducerStream) -> None:
        """Register a stream and end the one that was there; LoghubError where it was revoked since its handshake."""
        self._check(stream.principal)
        old = self._open.get(source)
        self._open[source] = stream
        if old:
            message = "a newer stream with this producer id took over"
            old.end(Farewell(ingest_pb2.GOODBYE_REASON_SUPERSEDED, message, reconnect=False))

    def leave(self, source: Source, stream: ProducerStream) -> None:
        """Forget a stream, unless a newer one stands in its place."""
        if self._open.get(source) is stream:
            del self._open[source]

    def count(self, tenant: str) -> int:
        """Return the number of the tenant's open streams."""
        return sum(source.tenant == tenant for source in self._open)

    def recheck(self, check: Callable[[Principal], None]) -> None:
        """End the streams of principals that may not stay."""
        for stream in list(self._open.values()):
            try:
                check(stream.principal)
            except LoghubError as error:
                stream.end(Farewell(ingest_pb2.GOODBYE_REASON_REVOKED, error.message, reconnect=False))

    def end_all(self, farewell: Farewell) -> None:
        """End every stream."""
        for stream in list(self._open.values()):
            stream.end(farewell)


@dataclass(slots=True)
class Ingest:
    """What all streams share."""

    log: Log
    admission: Admission
    limits: StreamLimits
    metrics: Metrics
    streams: Streams
    quotas: RateQuotas


class ProducerStream:
    """Runs one stream to its end; a producer's errors are raised before the welcome, and said after it."""

    def __init__(self, ingest: Ingest, principal: Principal, peer: Peer) -> None:
        self._allowance = ingest.quotas.of(principal, monotonic())
        self.principal = principal
        self._ingest = ingest
        self._tenant = principal.tenant
        self._peer = peer
        self._source = Source(principal.tenant, "")
        self._sequence = Sequencer(1, 0)
        # Bounded by the window of StreamLimits: the reader waits while it is full.
        self._open: deque[_Open] = deque()
        self._open_bytes = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._farewell: Farewell | None = None
        self._limit: asyncio.Timeout | None = None
        self._finished = False
        self._acked = 0
        # Bounded by the window too: a producer that does not read its refusals is not read either.
        self._nacks: deque[HubMessage] = deque()
        self._counts = ingest.metrics.tenant(principal.tenant)

    @property
    def farewell(self) -> str:
        """Why the hub ends the stream; "" while it does not."""
        return self._farewell.message if self._farewell else ""

    def end(self, farewell: Farewell) -> None:
        """Settle what is open, say goodbye, and end; a peer that may not stay and does not read is cut."""
        if self._farewell is None:
            self._farewell = farewell
        self._changed.set()
        if farewell.reason in _THROWN_OUT and self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + _THROW_OUT_SECONDS)

    async def run(self) -> None:
        """Serve the stream from hello to goodbye."""
        self._limit = limit = asyncio.timeout(_THROW_OUT_SECONDS if self._farewell else None)
        try:
            async with limit:
                await self._serve()
        except TimeoutError:
            if not limit.expired() or self._farewell is None:
                raise
            raise UnauthenticatedError(self._farewell.message) from None
        finally:
            self._limit = None

    async def _serve(self) -> None:
        hello = await self._hello()
        self._source = Source(self._tenant, check_producer_id(hello.producer_id))
        self._ingest.streams.enter(self._source, self)
        self._counts.streams.inc()
        try:
            last_seq = await self._ingest.log.last_seq(self._tenant, hello.producer_id)
            self._sequence = Sequencer.begin(last_seq, hello.next_seq)
            await self._peer.write(self._welcome(last_seq).SerializeToString())
            await self._converse()
        finally:
            self._counts.streams.dec()
            self._ingest.streams.leave(self._source, self)

    async def _hello(self) -> ingest_pb2.Hello:
        try:
            async with asyncio.timeout(self._ingest.limits.hello_seconds):
                raw = await self._peer.read()
        except TimeoutError as error:
            msg = f"no hello came within {self._ingest.limits.hello_seconds:g} s"
            raise BadRequestError(msg) from error
        message = _MESSAGES.read(raw or b"").message
        if message.WhichOneof("kind") != "hello":
            msg = "the first message of a stream must be a hello"
            raise BadRequestError(msg)
        if len(message.hello.client) > MAX_CLIENT_CHARACTERS:
            msg = f"hello.client is longer than {MAX_CLIENT_CHARACTERS} characters"
            raise BadRequestError(msg)
        hello: ingest_pb2.Hello = message.hello
        return hello

    def _welcome(self, last_seq: int) -> HubMessage:
        batch, stream = self._ingest.admission.limits, self._ingest.limits
        limits = ingest_pb2.Limits(
            max_batch_bytes=batch.max_batch_bytes,
            max_batch_records=batch.max_batch_records,
            max_record_bytes=batch.max_record_bytes,
            max_attributes=batch.max_attributes,
            max_unacked_batches=stream.max_unacked_batches,
            max_unacked_bytes=stream.max_unacked_bytes,
            producer_memory=Duration(seconds=int(stream.producer_memory_seconds)),
        )
        welcome = ingest_pb2.Welcome(
            last_seq=last_seq, limits=limits, server=f"loghub/{__version__}", tenant=self._tenant
        )
        return HubMessage(welcome=welcome)

    async def _converse(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(self._read(), name=f"ingest-read-{self._source.producer_id}")
            await self._answer()
            reader.cancel()

    # --- reading -----------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while self._farewell is None:
            raw = await self._peer.read()
            if raw is None or self._farewell is not None:
                break
            try:
                finished = self._take(raw)
            except LoghubError as error:
                self.end(Farewell(ingest_pb2.GOODBYE_REASON_PROTOCOL, error.message, reconnect=False))
                return
            if finished:
                break
            await self._wait_for_room()
        self._finished = True
        self._changed.set()

    def _take(self, raw: bytes) -> bool:
        """Act on one message; True at the producer's goodbye."""
        incoming = _MESSAGES.read(raw)
        message = incoming.message
        kind = message.WhichOneof("kind")
        if kind == "goodbye":
            return True
        if kind != "batch":
            msg = f"after the hello come batches and a goodbye, not {kind or 'an unknown message'}"
            raise BadRequestError(msg)
        self._ingest.admission.repaired(self._tenant, incoming.repaired)
        seq: int = message.batch.seq
        if not seq:
            msg = "a batch of a stream needs seq: the first is 1, each one more than the one before"
            raise BadRequestError(msg)
        verdict = self._sequence.take(seq)
        if verdict is Verdict.STORE:
            self._store(incoming.offer, len(raw))
        elif verdict is Verdict.DUPLICATE:
            self._append_open(_Open(seq, seq, 0))
        elif verdict is Verdict.GO_BACK:
            expected = self._sequence.expected
            self._nack(expected, OutOfSequenceError(f"batch {seq} came, {expected} must come next"))
        return False

    def _store(self, offer: Offer, size: int) -> None:
        seq, after, run = self._sequence.expected, self._sequence.after, self._sequence.run
        try:
            self._allowance.check(monotonic())
            entry, rejected = self._ingest.admission.entry(self._source, offer, after_seq=after, in_parts=True)
        except (BadRequestError, TooLargeError, QuotaError) as error:
            self._sequence.hold()
            self._nack(seq, error)
            return
        self._allowance.spend(entry.records, size)
        self._sequence.submitted()
        stored = self._ingest.log.submit([entry])
        stored.add_done_callback(self._settled)
        self._append_open(_Open(seq, after, size, entry.records, rejected, run, stored))

    def _settled(self, stored: asyncio.Future[list[Outcome]]) -> None:
        if not stored.cancelled():
            stored.exception()  # looked at here, since the stream may be gone by now
        self._changed.set()

    def _append_open(self, batch: _Open) -> None:
        self._open.append(batch)
        self._open_bytes += batch.size
        if batch.stored is None:  # settled already; any other says so itself
            self._changed.set()

    async def _wait_for_room(self) -> None:
        if wait := self._allowance.wait(monotonic()):
            self._counts.throttled.inc(wait)
            await asyncio.sleep(wait)
        await self._ingest.log.room()
        limits = self._ingest.limits
        while (
            len(self._open) + len(self._nacks) >= limits.max_unacked_batches
            or self._open_bytes >= limits.max_unacked_bytes
        ):
            self._room.clear()
            await self._room.wait()

    # --- answering ---------------------------------------------------------------------------------------------------

    async def _answer(self) -> None:
        """Acknowledge what is settled until the stream has ended; then say goodbye."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for message in self._settle():
                await self._peer.write(message.SerializeToString())
            if not self._open and not self._nacks and (self._finished or self._farewell):
                break
        farewell = self._farewell or Farewell(ingest_pb2.GOODBYE_REASON_DONE, "", reconnect=False)
        goodbye = ingest_pb2.HubGoodbye(reason=farewell.reason, message=farewell.message, reconnect=farewell.reconnect)
        if farewell.retry_after_seconds:
            goodbye.retry_after.FromMilliseconds(int(farewell.retry_after_seconds * 1000))
        await self._peer.write(HubMessage(goodbye=goodbye).SerializeToString())

    def _settle(self) -> list[HubMessage]:
        """Return what is to be said of the settled batches at the head of the queue, then the nacks."""
        ack = ingest_pb2.Ack()
        stored: list[_Open] = []
        duplicates = 0
        while self._open and (self._open[0].stored is None or self._open[0].stored.done()):
            batch = self._open.popleft()
            self._open_bytes -= batch.size
            if batch.stored is None and batch.seq >= self._sequence.expected:
                continue  # its first copy was refused since: it will come again
            outcome = _outcome(batch.stored) if batch.stored else Appended(0, duplicate=True)
            if isinstance(outcome, Appended):
                if outcome.duplicate:
                    duplicates += 1
                else:
                    stored.append(batch)
                self._acked = ack.up_to_seq = max(self._acked, batch.seq)
                ack.rejected.extend(record_errors(batch.seq, batch.rejected))
            else:
                self._refused(batch, outcome)
        self._count(stored, duplicates)
        self._room.set()
        messages = [HubMessage(ack=ack)] if ack.up_to_seq else []
        messages.extend(self._nacks)
        self._nacks.clear()
        return messages

    def _count(self, stored: Sequence[_Open], duplicates: int) -> None:
        counts = self._counts
        if stored:
            counts.batches.inc(len(stored))
            counts.records.inc(sum(batch.records for batch in stored))
            counts.bytes.inc(sum(batch.size for batch in stored))
        if duplicates:
            counts.duplicates.inc(duplicates)

    def _refused(self, batch: _Open, outcome: object) -> None:
        if isinstance(outcome, LoghubError):
            error, after = outcome, batch.after
        else:
            after = outcome.last_seq  # type: ignore[attr-defined]
            error = OutOfSequenceError(f"send again from batch {batch.seq}: the last that is stored is {after}")
        if self._sequence.refused(max(batch.seq, 1), after, batch.run):
            self._nack(self._sequence.expected, error)
        if isinstance(error, ShuttingDownError):
            self.end(Farewell(ingest_pb2.GOODBYE_REASON_SHUTDOWN, error.message, reconnect=True))

    def _nack(self, seq: int, error: LoghubError) -> None:
        nack = ingest_pb2.Nack(seq=seq, code=int(error.grpc_code), message=error.message)
        if error.retry:
            nack.retry_after.FromMilliseconds(int((error.retry_after_seconds or 0.0) * 1000))
        self._counts.refused(error.grpc_code.name)
        self._nacks.append(HubMessage(nack=nack))
        self._changed.set()


def _outcome(stored: asyncio.Future[list[Outcome]]) -> Outcome | LoghubError:
    """Return what became of a batch, a refusal included; any other error is raised."""
    try:
        return stored.result()[0]
    except LoghubError as error:
        return error


def record_errors(seq: int, rejected: tuple[Rejected, ...]) -> list[RecordError]:
    """Return the wire form of refused records."""
    return [RecordError(seq=seq, index=one.index, field=one.field, reason=one.reason) for one in rejected]

"""Fakes of seams, for unit tests: what the real ones in `hub.web` and `hub.log` do, without sockets and disks."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from hub.core.filter import FilterLimits, parse_filter
from hub.core.places import Bound, PlaceLimits, Places
from hub.core.principal import Principal, Scope
from hub.core.websocket_frame import unframed
from hub.errors import LoghubError, UnauthenticatedError
from hub.identity.tickets import Ticket
from hub.log.memory import MemoryLog
from hub.log.model import Entry
from hub.log.retention import Retention
from hub.pb.record_pb2 import Batch, LogRecord, Resource
from hub.pb.tail_pb2 import ServerMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from hub.core.ending import Ending
    from hub.core.filter import Filter
    from hub.core.revocation import Revocation
    from hub.core.stored import Hole, StoredBatch
    from hub.pb.tail_pb2 import ClientMessage
    from hub.web.frames import Conversation

FOREVER = Retention(10**9, 2**40, 10**9)


def filter_of(text: str) -> Filter:
    """Read a filter with ample limits."""
    return parse_filter(text, FilterLimits(2**20, 10**6))


class FakeSink:
    """A peer that keeps what it gets; `hub.core.ports.Sink`. It reads once `read` is called, if made full."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.full = False
        self.gone = False
        self.never_reads = False
        self._room = asyncio.Event()
        self._room.set()

    def write(self, frame: bytes) -> None:
        """Keep a frame, unless the peer is gone."""
        if not self.gone:
            self.frames.append(frame)

    def offer(self, frame: bytes) -> bool:
        """Keep a frame, unless it is full."""
        if not self.full:
            self.write(frame)
        return not self.full

    async def drain(self) -> None:
        """Wait for the peer to read."""
        if self.never_reads:
            raise TimeoutError
        await self._room.wait()
        if self.gone:
            raise ConnectionError

    def abort(self) -> None:
        """Be gone."""
        self.gone = True

    def fill(self) -> None:
        """Stop reading."""
        self.full = True
        self._room.clear()

    def read(self) -> None:
        """Read everything."""
        self.full = False
        self._room.set()

    @property
    def messages(self) -> list[ServerMessage]:
        """All messages until now, of the protobuf encoding."""
        return [ServerMessage.FromString(unframed(frame)[1]) for frame in self.frames]

    def of(self, kind: str) -> list[ServerMessage]:
        """Return the messages of one kind."""
        return [message for message in self.messages if message.WhichOneof("kind") == kind]

    def bodies(self, subscription: str = "s") -> list[str]:
        """Return the bodies of all records of a subscription."""
        mine = [message.records for message in self.of("records") if message.records.id == subscription]
        return [record.body for records in mine for batch in records.batches for record in batch.records]


class FakeConnection(FakeSink):
    """A connection that can be held; `hub.web.held.Connection`. Keeps who holds it, and how it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.conversation: Conversation | None = None
        self.listening = True
        self.closes: list[tuple[int, str]] = []

    @property
    def held(self) -> Conversation:
        """Whoever holds it."""
        assert self.conversation is not None
        return self.conversation

    def hold(self, conversation: Conversation) -> None:
        """Be held."""
        self.conversation = conversation

    def listen(self, *, now: bool) -> None:
        """Keep whether more may come."""
        self.listening = now

    def close(self, code: int, reason: str) -> None:
        """Keep the close, unless it is gone."""
        if not self.gone:
            self.closes.append((code, reason))

    def start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Run a task."""
        return asyncio.create_task(work, name=name)


NO_BOUND = PlaceLimits(Bound(None), Bound(None), Bound(None), {})


def places(total: int | None = None, tenant: int | None = None, principal: int | None = None) -> Places:
    """Return so many places."""
    names = ("web.max_connections", "web.max_connections_per_tenant", "quotas.max_connections_per_principal")
    first, second, third = (Bound(most, name) for most, name in zip((total, tenant, principal), names, strict=True))
    return Places("connections", PlaceLimits(first, second, third, {}))


def nothing_is_revoked(_principal: Principal) -> None:
    """Let everybody pass, as a hub does that has nothing on its lists."""


class FakeSession:
    """A session that keeps what it is told; `hub.web.ports.Session`. It takes messages while `gate` is open."""

    def __init__(self, principal: Principal | None = None) -> None:
        self.principal = principal or Principal("acme", "desk", frozenset({Scope.READ}))
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.refused: LoghubError | None = None
        self.said: list[str] = []
        self.messages: list[ClientMessage] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def open(self) -> None:
        """Keep that it was opened."""
        self.said.append("open")

    async def close(self) -> None:
        """Keep that it was closed."""
        self.said.append("close")

    async def receive(self, message: ClientMessage) -> None:
        """Keep a message; wait at the gate."""
        self.messages.append(message)
        await self.gate.wait()

    def no_more(self) -> None:
        """Keep that nothing more will come."""
        self.said.append("no more")

    def end(self, ending: Ending) -> None:
        """End."""
        self.said.append("end")
        if not self.ended.done():
            self.ended.set_result(ending)

    def recheck(self, check: Callable[[Principal], None]) -> None:
        """Keep that its principal may not stay, where the check says so."""
        try:
            check(self.principal)
        except LoghubError:
            self.said.append("thrown out")

    def shut_down(self, spread_seconds: float) -> None:
        """Keep how long clients may take to come back."""
        self.said.append(f"shut down over {spread_seconds:g} s")


class FakeRevoker:
    """Keeps what is revoked; `hub.web.admin.Revoker`."""

    def __init__(self) -> None:
        self.revocations: list[Revocation] = []

    async def revoke(self, entry: Revocation) -> None:
        """Keep it."""
        self.revocations.append(entry)


class FakeVerifier:
    """Knows some tokens' bearers, and keeps what it was asked; `hub.web.auth.Verifier`."""

    def __init__(self, **bearers: Principal) -> None:
        self.bearers = bearers
        self.asked: list[tuple[str, bytes | None]] = []

    def verify(self, token: str, certificate_der: bytes | None = None) -> Principal:
        """Let the known tokens pass."""
        self.asked.append((token, certificate_der))
        if token not in self.bearers:
            message = "the token is bad"
            raise UnauthenticatedError(message)
        return self.bearers[token]

    async def learn(self) -> bool:
        """Know all there is."""
        return False


class FakeKeyObserver:
    """Keeps what it is told of keys; `hub.identity.key_file.KeyObserver`."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def keys_in_force(self, count: int) -> None:
        """Keep the number."""
        self.said.append(f"{count} in force")

    def keys_refused(self) -> None:
        """Keep that it happened."""
        self.said.append("refused")


class FakeDesk:
    """Gives out tickets by number, and keeps whose they are; `hub.web.auth.TicketDesk`."""

    def __init__(self) -> None:
        self.out: dict[str, tuple[Principal, bytes | None]] = {}

    async def issue(self, principal: Principal, certificate_der: bytes | None) -> Ticket:
        """Give out the next number."""
        ticket = Ticket(f"ticket-{len(self.out)}", 30.0)
        self.out[ticket.text] = principal, certificate_der
        return ticket

    async def redeem(self, ticket: str, certificate_der: bytes | None) -> Principal:
        """Take a ticket back, once."""
        principal, certificate = self.out.pop(ticket, (None, None))
        if principal is None or certificate != certificate_der:
            message = "the ticket is bad"
            raise UnauthenticatedError(message)
        return principal


class GatedLog(MemoryLog):
    """A log whose reads wait at a gate, so that a test decides what happens meanwhile."""

    def __init__(self, retention: Retention = FOREVER) -> None:
        super().__init__(retention)
        self.gate = asyncio.Event()
        self.gate.set()
        self.reading = asyncio.Event()

    async def read(self, tenant: str, offset: int, max_bytes: int) -> list[StoredBatch | Hole]:
        """Read after the gate has opened; what is read is what was there before."""
        items = await super().read(tenant, offset, max_bytes)
        self.reading.set()
        await self.gate.wait()
        return items

    def ring(self, tenant: str) -> None:
        """Tell of a commit as another process would."""
        for listener in self._listeners:
            listener(tenant, [])


def entry(tenant: str, *bodies: str, service: str = "orders", severity: int = 9, received: int = 1) -> Entry:
    """Return a batch of records for a log."""
    records = [LogRecord(body=body, severity=severity) for body in bodies]  # type: ignore[arg-type]
    data = Batch(resource=Resource(service=service), records=records).SerializeToString()
    return Entry(tenant, data, len(bodies), received)


def certificate(uri: str, serial: int = 7) -> bytes:
    """Return a certificate of a day in DER, signed by itself, with one URI name."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(begin).not_valid_after(begin + dt.timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    return builder.add_extension(names, critical=False).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


async def settle(turns: int = 50) -> None:
    """Let every task run until nothing is left to do."""
    for _ in range(turns):
        await asyncio.sleep(0)

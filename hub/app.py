"""The composition root: makes the parts of a hub process from its settings, runs them, and stops them in order.

Stopping: refuse what is new and say goodbye · let streams settle · end the ports · store what was taken.
A part that dies takes the process with it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from dataclasses import dataclass, replace
from functools import partial
from time import time_ns
from typing import TYPE_CHECKING

import uvloop

import hub.grpc_tls  # isort: skip  # must come before anything that imports grpc
from hub import __version__, options
from hub.allocator import keep_memory
from hub.consume.engine import Engine
from hub.consume.session import ConsumerSession
from hub.core.places import Places
from hub.errors import StorageFullError
from hub.identity.access import Access
from hub.identity.https_get import GetLimits
from hub.identity.jwks import JwksKeys, JwksOptions
from hub.identity.key_file import KeyFile
from hub.identity.revoked_file import RevokedFile
from hub.identity.server_tls import ClientCertificates, ServerTls, TlsFiles
from hub.identity.tickets import TicketOptions, Tickets
from hub.identity.tokens import Keyring, TokenVerifier, load_keys, load_secret
from hub.ingest.admission import Admission
from hub.ingest.callers import Callers
from hub.ingest.kafka.settings import source_options
from hub.ingest.kafka.source import KafkaSource
from hub.ingest.otlp_service import OtlpService
from hub.ingest.service import IngestService
from hub.ingest.stream import Farewell, Ingest, Streams
from hub.live.engine import LiveEngine
from hub.live.session import TailSession
from hub.log.bell import SocketBell
from hub.log.kafka import KafkaLog
from hub.log.lmdb import LmdbLog
from hub.observe.audit import Audit, Event
from hub.observe.audit_access import AuditedAccess
from hub.observe.metrics import Metrics
from hub.pb import ingest_pb2
from hub.rpc.consume import ConsumeParts, ConsumeService
from hub.rpc.server import GrpcServer
from hub.rpc.tail import TailParts, TailService
from hub.web.app import create_app
from hub.web.auth import AuthMode, Gate
from hub.web.front import FrontEnd
from hub.web.otlp import OtlpDoor
from hub.web.server import WebServer
from hub.web.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.config import Settings

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

_log = logging.getLogger(__name__)
_NEVER_SECONDS = 1e9
# For what members of groups held to be given back, once they are gone.
_DRAIN_SECONDS = 2.0
_CLIENT_CERTIFICATES = {
    AuthMode.JWT: ClientCertificates.OPTIONAL,
    AuthMode.MTLS: ClientCertificates.REQUIRED,
    AuthMode.BOTH: ClientCertificates.REQUIRED,
}


@dataclass(frozen=True, slots=True)
class Listening:
    """The ports of a running hub."""

    grpc_port: int
    web_port: int


class Hub:
    """One hub process; made inside its event loop."""

    def __init__(self, settings: Settings, worker: int = 0) -> None:
        """Open the log and the ports; ConfigError or CertificateError where that cannot be."""
        self._settings = settings
        self._stop = asyncio.Event()
        mode = AuthMode(settings.web.auth_mode)
        files = TlsFiles(settings.tls.ca, settings.tls.cert, settings.tls.key, settings.tls.crl)
        tls = ServerTls(files, _CLIENT_CERTIFICATES[mode])
        rules = options.token_rules(settings)
        self.metrics = Metrics()
        self.metrics.limits(settings.limits())
        self.audit = Audit(options.audit_options(settings, worker), self.metrics)
        ring = Keyring()
        self._keys = _key_source(settings, ring, self.metrics)
        self.metrics.token_keys_age.set_function(lambda: self._keys.age_seconds)
        verifier = TokenVerifier(ring, rules, learn=self._keys.learn)
        self._metrics_port = settings.metrics.port + worker if settings.metrics.port > 0 else settings.metrics.port
        revoked = RevokedFile.of(settings.data_dir)
        observer = AuditedAccess(self.metrics, self.audit)
        self._access = Access(tls, files.paths, revoked, observer)
        observer.hold(self._access.revocations)  # these are not news
        self._access.on_change(lambda _: observer.hold(self._access.revocations))
        shared = settings.workers > 1
        bell = SocketBell(settings.data_dir / "bells") if shared else None
        self._log = _open_log(settings, self.metrics, bell)
        self._engine = LiveEngine(self._log, options.live_limits(settings), self.metrics)
        self._groups = Engine(self._log, options.consume_limits(settings), self.metrics, self.audit)
        check = self._access.check
        admission = Admission(options.batch_limits(settings), self.metrics)
        self._ingest = Ingest(
            self._log, admission, options.stream_limits(settings), self.metrics, Streams(check), options.rates(settings)
        )
        self._source = _source(settings, self._ingest, worker)
        gate = Gate(mode, settings.trust_domain, verifier, settings.web.allowed_origins, check, _tickets(settings))
        web = settings.web
        self._sessions = Sessions(Places("connections", options.connections(settings)), check)
        self._access.on_change(self._sessions.recheck)
        self._access.on_change(self._ingest.streams.recheck)
        live = settings.live
        front = FrontEnd(
            partial(TailSession, self._engine),
            gate,
            self._sessions,
            self.metrics,
            live.queue_bytes,
            live.write_timeout_seconds,
            web.heartbeat_seconds,
            self._access,
            self.audit,
        )
        places = Places("streams", options.streams(settings))
        ingest = IngestService(self._ingest, settings.trust_domain, check, places, self.audit)
        parts = TailParts(
            front.open_session,
            gate,
            self._sessions,
            self.metrics,
            live.queue_bytes,
            live.write_timeout_seconds,
            live.max_message_bytes,
            self.audit,
        )
        receiver = options.otlp_receiver(settings, self._ingest)
        self.metrics.otlp_pending.set_function(lambda: receiver.pending_bytes)
        callers = Callers(settings.trust_domain, check, self.audit, self.metrics)
        consume = ConsumeParts(partial(ConsumerSession, self._groups), self._groups, parts.calls)
        services = (
            ingest,
            OtlpService(receiver, callers, self.audit),
            TailService(parts),
            ConsumeService(consume),
        )
        told = self.metrics.grpc_flooded
        self._grpc = GrpcServer(services, options.grpc_options(settings), lambda: tls.material, told)
        app = OtlpDoor(create_app(front), front, receiver)
        self._web = WebServer(app, options.web_options(settings), tls.context, self.metrics.flooded)

    @property
    def listening(self) -> Listening:
        """The ports."""
        return Listening(self._grpc.port, self._web.port)

    def stop(self) -> None:
        """Have `run` stop."""
        self._stop.set()

    async def run(self, ready: Callable[[Listening], None]) -> None:
        """Serve until `stop` or SIGTERM; `ready` is called once both ports answer."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._access.hurry)
        if self._metrics_port >= 0:
            self.metrics.serve(self._settings.metrics.host, self._metrics_port)
        try:
            self.audit.open()
            self.audit.record(Event.STARTED, reason=f"loghub {__version__}")
            async with asyncio.TaskGroup() as tasks:
                storing = tasks.create_task(self._log.run(), name="log")
                engine = tasks.create_task(self._engine.run(), name="live")
                groups = tasks.create_task(self._groups.run(), name="groups")
                upkeep = tasks.create_task(self._upkeep(), name="upkeep")
                access = tasks.create_task(self._access.run(self._settings.tls.reload_seconds), name="access")
                serving = tasks.create_task(self._web.run_in_loop(), name="web")
                await self._keys.begin()
                await self._log_begun()
                keys = tasks.create_task(self._keys.run(), name="token-keys")
                source = tasks.create_task(self._source.run(), name="kafka-source") if self._source else None
                await self._grpc.start()
                await self._started(serving)
                ready(self.listening)
                await self._stop.wait()
                await self._wind_down()
                await serving
                if source:
                    await source
                await self._groups.drain(_DRAIN_SECONDS)
                engine.cancel()
                groups.cancel()
                upkeep.cancel()
                access.cancel()
                keys.cancel()
                self._log.finish()
                await storing
        finally:
            self._web.should_exit = True
            await self._grpc.stop(0)
            await self._log.close()
            self.audit.record(Event.STOPPED, outcome="ok" if self._stop.is_set() else "failed")
            await asyncio.to_thread(self.audit.close)

    async def _log_begun(self) -> None:
        """Wait for the log, or for being stopped before it answers."""
        begun = asyncio.create_task(self._log.begin())
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait((begun, stopped), return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        stopped.cancel()

    async def _started(self, serving: asyncio.Task[None]) -> None:
        while not self._web.started and not serving.done():  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)

    async def _wind_down(self) -> None:
        shutdown = self._settings.shutdown
        _log.info("stopping", extra={"fields": {"grace_seconds": shutdown.grace_seconds}})
        if self._source:
            self._source.stop()
        await self._grpc.drain()
        self._sessions.shut_down(shutdown.reconnect_spread_seconds)
        message = "the hub is shutting down: connect again soon"
        self._ingest.streams.end_all(Farewell(ingest_pb2.GOODBYE_REASON_SHUTDOWN, message, reconnect=True))
        await self._grpc.stop(shutdown.grace_seconds)
        self._web.should_exit = True

    async def _upkeep(self) -> None:
        """Remove what is too old, and measure what is left."""
        interval = self._settings.log.retention_interval_seconds
        while True:
            await self._retain()
            for tenant, stats in (await self._log.stats()).items():
                self.metrics.log_bytes.labels(tenant).set(stats.stored_bytes)
                self.metrics.log_oldest.labels(tenant).set(stats.bounds.oldest)
                self.metrics.log_next.labels(tenant).set(stats.bounds.next)
                self.metrics.log_removed.labels(tenant).set(stats.removed_records)
            await asyncio.sleep(interval)

    async def _retain(self) -> None:
        try:
            removed = await self._log.retain(time_ns())
        except StorageFullError as error:  # to remove takes a few pages too; they may be free the next time
            _log.warning("retention_postponed", extra={"fields": {"reason": error.message}})
            return
        if removed:
            _log.info("retention_removed", extra={"fields": {"records": removed}})


def serve(settings: Settings, worker: int, ready: Callable[[Listening], None]) -> None:
    """Run a hub process until it is stopped."""
    keep_memory()
    gc.freeze()  # what start-up made stays; the collector need not look at it again
    uvloop.run(_serve(settings, worker, ready))


async def _serve(settings: Settings, worker: int, ready: Callable[[Listening], None]) -> None:
    await Hub(settings, worker).run(ready)


def _open_log(settings: Settings, metrics: Metrics, bell: SocketBell | None) -> LmdbLog | KafkaLog:
    """Return the log; on Kafka, a replica of it is kept in a file of its own."""
    kept, lmdb_options = options.retention(settings), options.log_options(settings)
    if settings.log.backend == "embedded":
        return LmdbLog(settings.data_dir / "log.mdb", lmdb_options, kept, observer=metrics, bell=bell)
    # All hubs forget producers at the same place in the topic, never one by its own clock.
    kept = replace(kept, producer_seconds=_NEVER_SECONDS)
    replica = LmdbLog(settings.data_dir / "replica.mdb", lmdb_options, kept, observer=metrics)
    return KafkaLog(options.kafka_connection(settings), options.kafka_log_options(settings), replica)


def _source(settings: Settings, ingest: Ingest, worker: int) -> KafkaSource | None:
    """Return what reads topics, where any are set."""
    if not settings.kafka.sources:
        return None
    connection = options.kafka_connection(settings)
    return KafkaSource(connection, source_options(settings, ingest.admission.limits, worker), ingest)


def _key_source(settings: Settings, ring: Keyring, metrics: Metrics) -> KeyFile | JwksKeys:
    """Return what keeps the keyring; exactly one of the settings says where keys come from."""
    tokens = settings.tokens
    if tokens.jwks_url:
        limits = GetLimits(tokens.jwks_max_bytes, tokens.jwks_timeout_seconds)
        pauses = (tokens.jwks_refresh_seconds, tokens.jwks_cooldown_seconds, tokens.jwks_max_age_seconds)
        return JwksKeys(JwksOptions(tokens.jwks_url, tokens.jwks_ca, limits, *pauses), ring, metrics)
    if tokens.development_secret:
        _log.warning("development_secret", extra={"fields": {"advice": "for development only: use tokens.keys"}})
        return KeyFile(tokens.development_secret, load_secret, ring, metrics, tokens.keys_poll_seconds)
    return KeyFile(tokens.keys, load_keys, ring, metrics, tokens.keys_poll_seconds)


def _tickets(settings: Settings) -> Tickets:
    tokens = settings.tokens
    folder = settings.data_dir / "tickets"
    return Tickets(TicketOptions(folder, tokens.ticket_seconds, tokens.max_tickets_per_tenant))

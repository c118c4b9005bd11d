"""The composition root: makes the parts of a hub process from its settings, runs them, and stops them in order.

Stopping: refuse what is new and say goodbye · let streams settle · end the ports · store what was taken.
A part that dies takes the process with it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from dataclasses import dataclass
from functools import partial
from time import time_ns
from typing import TYPE_CHECKING

import uvloop

import hub.grpc_tls  # isort: skip  # must come before anything that imports grpc
from hub import __version__
from hub.allocator import keep_memory
from hub.core.batch import BatchLimits
from hub.core.filter import FilterLimits
from hub.core.places import Bound, PlaceLimits, Places
from hub.core.quota import Rate, RateLimits, RateQuotas
from hub.errors import StorageFullError
from hub.identity.access import Access
from hub.identity.https_get import GetLimits
from hub.identity.jwks import JwksKeys, JwksOptions
from hub.identity.key_file import KeyFile
from hub.identity.revoked_file import RevokedFile
from hub.identity.server_tls import ClientCertificates, ServerTls, TlsFiles
from hub.identity.tickets import TicketOptions, Tickets
from hub.identity.tokens import Keyring, TokenRules, TokenVerifier, load_keys, load_secret
from hub.ingest.admission import Admission
from hub.ingest.service import IngestService
from hub.ingest.stream import Farewell, Ingest, StreamLimits, Streams
from hub.live.engine import LiveEngine, LiveLimits
from hub.live.session import TailSession
from hub.log.bell import SocketBell
from hub.log.lmdb import LmdbLog, LmdbOptions
from hub.log.lmdb_frame import Compression
from hub.log.lmdb_store import StoreLimits
from hub.log.retention import Retention
from hub.observe.audit import Audit, AuditOptions, Event
from hub.observe.audit_access import AuditedAccess
from hub.observe.audit_files import FileLimits
from hub.observe.metrics import Metrics
from hub.pb import ingest_pb2
from hub.rpc.server import GrpcOptions, GrpcServer
from hub.rpc.tail import TailParts, TailService
from hub.web.app import FrontEnd, create_app
from hub.web.auth import AuthMode, Gate
from hub.web.server import WebOptions, WebServer
from hub.web.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.config import Settings

# What a peer is given to answer a close at most.
_CLOSE_SECONDS = 10.0
assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

_log = logging.getLogger(__name__)
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
        rules = _token_rules(settings)
        self.metrics = Metrics()
        self.metrics.limits(settings.limits())
        self.audit = Audit(_audit_options(settings, worker), self.metrics)
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
        self._log = LmdbLog(
            settings.data_dir / "log.mdb",
            _log_options(settings),
            _retention(settings),
            observer=self.metrics,
            bell=bell,
        )
        self._engine = LiveEngine(self._log, _live_limits(settings), self.metrics)
        check = self._access.check
        admission = Admission(_batch_limits(settings), self.metrics)
        self._ingest = Ingest(
            self._log, admission, _stream_limits(settings), self.metrics, Streams(check), _rates(settings)
        )
        gate = Gate(mode, settings.trust_domain, verifier, settings.web.allowed_origins, check, _tickets(settings))
        web = settings.web
        self._sessions = Sessions(Places("connections", _connections(settings)), check)
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
        places = Places("streams", _streams(settings))
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
        self._grpc = GrpcServer((ingest, TailService(parts)), _grpc_options(settings), lambda: tls.material)
        app = create_app(front)
        self._web = WebServer(app, _web_options(settings), tls.context)

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
                upkeep = tasks.create_task(self._upkeep(), name="upkeep")
                access = tasks.create_task(self._access.run(self._settings.tls.reload_seconds), name="access")
                serving = tasks.create_task(self._web.run_in_loop(), name="web")
                await self._keys.begin()
                keys = tasks.create_task(self._keys.run(), name="token-keys")
                await self._grpc.start()
                await self._started(serving)
                ready(self.listening)
                await self._stop.wait()
                await self._wind_down()
                await serving
                engine.cancel()
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

    async def _started(self, serving: asyncio.Task[None]) -> None:
        while not self._web.started and not serving.done():  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)

    async def _wind_down(self) -> None:
        shutdown = self._settings.shutdown
        _log.info("stopping", extra={"fields": {"grace_seconds": shutdown.grace_seconds}})
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


def _token_rules(settings: Settings) -> TokenRules:
    tokens = settings.tokens
    return TokenRules(tokens.issuer, tokens.audience, tokens.max_lifetime_seconds, tokens.leeway_seconds)


def _audit_options(settings: Settings, worker: int) -> AuditOptions | None:
    audit = settings.audit
    if not audit.enabled:
        return None
    return AuditOptions(
        folder=audit.folder(settings.data_dir),
        worker=worker,
        files=FileLimits(audit.max_file_bytes, audit.keep_files, audit.keep_seconds),
        fsync_seconds=audit.fsync_seconds,
        queue_events=audit.queue_events,
        limited_per_minute=audit.limited_per_minute,
        limited_per_s=audit.limited_per_s,
        key_file=audit.key_file,
    )


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


def _log_options(settings: Settings) -> LmdbOptions:
    log = settings.log
    limits = StoreLimits(log.max_bytes, log.min_free_bytes)
    compression = Compression(log.compression_level, log.busy_compression_level, log.busy_bytes)
    return LmdbOptions(limits, compression, log.busy_group_bytes, log.group_max_bytes, log.max_pending_bytes)


def _retention(settings: Settings) -> Retention:
    log = settings.log
    memory = settings.ingest.producer_memory_seconds
    own = settings.quotas.own("retention_bytes")
    return Retention(log.retention_seconds, log.retention_bytes_per_tenant, memory, own)


def _rates(settings: Settings) -> RateQuotas:
    quotas = settings.quotas
    tenant = Rate(quotas.records_per_s, quotas.bytes_per_s)
    own = {
        one.tenant: Rate(
            tenant.records_per_s if one.records_per_s is None else one.records_per_s,
            tenant.bytes_per_s if one.bytes_per_s is None else one.bytes_per_s,
        )
        for one in quotas.tenants
    }
    principal = Rate(quotas.principal_records_per_s, quotas.principal_bytes_per_s)
    return RateQuotas(RateLimits(tenant, principal, quotas.burst_seconds, quotas.delay_seconds, own))


def _streams(settings: Settings) -> PlaceLimits:
    quotas = settings.quotas
    return PlaceLimits(
        Bound(None),
        Bound(settings.grpc.max_streams_per_tenant, "grpc.max_streams_per_tenant"),
        Bound(quotas.max_streams_per_principal, "quotas.max_streams_per_principal"),
        quotas.own("max_streams"),
    )


def _connections(settings: Settings) -> PlaceLimits:
    web, quotas = settings.web, settings.quotas
    return PlaceLimits(
        Bound(web.max_connections, "web.max_connections"),
        Bound(web.max_connections_per_tenant, "web.max_connections_per_tenant"),
        Bound(quotas.max_connections_per_principal, "quotas.max_connections_per_principal"),
        quotas.own("max_connections"),
    )


def _subscriptions(settings: Settings) -> PlaceLimits:
    quotas = settings.quotas
    return PlaceLimits(
        Bound(None),
        Bound(quotas.max_subscriptions_per_tenant, "quotas.max_subscriptions_per_tenant"),
        Bound(quotas.max_subscriptions_per_principal, "quotas.max_subscriptions_per_principal"),
        quotas.own("max_subscriptions"),
    )


def _batch_limits(settings: Settings) -> BatchLimits:
    ingest = settings.ingest
    return BatchLimits(ingest.max_batch_bytes, ingest.max_batch_records, ingest.max_record_bytes, ingest.max_attributes)


def _stream_limits(settings: Settings) -> StreamLimits:
    ingest = settings.ingest
    return StreamLimits(
        ingest.max_unacked_batches, ingest.max_unacked_bytes, ingest.hello_seconds, ingest.producer_memory_seconds
    )


def _live_limits(settings: Settings) -> LiveLimits:
    live = settings.live
    return LiveLimits(
        max_subscriptions=live.max_subscriptions,
        max_message_bytes=live.max_message_bytes,
        max_messages_per_s=live.max_messages_per_s,
        filters=FilterLimits(live.max_filter_bytes, live.max_filter_cost),
        max_last=live.max_last,
        queue_bytes=live.queue_bytes,
        replay_bytes=live.replay_bytes,
        write_timeout_seconds=live.write_timeout_seconds,
        heartbeat_seconds=settings.web.heartbeat_seconds,
        position_seconds=live.position_seconds,
        places=_subscriptions(settings),
    )


def _grpc_options(settings: Settings) -> GrpcOptions:
    grpc = settings.grpc
    return GrpcOptions(
        host=grpc.host,
        port=grpc.port,
        max_batch_bytes=settings.ingest.max_batch_bytes,
        max_concurrent_streams=grpc.max_concurrent_streams,
        keepalive_seconds=grpc.keepalive_seconds,
        keepalive_min_seconds=grpc.keepalive_min_seconds,
        max_metadata_bytes=grpc.max_metadata_bytes,
        handshake_seconds=grpc.handshake_seconds,
        reuse_port=settings.workers > 1,
    )


def _web_options(settings: Settings) -> WebOptions:
    web = settings.web
    return WebOptions(
        host=web.host,
        port=web.port,
        heartbeat_seconds=web.heartbeat_seconds,
        heartbeat_misses=web.heartbeat_misses,
        queue_bytes=settings.live.queue_bytes,
        max_message_bytes=settings.live.max_message_bytes,
        max_header_bytes=web.max_header_bytes,
        max_body_bytes=web.max_body_bytes,
        max_fragments=web.max_fragments,
        handshake_seconds=web.handshake_seconds,
        gather_seconds=settings.live.gather_seconds,
        close_seconds=min(_CLOSE_SECONDS, settings.live.write_timeout_seconds),
        reuse_port=settings.workers > 1,
    )

"""What each part of a hub is given of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.consume.limits import ConsumeLimits
from hub.core.batch import BatchLimits
from hub.core.filter import FilterLimits
from hub.core.line_account import LineLimits
from hub.core.places import Bound, PlaceLimits
from hub.core.quota import Rate, RateLimits, RateQuotas
from hub.core.room import Room
from hub.errors import ConfigError
from hub.identity.tokens import TokenRules
from hub.ingest.otlp import OtlpReceiver
from hub.ingest.stream import StreamLimits
from hub.live.engine import LiveLimits
from hub.log.kafka import KafkaOptions
from hub.log.kafka_connection import KafkaConnection
from hub.log.kafka_topics import TopicSettings
from hub.log.lmdb import LmdbOptions
from hub.log.lmdb_frame import Compression
from hub.log.lmdb_store import StoreLimits
from hub.log.retention import Retention
from hub.observe.audit import AuditOptions
from hub.observe.audit_files import FileLimits
from hub.rpc.server import GrpcOptions
from hub.web.otlp import LOGS_PATH
from hub.web.server import WebOptions

if TYPE_CHECKING:
    from hub.config import Settings
    from hub.ingest.stream import Ingest

# What a peer is given to answer a close at most.
_CLOSE_SECONDS = 10.0


def token_rules(settings: Settings) -> TokenRules:
    """Return what tokens must say."""
    tokens = settings.tokens
    return TokenRules(tokens.issuer, tokens.audience, tokens.max_lifetime_seconds, tokens.leeway_seconds)


def audit_options(settings: Settings, worker: int) -> AuditOptions | None:
    """Return how the audit log is kept; None: it is not."""
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


def log_options(settings: Settings) -> LmdbOptions:
    """Return how the log is stored."""
    log = settings.log
    limits = StoreLimits(log.max_bytes, log.min_free_bytes)
    compression = Compression(log.compression_level, log.busy_compression_level, log.busy_bytes)
    return LmdbOptions(limits, compression, log.busy_group_bytes, log.group_max_bytes, log.max_pending_bytes)


def kafka_connection(settings: Settings) -> KafkaConnection:
    """Return how Kafka is reached; ConfigError where the password cannot be read."""
    kafka = settings.kafka
    password = ""
    if kafka.password_file:
        try:
            password = kafka.password_file.read_text().strip()
        except (OSError, ValueError) as error:
            msg = f"kafka.password_file {kafka.password_file} cannot be read: {error}"
            raise ConfigError(msg) from error
    own = (kafka.ca, kafka.cert, kafka.key, kafka.username, password, kafka.sasl_mechanism)
    return KafkaConnection(kafka.brokers, *own, kafka.timeout_seconds)


def kafka_log_options(settings: Settings) -> KafkaOptions:
    """Return how the log uses Kafka."""
    log = settings.log
    copies = (log.kafka_replication_factor, log.kafka_min_insync_replicas)
    topics = TopicSettings(log.kafka_topic, *copies, log.retention_seconds, log.kafka_max_message_bytes)
    return KafkaOptions(
        topics,
        settings.ingest.producer_memory_seconds,
        log.kafka_discover_seconds,
        log.kafka_checkpoint_messages,
        log.kafka_checkpoint_bytes,
        log.max_pending_bytes,
    )


def retention(settings: Settings) -> Retention:
    """Return how long what is kept."""
    log = settings.log
    memory = settings.ingest.producer_memory_seconds
    own = settings.quotas.own("retention_bytes")
    return Retention(log.retention_seconds, log.retention_bytes_per_tenant, memory, own)


def rates(settings: Settings) -> RateQuotas:
    """Return how much may be sent."""
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


def streams(settings: Settings) -> PlaceLimits:
    """Return how many streams of producers there may be."""
    quotas = settings.quotas
    return PlaceLimits(
        Bound(None),
        Bound(settings.grpc.max_streams_per_tenant, "grpc.max_streams_per_tenant"),
        Bound(quotas.max_streams_per_principal, "quotas.max_streams_per_principal"),
        quotas.own("max_streams"),
    )


def connections(settings: Settings) -> PlaceLimits:
    """Return how many connections of subscribers there may be."""
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


def batch_limits(settings: Settings) -> BatchLimits:
    """Return what a batch may hold."""
    ingest = settings.ingest
    return BatchLimits(ingest.max_batch_bytes, ingest.max_batch_records, ingest.max_record_bytes, ingest.max_attributes)


def stream_limits(settings: Settings) -> StreamLimits:
    """Return the window of a producer's stream."""
    ingest = settings.ingest
    return StreamLimits(
        ingest.max_unacked_batches, ingest.max_unacked_bytes, ingest.hello_seconds, ingest.producer_memory_seconds
    )


def otlp_receiver(settings: Settings, ingest: Ingest) -> OtlpReceiver:
    """Return what takes OTLP requests, with its limits."""
    total, tenant = "max_otlp_pending_bytes", "max_otlp_pending_bytes_per_tenant"
    bounds = (Bound(getattr(settings.ingest, name), f"ingest.{name}") for name in (total, tenant))
    return OtlpReceiver(ingest, Room("OTLP requests", *bounds), settings.ingest.max_otlp_bytes)


def live_limits(settings: Settings) -> LiveLimits:
    """Return what subscribers may do."""
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


def consume_limits(settings: Settings) -> ConsumeLimits:
    """Return what groups and their members may have."""
    consume, live = settings.consume, settings.live
    return ConsumeLimits(
        max_groups_per_tenant=consume.max_groups_per_tenant,
        max_members_per_group=consume.max_members_per_group,
        max_in_flight=consume.max_in_flight,
        max_in_flight_per_group=consume.max_in_flight_per_group,
        max_delivery_records=consume.max_delivery_records,
        max_delivery_bytes=consume.max_delivery_bytes,
        ack_seconds=consume.ack_seconds,
        max_ack_seconds=consume.max_ack_seconds,
        member_seconds=consume.member_seconds,
        join_seconds=consume.join_seconds,
        max_messages_per_s=consume.max_messages_per_s,
        filters=FilterLimits(live.max_filter_bytes, live.max_filter_cost),
        read_bytes=max(live.replay_bytes, consume.max_delivery_bytes),
    )


def grpc_options(settings: Settings) -> GrpcOptions:
    """Return how the gRPC port is served."""
    grpc = settings.grpc
    return GrpcOptions(
        host=grpc.host,
        port=grpc.port,
        max_batch_bytes=settings.ingest.max_batch_bytes,
        max_otlp_bytes=settings.ingest.max_otlp_bytes,
        max_concurrent_streams=grpc.max_concurrent_streams,
        keepalive_seconds=grpc.keepalive_seconds,
        max_metadata_bytes=grpc.max_metadata_bytes,
        handshake_seconds=grpc.handshake_seconds,
        lines=LineLimits(
            stranger_bytes=grpc.max_stray_bytes,
            client_bytes=grpc.client_stray_bytes,
            bytes_per_s=grpc.stray_bytes_per_s,
            hold_seconds=grpc.max_held_seconds,
        ),
        reuse_port=settings.workers > 1,
    )


def web_options(settings: Settings) -> WebOptions:
    """Return how the web port is served."""
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
        max_frames_per_s=web.max_frames_per_s,
        max_pipelined=web.max_pipelined,
        handshake_seconds=web.handshake_seconds,
        gather_seconds=settings.live.gather_seconds,
        close_seconds=min(_CLOSE_SECONDS, settings.live.write_timeout_seconds),
        reuse_port=settings.workers > 1,
        body_bytes={LOGS_PATH: settings.ingest.max_otlp_bytes},
    )

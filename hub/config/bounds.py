"""What may be sent, kept, watched and written: every bound of a hub that is let in."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003  pydantic reads the annotation
from typing import Any, Literal

from pydantic import Field, model_validator

from hub.config.kinds import Amount, Bytes, Count, Seconds, Section
from hub.core.principal import check_tenant

# A topic's name has 249 characters at most, a tenant's 63.
_TOPIC = re.compile(r"[A-Za-z0-9._-]{0,180}")


class Ingest(Section):
    """What producers may send."""

    max_batch_bytes: Bytes = Field(default=4 * 2**20, ge=1024, description="size of a batch")
    max_batch_records: Count = Field(default=10_000, description="records of a batch")
    max_record_bytes: Bytes = Field(default=256 * 2**10, ge=256, description="size of a record")
    max_attributes: Count = Field(default=128, description="attributes of a record, and of a resource")
    max_unacked_batches: Count = Field(default=64, description="batches on a stream that are not acknowledged yet")
    max_unacked_bytes: Bytes = Field(default=16 * 2**20, ge=1024, description="their size")
    max_otlp_bytes: Bytes = Field(default=8 * 2**20, ge=1024, description="size of an OTLP request, inflated")
    max_otlp_pending_bytes: Bytes = Field(
        default=64 * 2**20, ge=1024, description="bytes of OTLP requests that are at hand, a worker"
    )
    max_otlp_pending_bytes_per_tenant: Bytes = Field(
        default=32 * 2**20, ge=1024, description="bytes of a tenant's OTLP requests that are at hand, a worker"
    )
    hello_seconds: Seconds = Field(default=10.0, description="time that a stream's hello may take")
    producer_memory_seconds: Seconds = Field(
        default=7 * 86_400.0, description="how long a silent producer's count is remembered"
    )


class TenantQuota(Section):
    """What one tenant may do instead of what is set for all."""

    tenant: str = Field(description="the tenant")
    records_per_s: Amount | None = Field(default=None, description="as `quotas.records_per_s`")
    bytes_per_s: Bytes | None = Field(default=None, description="as `quotas.bytes_per_s`")
    max_streams: Count | None = Field(default=None, description="as `grpc.max_streams_per_tenant`")
    max_connections: Count | None = Field(default=None, description="as `web.max_connections_per_tenant`")
    max_subscriptions: Count | None = Field(default=None, description="as `quotas.max_subscriptions_per_tenant`")
    retention_bytes: Bytes | None = Field(default=None, description="as `log.retention_bytes_per_tenant`")


class Quotas(Section):
    """What tenants and their principals may use, on each worker."""

    records_per_s: Amount = Field(default=0, description="records that a tenant may send a second; 0: no bound")
    bytes_per_s: Bytes = Field(default=0, description="bytes that a tenant may send a second; 0: no bound")
    principal_records_per_s: Amount = Field(default=0, description="the same of one producer; 0: no bound")
    principal_bytes_per_s: Bytes = Field(default=0, description="the same of one producer; 0: no bound")
    burst_seconds: Seconds = Field(default=2.0, gt=0, description="how much of a rate may come at once")
    delay_seconds: Seconds = Field(
        default=1.0, description="how long a stream over its rate is left unread before its batches are refused"
    )
    max_streams_per_principal: Count = Field(default=100, description="open streams of one producer")
    max_connections_per_principal: Count = Field(default=1000, description="open connections of one subscriber")
    max_subscriptions_per_tenant: Count = Field(default=50_000, description="open subscriptions of a tenant")
    max_subscriptions_per_principal: Count = Field(default=20_000, description="open subscriptions of one subscriber")
    tenants: tuple[TenantQuota, ...] = Field(
        default=(), description="tenants with quotas of their own, each `{tenant: acme, records-per-s: 1000}`"
    )

    @model_validator(mode="after")
    def _tenants(self) -> Quotas:
        names = [one.tenant for one in self.tenants]
        for name in names:
            check_tenant(name)
        if len(set(names)) < len(names):
            msg = "tenants names a tenant twice"
            raise ValueError(msg)
        return self

    def own(self, name: str) -> dict[str, Any]:
        """Return what tenants have of a quota for themselves, by tenant."""
        found = {one.tenant: getattr(one, name) for one in self.tenants}
        return {tenant: value for tenant, value in found.items() if value is not None}


class Live(Section):
    """What subscribers may do."""

    max_subscriptions: Count = Field(default=100, description="subscriptions of a connection")
    max_message_bytes: Bytes = Field(default=64 * 2**10, ge=1024, description="size of a client's message")
    max_messages_per_s: Count = Field(
        default=200, description="messages of a client; one that sends more is disconnected"
    )
    max_filter_bytes: Bytes = Field(default=4096, description="size of a filter")
    max_filter_cost: Count = Field(
        default=200, description="cost of a filter: 1 a field, 2 a number or word, 4 a part of a word, 10 a pattern"
    )
    max_last: Count = Field(default=10_000, description="records that subscribe.last may ask for")
    queue_bytes: Bytes = Field(
        default=2**20, ge=4096, description="bytes that may wait for a subscriber before it reads on from the log"
    )
    replay_bytes: Bytes = Field(default=2**20, ge=4096, description="bytes read from the log at once")
    gather_seconds: Seconds = Field(
        default=0.02,
        description="how long small messages to a connection are gathered for one write while there is much to write",
    )
    position_seconds: Seconds = Field(
        default=5, description="how often a subscription is told where it stands while nothing matches"
    )
    write_timeout_seconds: Seconds = Field(
        default=30.0, description="time in which a subscriber must read what waits for it"
    )


class Consume(Section):
    """What consumer groups and their members may have; see docs/reference/consumer-groups.md."""

    max_groups_per_tenant: Count = Field(default=100, description="groups of a tenant")
    max_members_per_group: Count = Field(default=64, description="members of a group, on all hubs and workers")
    max_in_flight: Count = Field(default=16, le=1024, description="deliveries that a member may hold")
    max_in_flight_per_group: Count = Field(
        default=256, le=4096, description="deliveries that all members of a group hold, or that wait to come again"
    )
    max_delivery_records: Count = Field(default=1000, description="records of a delivery")
    max_delivery_bytes: Bytes = Field(default=2**20, ge=1024, description="size of a delivery, about")
    ack_seconds: Seconds = Field(
        default=30.0, gt=0, description="how long a member may hold a delivery, unless it asks for another time"
    )
    max_ack_seconds: Seconds = Field(default=3600.0, gt=0, description="the longest that it may ask for")
    member_seconds: Seconds = Field(
        default=30.0, ge=1, description="how long nothing may be heard of a hub before its members count as gone"
    )
    join_seconds: Seconds = Field(default=10.0, gt=0, description="time that a member's join may take")
    max_messages_per_s: Count = Field(
        default=1000, description="messages of a member; one that sends more is disconnected"
    )


class LogSection(Section):
    """The durable log."""

    max_bytes: Bytes = Field(default=8 * 2**30, ge=2**20, description="room for all tenants together")
    retention_seconds: Seconds = Field(default=7 * 86_400.0, description="how long records are kept")
    retention_bytes_per_tenant: Bytes = Field(
        default=2**30, ge=2**16, description="how much of a tenant is kept, compressed"
    )
    retention_interval_seconds: Seconds = Field(default=10.0, gt=0, description="how often old records are looked for")
    compression_level: int = Field(
        default=1, ge=-50, le=19, description="zstd level; below 0: faster and larger; 0: none"
    )
    busy_compression_level: int = Field(
        default=-10, ge=-50, le=19, description="zstd level while more than `busy_bytes` wait for the disk"
    )
    busy_bytes: Bytes = Field(default=2**19, ge=0, description="bytes at the disk that count as busy")
    busy_group_bytes: Bytes = Field(
        default=2 * 2**20, ge=0, description="what a busy log gathers for a group commit, while more keeps coming"
    )
    group_max_bytes: Bytes = Field(default=16 * 2**20, ge=2**16, description="size of a group commit")
    max_pending_bytes: Bytes = Field(default=64 * 2**20, ge=2**16, description="bytes that may wait for the disk")
    min_free_bytes: Bytes = Field(
        default=256 * 2**20, description="what the file system keeps free: below it, ingest is refused"
    )
    backend: Literal["embedded", "kafka"] = Field(
        default="embedded", description="what carries the log: a file of this hub, or Kafka for several hubs"
    )
    kafka_topic: str = Field(default="loghub.{tenant}", description="name of a tenant's topic")
    kafka_replication_factor: Count = Field(default=3, description="copies of a topic that the hub makes")
    kafka_min_insync_replicas: Count = Field(default=2, description="copies that must have a batch before it is stored")
    kafka_max_message_bytes: Bytes = Field(
        default=8 * 2**20, ge=2**16, description="size of a message in a topic that the hub makes"
    )
    kafka_discover_seconds: Seconds = Field(default=2.0, gt=0, description="how often new topics are looked for")
    kafka_checkpoint_messages: Count = Field(
        default=1000, description="messages after which a topic gets a checkpoint, where a new hub may begin"
    )
    kafka_checkpoint_bytes: Bytes = Field(default=64 * 2**20, ge=2**16, description="bytes after which it gets one")

    @model_validator(mode="after")
    def _topic(self) -> LogSection:
        before, found, after = self.kafka_topic.partition("{tenant}")
        if not found or not _TOPIC.fullmatch(before + after):
            msg = f"kafka_topic is {self.kafka_topic!r}: it must be letters, digits and ._- around {{tenant}}"
            raise ValueError(msg)
        if self.kafka_min_insync_replicas > self.kafka_replication_factor:
            msg = "kafka_min_insync_replicas is larger than kafka_replication_factor: nothing could ever be stored"
            raise ValueError(msg)
        return self


class MetricsSection(Section):
    """The metrics page."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=9464, ge=-1, le=65535, description="port; worker N adds N; -1: off")


class AuditSection(Section):
    """The audit log: who came, who was refused, what was revoked and changed; see docs/explanation/audit-log.md."""

    enabled: bool = Field(default=True, description="whether there is one")
    path: Path | None = Field(default=None, description="its folder; none: `audit` in `data_dir`")
    key_file: Path | None = Field(
        default=None, description="secret of at least 32 bytes, so that who can write the files cannot forge them"
    )
    max_file_bytes: Bytes = Field(default=16 * 2**20, ge=2**14, description="size of a file; the next one follows it")
    keep_files: Count = Field(default=100, ge=2, description="files that are kept, a worker")
    keep_seconds: Seconds = Field(default=400 * 86_400.0, description="how long a file is kept at most")
    fsync_seconds: Seconds = Field(default=1.0, description="how often it is made sure to be on disk; 0: at each write")
    queue_events: Count = Field(
        default=10_000, description="events that may wait for the disk; more are lost, and counted"
    )
    limited_per_minute: Count = Field(
        default=10,
        description="refusals, unary calls and renewals written of one peer for one cause; the rest is counted",
    )
    limited_per_s: Count = Field(default=20, description="the same for all peers together")

    def folder(self, data_dir: Path) -> Path:
        """Return where the log is."""
        return self.path or data_dir / "audit"


class Shutdown(Section):
    """How the hub stops."""

    grace_seconds: Seconds = Field(default=20.0, description="time for streams to settle")
    reconnect_spread_seconds: Seconds = Field(
        default=5.0, description="clients are told to come back spread over this time"
    )


class Logging(Section):
    """The hub's own log lines, on standard error."""

    level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR"
    )
    format: str = Field(default="json", pattern="^(json|text)$", description="json or text")

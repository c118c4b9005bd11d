"""The hub's metrics, for Prometheus to scrape from loopback; every limit is one too.

Label values come from certificates and from this code alone, so their number is bounded by the number of tenants.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from hub.errors import ConfigError
from hub.observe.metrics_source import SourceMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hub.core.batch import Rejected

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)


class TenantCounts:
    """The counters of one tenant, looked up once, so that the hot path does not look up labels."""

    def __init__(self, metrics: Metrics, tenant: str) -> None:
        self._refused = metrics.ingest_refused
        self._tenant = tenant
        self.records = metrics.ingest_records.labels(tenant)
        self.batches = metrics.ingest_batches.labels(tenant)
        self.bytes = metrics.ingest_bytes.labels(tenant)
        self.duplicates = metrics.ingest_duplicates.labels(tenant)
        self.streams = metrics.streams.labels(tenant)
        self.throttled = metrics.throttled.labels(tenant)
        self.connections = metrics.connections.labels(tenant)
        self.subscriptions = metrics.subscriptions.labels(tenant)
        self.delivered = metrics.delivered.labels(tenant)
        self.filtered = metrics.filtered.labels(tenant)
        self.sampled = metrics.sampled.labels(tenant)
        self.lost = metrics.lost.labels(tenant)
        self.replays = metrics.replays.labels(tenant)
        self.members = metrics.members.labels(tenant)
        self.consumed = metrics.consumed.labels(tenant)
        self.redelivered = metrics.redelivered.labels(tenant)
        self.given_up = metrics.given_up.labels(tenant)

    def refused(self, code: str) -> None:
        """Count a batch that was not taken, by its gRPC code."""
        self._refused.labels(self._tenant, code).inc()


class FloodCounts:
    """The counters of peers that flood."""

    def __init__(self, counter: Callable[..., Counter]) -> None:
        self.web = counter("web_flood_cuts", "Web connections cut for a flood, by its kind", "kind")
        self.grpc = counter("grpc_floods", "gRPC connections held for a flood, and cut", "what")


class Metrics:
    """All metrics of a hub process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._tenants: dict[str, TenantCounts] = {}

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"loghub_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"loghub_{name}", text, labels, registry=self.registry)

        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(f"loghub_{name}", text, registry=self.registry, buckets=buckets)

        self.ingest_records = counter("ingest_records", "Records stored", "tenant")
        self.ingest_batches = counter("ingest_batches", "Batches stored", "tenant")
        self.ingest_bytes = counter("ingest_bytes", "Bytes of stored batches, as received", "tenant")
        self.ingest_duplicates = counter("ingest_duplicate_batches", "Batches that had been stored before", "tenant")
        self.ingest_rejected = counter("ingest_rejected_records", "Records refused for good", "tenant", "field")
        self.ingest_repaired = counter("ingest_repaired_utf8", "Strings that were not UTF-8", "tenant")
        self.ingest_refused = counter("ingest_refused_batches", "Batches not taken", "tenant", "code")
        self.throttled = counter(
            "ingest_throttled_seconds", "Time that streams waited for quotas of records and bytes", "tenant"
        )
        self.otlp_pending = gauge("otlp_pending_bytes", "Bytes of OTLP requests that are at hand")
        self.streams = gauge("ingest_streams", "Open producer streams", "tenant")
        self.commit_seconds = histogram("log_commit_seconds", "Time of a group commit, fsync included", _SECONDS)
        self.commit_batches = histogram("log_commit_batches", "Batches of a group commit", (1, 2, 5, 10, 50, 100, 500))
        self.commit_bytes = counter("log_commit_bytes", "Bytes committed, before compression")
        self.log_bytes = gauge("log_stored_bytes", "Bytes on disk", "tenant")
        self.log_oldest = gauge("log_oldest_offset", "Offset of the oldest stored record", "tenant")
        self.log_next = gauge("log_next_offset", "Offset that the next record will get", "tenant")
        self.log_removed = gauge("log_removed_records", "Records removed by retention", "tenant")
        self.connections = gauge("connections", "Open subscriber connections", "tenant")
        self.subscriptions = gauge("subscriptions", "Open subscriptions", "tenant")
        self.delivered = counter("delivered_records", "Records sent to subscribers", "tenant")
        self.filtered = counter("filtered_records", "Records that subscriptions passed over", "tenant")
        self.sampled = counter("sampled_records", "Matching records left out by max_records_per_s", "tenant")
        self.lost = counter("lost_records", "Records reported to subscribers as gaps", "tenant")
        self.replays = counter("replays", "Times a slow subscriber went back to reading the log", "tenant")
        self.members = gauge("group_members", "Members of consumer groups that are connected", "tenant")
        self.consumed = counter("group_acked_records", "Records acknowledged by consumer groups", "tenant")
        self.redelivered = counter(
            "group_redeliveries", "Deliveries that were not the first of their records", "tenant"
        )
        self.given_up = counter("group_dead_records", "Records that groups gave up after max_attempts", "tenant")
        self.group_lag = gauge(
            "group_lag_records", "Records between a group's cursor and its log's end", "tenant", "group"
        )
        self.auth_refused = counter("auth_refused", "Peers refused, by the error's class", "plane", "reason")
        self.floods = FloodCounts(counter)
        self.reloads = counter("reloads", "Changed files read anew", "what")
        self.reload_failures = counter("reload_failures", "Changed files that cannot be used", "what")
        self.certificate_ends = gauge("certificate_expiry_timestamp_seconds", "When the server's certificate ends")
        self.crl_ends = gauge("crl_next_update_timestamp_seconds", "When the first revocation list is out of date")
        self.revocations = gauge("revocations", "Revoked certificates, tokens and subjects that are known")
        self.audit_events = counter("audit_events", "Events for the audit log", "event")
        self.audit_suppressed = counter("audit_suppressed_events", "Repeats that it holds as a number only", "event")
        self.audit_dropped = counter("audit_dropped_events", "Events that it lost: its queue was full, or its disk")
        self.token_keys = gauge("token_keys", "Keys that tokens are verified with")
        self.token_keys_age = gauge("token_keys_age_seconds", "Time since those keys were read or fetched")
        self.token_keys_failures = counter("token_keys_failures", "Token keys that could not be had or used")
        self.tickets = counter("tickets", "Tickets given out", "tenant")
        self.source = SourceMetrics(self.registry)
        self.limit = gauge("limit", "Configured limits", "name")

    def tenant(self, name: str) -> TenantCounts:
        """Return the counters of a tenant."""
        counts = self._tenants.get(name)
        if counts is None:
            counts = self._tenants[name] = TenantCounts(self, name)
        return counts

    def group_left(self, tenant: str, group: str) -> None:
        """Forget the lag of a group that has no members here."""
        with suppress(KeyError):
            self.group_lag.remove(tenant, group)

    def rejected(self, tenant: str, rejected: Sequence[Rejected]) -> None:
        """Count records that were refused for good, by the field at fault."""
        for one in rejected:
            self.ingest_rejected.labels(tenant, one.field).inc()

    def repaired_utf8(self, tenant: str, strings: int) -> None:
        """Count strings that were not UTF-8."""
        self.ingest_repaired.labels(tenant).inc(strings)

    def committed(self, seconds: float, batches: int, size_bytes: int) -> None:
        """Take the figures of a group commit."""
        self.commit_seconds.observe(seconds)
        self.commit_batches.observe(batches)
        self.commit_bytes.inc(size_bytes)

    def flooded(self, limit: str) -> None:
        """Count a web connection that was cut for a flood."""
        self.floods.web.labels(limit).inc()

    def grpc_flooded(self, what: str) -> None:
        """Count a gRPC connection that is `held`, or `cut`."""
        self.floods.grpc.labels(what).inc()

    def reloaded(self, what: str, *, failed: bool) -> None:
        """Count a change of `tls` or `revocations`."""
        (self.reload_failures if failed else self.reloads).labels(what).inc()

    def access(self, certificate_ends: float, crl_ends: float | None, revocations: int) -> None:
        """Take when certificate and lists end, in seconds since the Unix epoch, and how much is revoked."""
        self.certificate_ends.set(certificate_ends)
        self.crl_ends.set(crl_ends or 0.0)
        self.revocations.set(revocations)

    def keys_in_force(self, count: int) -> None:
        """Take the number of token keys that were put in force."""
        self.token_keys.set(count)

    def keys_refused(self) -> None:
        """Count token keys that could not be had or used."""
        self.token_keys_failures.inc()

    def limits(self, limits: Mapping[str, float]) -> None:
        """Publish the configured limits, by their setting's name."""
        for name, value in limits.items():
            self.limit.labels(name).set(value)

    def serve(self, host: str, port: int) -> None:
        """Answer scrapes at http://host:port/metrics, in a thread of its own; ConfigError where the port is taken."""
        try:
            start_http_server(port, addr=host, registry=self.registry)
        except OSError as error:
            msg = f"the metrics port {host}:{port} cannot be opened: {error.strerror}; set metrics.port, -1: off"
            raise ConfigError(msg) from error

"""hub.observe.metrics: what is counted, under which names, and that Prometheus can read it."""

from __future__ import annotations

import socket
from http.client import HTTPConnection

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.config import load
from hub.core.batch import Rejected
from hub.observe.metrics import Metrics


def value(metrics: Metrics, sample: str, /, **labels: str) -> float | None:
    """Return a sample's value; None where there is none."""
    return metrics.registry.get_sample_value(sample, labels)


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("records", "loghub_ingest_records_total"),
        ("batches", "loghub_ingest_batches_total"),
        ("bytes", "loghub_ingest_bytes_total"),
        ("duplicates", "loghub_ingest_duplicate_batches_total"),
        ("streams", "loghub_ingest_streams"),
        ("connections", "loghub_connections"),
        ("subscriptions", "loghub_subscriptions"),
        ("delivered", "loghub_delivered_records_total"),
        ("filtered", "loghub_filtered_records_total"),
        ("lost", "loghub_lost_records_total"),
        ("replays", "loghub_replays_total"),
    ],
)
def test_a_tenants_counts_are_its_own(attribute: str, name: str) -> None:
    """What is counted for one tenant shows under its name and under no other."""
    metrics = Metrics()
    metrics.tenant("globex")
    getattr(metrics.tenant("acme"), attribute).inc(3)
    assert value(metrics, name, tenant="acme") == 3
    assert value(metrics, name, tenant="globex") == 0


def test_a_tenants_counts_are_looked_up_once() -> None:
    """The same object comes back, so that the hot path may keep it."""
    metrics = Metrics()
    assert metrics.tenant("acme") is metrics.tenant("acme")


def test_refused_batches_are_counted_by_code() -> None:
    """Each gRPC code has its own count."""
    metrics = Metrics()
    counts = metrics.tenant("acme")
    counts.refused("RESOURCE_EXHAUSTED")
    counts.refused("RESOURCE_EXHAUSTED")
    counts.refused("UNAVAILABLE")
    name = "loghub_ingest_refused_batches_total"
    assert value(metrics, name, tenant="acme", code="RESOURCE_EXHAUSTED") == 2
    assert value(metrics, name, tenant="acme", code="UNAVAILABLE") == 1


def test_rejected_records_are_counted_by_field() -> None:
    """A record refused for good is counted under the field at fault."""
    metrics = Metrics()
    metrics.rejected("acme", [Rejected(0, "trace_id", "x"), Rejected(4, "trace_id", "y"), Rejected(5, "severity", "z")])
    name = "loghub_ingest_rejected_records_total"
    assert value(metrics, name, tenant="acme", field="trace_id") == 2
    assert value(metrics, name, tenant="acme", field="severity") == 1


def test_repaired_strings_are_counted() -> None:
    """The number of strings is added up."""
    metrics = Metrics()
    metrics.repaired_utf8("acme", 2)
    metrics.repaired_utf8("acme", 5)
    assert value(metrics, "loghub_ingest_repaired_utf8_total", tenant="acme") == 7


def test_a_commit_is_counted_with_its_time_batches_and_bytes() -> None:
    """Two commits make two observations of time and of group size."""
    metrics = Metrics()
    metrics.committed(0.003, 4, 1000)
    metrics.committed(0.3, 1, 24)
    assert value(metrics, "loghub_log_commit_seconds_count") == 2
    assert value(metrics, "loghub_log_commit_seconds_sum") == pytest.approx(0.303)
    assert value(metrics, "loghub_log_commit_seconds_bucket", le="0.005") == 1
    assert value(metrics, "loghub_log_commit_batches_sum") == 5
    assert value(metrics, "loghub_log_commit_bytes_total") == 1024


def test_every_configured_limit_is_a_metric() -> None:
    """Each limit stands under its setting's name, with the value in use."""
    metrics = Metrics()
    limits = load(None, {"LOGHUB_LIVE__MAX_LAST": "77"}).limits()
    metrics.limits(limits)
    shown = {name: value(metrics, "loghub_limit", name=name) for name in limits}
    assert shown == limits
    assert shown["live.max_last"] == 77


def test_two_sets_of_metrics_do_not_mix() -> None:
    """Nothing is global: a second hub in the process counts for itself."""
    one, other = Metrics(), Metrics()
    one.tenant("acme").records.inc()
    assert value(other, "loghub_ingest_records_total", tenant="acme") is None


def test_every_name_is_loghubs_and_described() -> None:
    """All metrics share the prefix, and each has a help text."""
    families = list(Metrics().registry.collect())
    assert len(families) > 20
    assert all(family.name.startswith("loghub_") and family.documentation for family in families)


def test_prometheus_can_scrape_them() -> None:
    """An HTTP request on loopback gets the figures in the format that Prometheus reads."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    metrics = Metrics()
    metrics.tenant("acme").records.inc(42)
    metrics.serve("127.0.0.1", port)
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    page = answer.read().decode()
    connection.close()
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    assert answer.status == 200
    assert ("loghub_ingest_records_total", {"tenant": "acme"}, 42) in [(s.name, s.labels, s.value) for s in samples]

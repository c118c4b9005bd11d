"""Metrics of the Kafka source, by topic and partition: of those that configuration names, or whose pattern fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_PARTITION = ("topic", "partition")


class PartitionCounts:
    """The counters of one partition, looked up once."""

    def __init__(self, metrics: SourceMetrics, topic: str, partition: int) -> None:
        self._metrics = metrics
        self._topic = topic
        self._labels = (topic, str(partition))
        self.messages = metrics.messages.labels(topic)
        self.records = metrics.records.labels(topic)
        self.bytes = metrics.bytes.labels(topic)
        self.lost = metrics.lost.labels(topic)
        self.lag = metrics.lag.labels(*self._labels)
        self.paused = metrics.paused.labels(*self._labels)

    def dead_letter(self, reason: str) -> None:
        """Count a message that could not be read, or some of whose records were refused."""
        self._metrics.dead_letters.labels(self._topic, reason).inc()

    def forget(self) -> None:
        """Say no more how the partition stands: another hub has it."""
        for gauge in (self._metrics.lag, self._metrics.paused):
            gauge.remove(*self._labels)


class SourceMetrics:
    """All metrics of the Kafka source of a hub process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"loghub_kafka_source_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"loghub_kafka_source_{name}", text, labels, registry=registry)

        self.messages = counter("messages", "Messages read and stored, dead letters too", "topic")
        self.records = counter("records", "Records stored", "topic")
        self.bytes = counter("bytes", "Bytes of those messages", "topic")
        self.dead_letters = counter("dead_letters", "Messages that could not be read whole", "topic", "reason")
        self.lost = counter("lost_messages", "Messages that the brokers removed before they were read", "topic")
        self.lag = gauge("lag_messages", "Messages that the partition has and the log has not", *_PARTITION)
        self.paused = gauge("paused", "1 while the partition waits for another try", *_PARTITION)

    def partition(self, topic: str, partition: int) -> PartitionCounts:
        """Return the counters of a partition."""
        return PartitionCounts(self, topic, partition)

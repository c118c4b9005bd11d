"""`loghub bench kafka`: how fast the Kafka source drains a topic into the log and to a subscriber, and how late it is.

A topic is filled in a transaction, which the hub does not read; what is measured begins when it is committed, and ends
when the last record has come out of a TLS WebSocket, fsynced before. The broker and all loaders share the machine.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.loader import Loader
from bench.rig import TENANT, rig
from hub.cli.broker import Broker

if TYPE_CHECKING:
    from bench.rig import Rig

_BATCH = 500
_LIVE_BATCH = 100
_LIVE_RATE = 10_000.0
_TOPICS = {"protobuf": "bench-protobuf", "ecs": "bench-ecs", "live": "bench-live"}
_SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Amounts:
    """Records that are drained of each format, and how long the live part is."""

    protobuf: int
    ecs: int
    live_seconds: float


def run(amounts: Amounts) -> dict[str, Any]:
    """Start a broker and a hub, measure, and stop them."""
    with tempfile.TemporaryDirectory(prefix="loghub-bench-") as scratch, Broker(Path(scratch) / "kafka") as broker:
        asyncio.run(_create(broker))
        with rig(_settings(broker)) as hub, Loader("kafka_watch", _watch(hub)) as watcher:
            watcher.wait_ready()
            protobuf = _drained(hub, watcher, _load(broker, "protobuf", amounts.protobuf // _BATCH, _BATCH))
            ecs = _drained(hub, watcher, _load(broker, "ecs", amounts.ecs, 1))
            live = _live(watcher, broker, amounts.live_seconds)
    parts = (protobuf, ecs, live)
    return {
        "bench": "kafka",
        "protobuf_records_per_s": protobuf["records_per_s"],
        "ecs_records_per_s": ecs["records_per_s"],
        "cpu_us_per_record": protobuf["cpu_us_per_record"],
        "ecs_cpu_us_per_record": ecs["cpu_us_per_record"],
        "p50_ms": live["p50_ms"],
        "p99_ms": live["p99_ms"],
        "expected": sum(part["expected"] for part in parts),
        "delivered": sum(part["records"] for part in parts),
        "lost": sum(part["expected"] - part["records"] for part in parts),
        "wrong": protobuf["disordered"] + ecs["disordered"],
        "steal_percent": max(protobuf["steal_percent"], ecs["steal_percent"]),
    }


async def _create(broker: Broker) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1) for topic in _TOPICS.values()])
    finally:
        await admin.close()


def _settings(broker: Broker) -> dict[str, Any]:
    formats = {"protobuf": "protobuf", "ecs": "ecs", "live": "protobuf"}
    sources = [{"topics": [_TOPICS[name]], "tenant": TENANT, "format": formats[name]} for name in _TOPICS]
    return {"kafka": {"brokers": [broker.address], "sources": sources}}


def _watch(hub: Rig) -> dict[str, Any]:
    return {"port": hub.listening.web_port, "ca": str(hub.deployment.ca), "token": hub.token}


def _load(broker: Broker, name: str, messages: int, batch: int) -> dict[str, Any]:
    return {
        "broker": broker.address,
        "topic": _TOPICS[name],
        "format": "ecs" if name == "ecs" else "protobuf",
        "messages": messages,
        "batch": batch,
    }


def _drained(hub: Rig, watcher: Loader, load: dict[str, Any]) -> dict[str, Any]:
    with Loader("kafka_load", load) as loader:
        loader.wait_ready()
        time.sleep(_SETTLE_SECONDS)
        expected = load["messages"] * load["batch"]
        watcher.finish({"expected": expected})
        with hub.measured() as cost:
            began = time.monotonic()
            loader.finish("commit")
            seen = watcher.wait_ready()
    took = max(seen["last_at"] - began, 1e-9)
    return {
        **seen,
        "expected": expected,
        "records_per_s": round(seen["records"] / took),
        "cpu_us_per_record": round(cost.cpu / max(seen["records"], 1) * 1e6, 3),
        "steal_percent": cost.steal_percent,
    }


def _live(watcher: Loader, broker: Broker, seconds: float) -> dict[str, Any]:
    messages = int(_LIVE_RATE * seconds / _LIVE_BATCH)
    with Loader("kafka_load", {**_load(broker, "live", messages, _LIVE_BATCH), "rate": _LIVE_RATE}) as loader:
        loader.wait_ready()
        watcher.finish({"expected": messages * _LIVE_BATCH})
        loader.finish("go")
        seen = watcher.wait_ready()
    return {**seen, "expected": messages * _LIVE_BATCH}

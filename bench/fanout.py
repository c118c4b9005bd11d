"""`loghub bench fanout`: many TLS subscribers of the same records."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any

from bench.data import batches
from bench.loader import Loader
from bench.rig import rig

if TYPE_CHECKING:
    from pathlib import Path

    from bench.rig import Phase

_RUNS = 200


def run(phase: Phase, subscribers: int) -> dict[str, Any]:
    """Offer records to subscribers that each want all of them."""
    settings = {"web": {"max_connections": subscribers + 10, "max_connections_per_tenant": subscribers + 10}}
    with rig(settings) as hub, Loader("watchers", hub.watch(subscribers, [""])) as watchers:
        with Loader("producer", hub.load(phase)) as producer:
            connected = watchers.wait_ready()["connected"]
            producer.wait_ready()
            with hub.measured() as cost:
                sent = producer.finish("go")
                expected = sent["acked"] * connected
                seen = watchers.finish({"expected": expected, "sent": sent["sent"]})
        floor = _tls_floor(hub.deployment.ca.parent, phase.batch)
    return {
        "bench": "fanout",
        "connected": connected,
        "records_per_s": round(sent["acked"] / cost.took),
        "cpu_us_per_delivery": round(cost.cpu / max(seen["delivered"], 1) * 1e6, 4),
        "tls_floor_us_per_delivery": round(floor * 1e6 / phase.batch, 4),
        "delivered": seen["delivered"],
        "expected": expected,
        "lost": expected - seen["delivered"],
        "loader_cpu_us_per_delivery": round(seen["cpu_s"] / max(seen["delivered"], 1) * 1e6, 4),
        "p50_ms": seen["p50_ms"],
        "p99_ms": seen["p99_ms"],
        "steal_percent": cost.steal_percent,
    }


def _tls_floor(pki: Path, batch: int) -> float:
    """Return the seconds that it takes to encrypt one batch in memory: what no server over TLS can go below."""
    data = batches(1, batch)[0].SerializeToString()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pki / "server" / "hub.pem", pki / "server" / "hub.key")
    client = ssl.create_default_context(cafile=str(pki / "ca.pem"))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(3):
        for side in sides:
            _shake(side)
    began = time.process_time()
    for _ in range(_RUNS):
        sides[1].write(data)
        to_client.read()
    return (time.process_time() - began) / _RUNS


def _shake(side: ssl.SSLObject) -> None:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return

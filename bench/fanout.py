"""`loghub bench fanout`: many TLS subscribers of the same records."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any

from bench.data import batches
from bench.loader import Loader
from bench.rig import rig, room
from bench.socket import tls_context
from hub.identity.server_tls import ClientCertificates, TlsFiles, web_context

if TYPE_CHECKING:
    from pathlib import Path

    from bench.rig import Phase

_RUNS = 200


def run(phase: Phase, subscribers: int) -> dict[str, Any]:
    """Offer records to subscribers that each want all of them: compressed, as `loghub tail` does, then plain."""
    figures = _measure(phase, subscribers, packed=True)
    return {"bench": "fanout", **figures, "plain": _measure(phase, subscribers, packed=False)}


def _measure(phase: Phase, subscribers: int, *, packed: bool) -> dict[str, Any]:
    with rig(room(subscribers)) as hub:
        watch = hub.watch(subscribers, [""], batch=phase.batch, packed=packed)
        with Loader("watchers", watch) as watchers, Loader("producer", hub.load(phase)) as producer:
            connected = watchers.wait_ready()["connected"]
            producer.wait_ready()
            with hub.measured() as cost:
                sent = producer.finish("go")
                expected = sent["acked"] * subscribers
                watchers.finish({"expected": expected, "sent": sent["sent"]})
            seen = watchers.finish("leave")
        floor = _tls_floor(hub.deployment.ca.parent, phase.batch)
    return {
        "connected": connected,
        "offered_per_s": phase.rate,
        "records_per_s": round(sent["acked"] / sent["took"]),
        "cpu_us_per_delivery": round(cost.cpu / max(seen["delivered"], 1) * 1e6, 4),
        "loader_cpu_us_per_delivery": round(seen["cpu_s"] / max(seen["delivered"], 1) * 1e6, 4),
        "tls_floor_us_per_delivery": round(floor / phase.batch * 1e6, 4),
        "delivered": seen["delivered"],
        "expected": expected,
        "lost": expected - seen["delivered"],
        "wrong": seen["wrong"],
        "p50_ms": seen["p50_ms"],
        "p99_ms": seen["p99_ms"],
        "steal_percent": cost.steal_percent,
    }


def _tls_floor(pki: Path, batch: int) -> float:
    """Return the seconds that it takes to encrypt one batch in memory: what no server over this TLS can go below."""
    data = batches(1, batch)[0].SerializeToString()
    files = TlsFiles(pki / "ca.pem", pki / "server" / "hub.pem", pki / "server" / "hub.key")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = tls_context(str(files.ca)).wrap_bio(to_client, to_server, server_hostname="localhost")
    server = web_context(files, ClientCertificates.OPTIONAL).wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        _shake(side)
    began = time.process_time()
    for _ in range(_RUNS):
        server.write(data)
        to_client.read()
    return (time.process_time() - began) / _RUNS


def _shake(side: ssl.SSLObject) -> None:
    """Go on with a handshake as far as it goes without the other side."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return

"""Certificates, authorities and revocation lists change under load: no connection is dropped, no record lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography import x509

from hub.cli.deployment import HOSTS, Deployment
from hub.core.principal import Role, SpiffeId
from hub.identity.peer import serial_of
from hub.pki.authority import Authority
from tests.integration.conftest import DOMAIN, running
from tests.integration.test_revocation import crl_of
from tests.peers import JSON, batch

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from hub.pki.authority import Issued
    from tests.peers import Site

ROTATIONS = 100
RELOAD_SECONDS = 0.05


@dataclass
class Load:
    """A stream of records, and what each of its subscribers got."""

    sent: int = 0
    acked: int = 0
    stop: bool = False
    got: dict[str, list[int]] = field(default_factory=dict)

    async def send(self, producer: Any) -> None:
        """Send a record every few milliseconds, until told to stop."""
        while not self.stop:
            self.sent += 1
            await producer.send_batches(batch(str(self.sent), seq=self.sent))
            await asyncio.sleep(0.004)

    async def take_acks(self, producer: Any) -> None:
        """Read acknowledgements."""
        while True:
            self.acked = (await producer.receive("ack")).up_to_seq

    async def read(self, name: str, tail: Any) -> None:
        """Read records."""
        got = self.got.setdefault(name, [])
        while True:
            got.extend(int(body) for body in await some_bodies(tail))


async def some_bodies(tail: Any) -> list[str]:
    """Return the bodies of the next message with records."""
    message = await tail.until("records")
    if isinstance(message, dict):
        return [record["body"] for one in message["batches"] for record in one["records"]]
    return [record.body for one in message.batches for record in one.records]


def put(path: Path, data: bytes) -> None:
    """Replace a file as a whole."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_bytes(data)
    scratch.replace(path)


def handshake(port: int, trusted: bytes, client: Issued) -> int:
    """Open a connection that trusts an authority alone; return the serial number of the server's certificate."""
    context = ssl.create_default_context(cadata=trusted.decode())
    context.load_cert_chain(client.cert, client.key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("localhost", port), 5) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        der = tls.getpeercert(binary_form=True)
    assert der
    return x509.load_der_x509_certificate(der).serial_number


async def served(site: Site, issued: Issued, trusted: bytes, client: Issued) -> float:
    """Wait until both ports show a certificate; return how long that took, in seconds."""
    serial, began = serial_of(issued.cert.read_bytes()), time.monotonic()
    for port in (site.listening.grpc_port, site.listening.web_port):
        async with asyncio.timeout(5):
            while True:
                with suppress(ssl.SSLError):
                    if await asyncio.to_thread(handshake, port, trusted, client) == serial:
                        break
                await asyncio.sleep(0.02)
    return time.monotonic() - began


async def test_everything_rotates_under_load(tmp_path: Path, tenant: str) -> None:
    """A hundred times: the leaf, the revocation list, and the authority with an overlap; by file and by signal."""
    deployment = Deployment.prepare(tmp_path / "site", DOMAIN)
    authorities = [deployment.authority, Authority.create(tmp_path / "second", DOMAIN)]
    orders = SpiffeId(DOMAIN, tenant, Role.PRODUCER, "orders")
    clients = [deployment.client(tenant), authorities[1].issue_client(orders)]
    bundle, crl = deployment.ca, tmp_path / "crl.pem"
    roots = [one.bundle.read_bytes() for one in authorities]
    put(bundle, b"".join(roots))
    created = x509.load_pem_x509_certificate(roots[0]).not_valid_before_utc
    settings = {
        "data-dir": str(tmp_path / "data"),
        "tls": {"crl": str(crl), "reload-seconds": RELOAD_SECONDS},
        "shutdown": {"grace-seconds": 2},
    }
    load, tasks, took = Load(), [], []
    files = (deployment.authority.folder / "server" / "hub.pem", deployment.authority.folder / "server" / "hub.key")
    put(crl, crl_of(deployment.authority, at=created))
    async with running(deployment, settings) as (site, hub), AsyncExitStack() as stack:
        producer = await stack.enter_async_context(site.producer(tenant))
        await producer.receive("welcome")
        reader = deployment.client(tenant, Role.SUBSCRIBER)
        peers: tuple[tuple[str, AbstractAsyncContextManager[Any]], ...] = (
            ("websocket", site.subscriber(tenant)),
            ("json", site.subscriber(tenant, JSON)),
            ("grpc", site.caller(reader)),
        )
        for name, opened in peers:
            tail = await stack.enter_async_context(opened)
            await tail.subscribe()
            tasks.append(asyncio.create_task(load.read(name, tail)))
        tasks += [asyncio.create_task(load.send(producer)), asyncio.create_task(load.take_acks(producer))]
        for number in range(ROTATIONS):
            which = number // 10 % 2  # the authority of the server's certificate changes every ten times
            issued = authorities[which].issue_server(f"hub-{number}", HOSTS)
            if number % 10 == 0:
                put(bundle, b"".join(roots))
            put(crl, crl_of(deployment.authority, number + 1, at=created))
            put(files[0], issued.cert.read_bytes())
            put(files[1], issued.key.read_bytes())
            if number % 3 == 0:
                os.kill(os.getpid(), signal.SIGHUP)
            took.append(await served(site, issued, roots[which], clients[number % 2]))
            done = [task for task in tasks if task.done()]
            assert not done, [task.exception() for task in done]
        load.stop = True
        await tasks.pop(-2)
        async with asyncio.timeout(10):
            while load.acked < load.sent or any(len(got) < load.sent for got in load.got.values()):  # noqa: ASYNC110  three readers and the acks
                await asyncio.sleep(0.02)
        assert not [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        reloads = hub.metrics.registry.get_sample_value("loghub_reloads_total", {"what": "tls"}) or 0
    expected = list(range(1, load.sent + 1))
    assert load.sent > ROTATIONS
    assert {name: got == expected for name, got in load.got.items()} == dict.fromkeys(
        ("websocket", "json", "grpc"), True
    )
    assert reloads >= ROTATIONS
    assert max(took) < 1

"""hub.rpc.server: the port, its TLS, and what load balancers ask."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc
from grpc_health.v1 import health_pb2

from hub.core.line_account import LineLimits
from hub.core.principal import Role, SpiffeId
from hub.errors import ConfigError
from hub.identity.server_tls import TlsMaterial
from hub.pki.authority import Authority
from hub.rpc.server import GrpcOptions, GrpcServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.pki.authority import Issued

assert hub.grpc_tls.TLS13_ONLY

OPTIONS = GrpcOptions(
    host="127.0.0.1",
    port=0,
    max_batch_bytes=1000,
    max_otlp_bytes=2000,
    max_concurrent_streams=10,
    keepalive_seconds=60.0,
    max_metadata_bytes=8192,
    handshake_seconds=5.0,
    lines=LineLimits(32768, 2**21, 65536, 10.0),
)
SECONDS = 10.0


class Echo:
    """A service that answers with the size of what came."""

    name = "test.Echo"

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the handlers."""
        return grpc.method_handlers_generic_handler(
            self.name, {"Size": grpc.unary_unary_rpc_method_handler(self._size)}
        )

    async def _size(self, request: bytes, _context: object) -> bytes:
        return str(len(request)).encode()


class Site:
    """A server, and a client with a certificate."""

    def __init__(self, authority: Authority, client: Issued, prefix: str) -> None:
        self.authority = authority
        self.client = client
        self._prefix = prefix
        self.material = self.issue("one")
        self.server = GrpcServer([Echo()], OPTIONS, lambda: self.material, print)

    def issue(self, name: str) -> TlsMaterial:
        """Return what to serve with: a certificate of the same authority."""
        issued = self.authority.issue_server(f"{self._prefix}-{name}", ["localhost"])
        return TlsMaterial(*(path.read_bytes() for path in (self.authority.bundle, issued.cert, issued.key)))

    def channel(self) -> grpc.aio.Channel:
        """Connect as the client."""
        files = (self.authority.bundle, self.client.key, self.client.cert)
        credentials = grpc.ssl_channel_credentials(*(path.read_bytes() for path in files))
        options = [("grpc.use_local_subchannel_pool", 1)]
        return grpc.aio.secure_channel(f"localhost:{self.server.port}", credentials, options)

    async def call(self, method: str, request: bytes) -> Any:
        """Call a method."""
        async with self.channel() as channel:
            return await channel.unary_unary(method)(request, timeout=SECONDS)

    async def health(self, service: str) -> int:
        """Ask how a service is."""
        request = health_pb2.HealthCheckRequest(service=service).SerializeToString()
        raw = await self.call("/grpc.health.v1.Health/Check", request)
        status: int = health_pb2.HealthCheckResponse.FromString(raw).status
        return status

    async def shown(self) -> bytes:
        """Return the certificate that a new handshake is shown."""
        context = ssl.create_default_context(cafile=self.authority.bundle)
        context.load_cert_chain(self.client.cert, self.client.key)
        context.set_alpn_protocols(["h2"])
        _, writer = await asyncio.open_connection(
            "127.0.0.1", self.server.port, ssl=context, server_hostname="localhost"
        )
        found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.transport.abort()
        return found


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority."""
    return Authority.create(tmp_path_factory.mktemp("site"), "loghub.test")


@pytest.fixture(scope="module")
def client(authority: Authority) -> Issued:
    """Return a client's certificate."""
    return authority.issue_client(SpiffeId("loghub.test", "acme", Role.PRODUCER, "orders"))


@pytest_asyncio.fixture
async def site(authority: Authority, client: Issued, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """A server that runs."""
    made = Site(authority, client, f"hub{abs(hash(request.node.name))}")
    await made.server.start()
    yield made
    await made.server.stop(0.0)


async def test_a_port_that_is_taken_is_said(site: Site) -> None:
    """With what to do."""
    taken = replace(OPTIONS, port=site.server.port)
    with pytest.raises(ConfigError, match=f"127.0.0.1:{site.server.port}: stop what uses the port, or set grpc.port"):
        GrpcServer([Echo()], taken, lambda: site.material, print)


async def test_services_serve_until_the_hub_drains(site: Site) -> None:
    """Each by its name and all together; calls that come all the same are answered."""
    assert [await site.health(name) for name in ("", "test.Echo")] == [health_pb2.HealthCheckResponse.SERVING] * 2
    await site.server.drain()
    assert [await site.health(name) for name in ("", "test.Echo")] == [health_pb2.HealthCheckResponse.NOT_SERVING] * 2
    assert await site.call("/test.Echo/Size", bytes(3)) == b"3"


async def test_what_is_too_large_for_a_batch_gets_through_to_the_one_who_names_it(site: Site) -> None:
    """grpc's own limit, which names nothing, comes far behind."""
    assert await site.call("/test.Echo/Size", bytes(3 * OPTIONS.max_batch_bytes)) == b"3000"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await site.call("/test.Echo/Size", bytes(5 * OPTIONS.max_batch_bytes))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_new_handshakes_are_shown_what_holds_now(site: Site) -> None:
    """A certificate that was changed is served without a restart, and only then."""
    first = await site.shown()
    assert await site.shown() == first == ssl.PEM_cert_to_DER_cert(_leaf(site.material))
    site.material = site.issue("two")
    assert await site.shown() == ssl.PEM_cert_to_DER_cert(_leaf(site.material)) != first


def _leaf(material: TlsMaterial) -> str:
    end = "-----END CERTIFICATE-----"
    return material.cert.decode().split(end, 1)[0] + end + "\n"

"""Who gets through the handshake, and what the certificate then allows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import pytest
from cryptography import x509
from websockets.exceptions import WebSocketException

from hub.cli.deployment import Deployment
from hub.core.principal import Role
from hub.pb.ingest_pb2 import GOODBYE_REASON_EXPIRED, Hello, HubMessage, PushRequest
from hub.pki.authority import Issued
from hub.pki.files import write_certificates, write_key
from tests.certificates import Request, new_key, sign
from tests.peers import ProducerPeer, batch

if TYPE_CHECKING:
    from pathlib import Path

    from tests.certificates import Signer
    from tests.peers import Site

PORTS = ["grpc_port", "web_port"]


async def openssl(site: Site, port: int, *options: str) -> str:
    """Run `openssl s_client`; return all that it prints."""
    command = ("s_client", "-connect", f"localhost:{port}", "-CAfile", str(site.deployment.ca), *options)
    process = await asyncio.create_subprocess_exec(
        "openssl",
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode(errors="replace")


@pytest.mark.parametrize("port", PORTS)
async def test_tls_1_2_is_refused(site: Site, port: str) -> None:
    """No port speaks TLS 1.2, whatever the cipher."""
    output = await openssl(site, getattr(site.listening, port), "-tls1_2", "-cipher", "ALL:@SECLEVEL=0")
    assert "no peer certificate available" in output, output
    assert "Cipher is (NONE)" in output


@pytest.mark.parametrize("port", PORTS)
async def test_tls_1_3_is_spoken_and_its_certificate_verifies(site: Site, port: str) -> None:
    """The proof that the test above fails for the right reason."""
    output = await openssl(site, getattr(site.listening, port), "-tls1_3", "-alpn", "h2,http/1.1")
    assert "New, TLSv1.3, Cipher is TLS_" in output
    assert "Verify return code: 0 (ok)" in output


async def test_the_web_port_gives_no_session_tickets(site: Site) -> None:
    """A resumed session would pass by a revocation."""
    output = await openssl(site, site.listening.web_port, "-tls1_3")
    assert "TLS session ticket" not in output


async def push_with(site: Site, client: Issued | None) -> grpc.aio.AioRpcError | None:
    """Push with a certificate; return the error, if any."""
    roots = site.deployment.ca.read_bytes()
    pair = (client.key.read_bytes(), client.cert.read_bytes()) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(roots, *pair)
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(site.endpoint, credentials, options) as channel:
        try:
            await channel.unary_unary("/loghub.v1.Ingest/Push")(
                PushRequest(batch=batch("x")).SerializeToString(), timeout=5
            )
        except grpc.aio.AioRpcError as error:
            return error
    return None


async def test_no_certificate_is_refused_in_the_handshake(site: Site) -> None:
    """Ingest requires mTLS."""
    error = await push_with(site, None)
    assert error
    assert error.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_foreign_certificate_is_refused_in_the_handshake(site: Site, tmp_path: Path) -> None:
    """Another authority's certificate with the same identity is worth nothing, on both ports."""
    foreign = Deployment.prepare(tmp_path, "test.local").client("acme")
    error = await push_with(site, foreign)
    assert error
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(CUT):
        async with site.subscriber("acme", tls=site.tls(foreign)) as tail:
            await tail.next()


def issue(by: Signer, folder: Path, *names: x509.GeneralName, seconds: float = 86_400) -> Issued:
    """Have an authority sign a client certificate with any names."""
    key = new_key()
    request = Request(names, days=(-1, seconds / 86_400), key=key)
    issued = Issued(folder / "leaf.pem", folder / "leaf.key")
    write_certificates(issued.cert, sign(request, by), *by.chain)
    write_key(issued.key, key)
    return issued


def uri(text: str) -> x509.GeneralName:
    """Return a URI name."""
    return x509.UniformResourceIdentifier(text)


CUT = (OSError, WebSocketException)
A = "spiffe://test.local/tenant/acme/producer/a"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "exactly one"),
        ((x509.DNSName("acme"),), "exactly one"),
        ((uri(A), uri("spiffe://test.local/tenant/globex/producer/a")), "exactly one"),
        ((uri("spiffe://other.domain/tenant/acme/producer/a"),), "trust domain"),
        ((uri("spiffe://test.local/acme"),), "spiffe://"),
        ((uri("https://test.local/tenant/acme/producer/a"),), "exactly one"),
    ],
)
async def test_a_certificate_without_exactly_one_identity_is_denied(
    site: Site, operators_root: Signer, tmp_path: Path, names: tuple[x509.GeneralName, ...], words: str
) -> None:
    """PERMISSION_DENIED says what the certificate must have."""
    error = await push_with(site, issue(operators_root, tmp_path, *names))
    assert error
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert words in (error.details() or "")


async def test_the_same_issuer_with_one_identity_is_let_in(site: Site, operators_root: Signer, tmp_path: Path) -> None:
    """The proof that the tests around it fail for the right reason."""
    assert await push_with(site, issue(operators_root, tmp_path, uri(A))) is None


async def test_an_expired_certificate_is_refused(site: Site, operators_root: Signer, tmp_path: Path) -> None:
    """In the handshake already."""
    error = await push_with(site, issue(operators_root, tmp_path, uri(A), seconds=-60))
    assert error
    assert error.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_certificate_that_expires_ends_its_open_stream(
    site: Site, operators_root: Signer, tmp_path: Path
) -> None:
    """With a goodbye that says to renew it, within a second."""
    soon = issue(operators_root, tmp_path, uri(A), seconds=2)
    files = (site.deployment.ca, soon.key, soon.cert)
    credentials = grpc.ssl_channel_credentials(*(path.read_bytes() for path in files))
    async with grpc.aio.secure_channel(site.endpoint, credentials) as channel:
        call = channel.stream_stream("/loghub.v1.Ingest/Stream", response_deserializer=HubMessage.FromString)()
        peer = ProducerPeer(call)
        await peer.send(hello=Hello(producer_id="expiring", next_seq=1))
        await peer.receive("welcome")
        goodbye = await peer.receive("goodbye")
    assert goodbye.reason == GOODBYE_REASON_EXPIRED
    assert not goodbye.reconnect


async def test_a_subscribers_certificate_cannot_write(site: Site) -> None:
    """Roles are apart."""
    error = await push_with(site, site.deployment.client("acme", Role.SUBSCRIBER, "reader"))
    assert error
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED

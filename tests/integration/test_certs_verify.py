"""`loghub certs verify --url` and `--grpc`: a hub has nothing to be blamed for; a bad server's fault is named."""

from __future__ import annotations

import asyncio
import ssl
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hub.pki.authority import Authority, Issued
from hub.pki.probe import Client, Target, probe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hub.pki.inspection import Verdict
    from tests.peers import Site

FINE = ["TLS 1.3", "TLS 1.2", "chain", "name", "certificate", "client certificate", "session tickets"]


async def look(target: Target, client: Client) -> dict[str, Verdict]:
    """Return what was found, by its subject."""
    found = await asyncio.to_thread(lambda: list(probe(target, client)))
    return {one.subject: one for one in found}


def problems(found: dict[str, Verdict]) -> dict[str, str]:
    """Return what is wrong."""
    return {subject: one.problem for subject, one in found.items() if one.problem}


async def verify(*arguments: str | Path) -> tuple[int, str]:
    """Run the command; return its status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub.cli.main", "certs", "verify", *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_a_running_hub_is_as_it_should_be(site: Site) -> None:
    """On both ports, and in its files; a line for each thing that was looked at."""
    client = site.deployment.client("acme")
    shown = ("--cert", client.cert, "--key", client.key)
    ports = ("--url", site.url, "--grpc", site.endpoint)
    status, out = await verify("--dir", site.deployment.authority.folder, *ports, *shown)
    assert status == 0, out
    lines = out.splitlines()
    assert len(lines) == 2 * len(FINE)
    assert all(line.startswith("ok ") for line in lines), out
    assert f"localhost:{site.listening.grpc_port} client certificate: {client.cert} is accepted" in out
    assert f"localhost:{site.listening.web_port} session tickets: none" in out
    assert out.count("days left") == 2


async def test_what_a_port_asks_for_is_told(site: Site, start: Callable[..., Any]) -> None:
    """Perhaps a certificate, with tokens; surely one, for producers and with mTLS."""
    client = Client(site.deployment.ca)
    url, endpoint = Target.of_url(site.url), Target.of_endpoint(site.endpoint)
    found = await look(url, client)
    assert list(found) == FINE
    assert found["client certificate"].detail == "asked for, not required"
    found = await look(endpoint, client)
    assert found["client certificate"].detail.startswith("required")
    assert "--cert" in found["session tickets"].detail
    assert not problems(found)
    async with start(web={"auth-mode": "mTLS"}) as (other, _):
        found = await look(Target.of_url(other.url), client)
        assert found["client certificate"].detail.startswith("required"), found
        assert not problems(found)


async def test_a_certificate_that_the_hub_refuses_is_named(site: Site, tmp_path: Path) -> None:
    """Though the hub itself is fine."""
    foreign = Authority.create(tmp_path, "other.test").issue_server("hub", ["localhost"])
    found = await look(Target.of_endpoint(site.endpoint), Client(site.deployment.ca, foreign.cert, foreign.key))
    assert list(problems(found)) == ["client certificate"]
    assert "hub.pem is refused" in found["client certificate"].problem


@asynccontextmanager
async def server(issued: Issued, **options: Any) -> AsyncIterator[int]:
    """Run a TLS server of Python's; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.cert, issued.key)
    context.minimum_version = options.get("lowest", ssl.TLSVersion.TLSv1_3)
    context.maximum_version = options.get("highest", ssl.TLSVersion.TLSv1_3)
    context.num_tickets = options.get("tickets", 0)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    one = await asyncio.start_server(answer, "localhost", 0, ssl=context)
    async with one:
        yield one.sockets[0].getsockname()[1]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority with a good certificate for localhost."""
    one = Authority.create(tmp_path_factory.mktemp("pki"), "pki.test")
    one.issue_server("good", ["localhost"])
    return one


def good(pki: Authority) -> Issued:
    """Return the good certificate."""
    return Issued.at(pki.folder / "server" / "good.pem")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {}),
        ({"lowest": ssl.TLSVersion.TLSv1_2}, {"TLS 1.2": "TLSv1.2 is spoken: only TLS 1.3 should be"}),
        ({"tickets": 2}, {"session tickets": "2 given: a resumed session escapes revocation"}),
    ],
)
async def test_a_servers_fault_is_named(pki: Authority, options: dict[str, Any], expected: dict[str, str]) -> None:
    """And nothing else is."""
    async with server(good(pki), **options) as port:
        found = await look(Target("localhost", port, grpc=False), Client(pki.bundle))
    assert list(found) == FINE
    assert problems(found) == expected


async def test_a_server_with_tls_1_2_alone_is_no_hub(pki: Authority) -> None:
    """The command's exit status says so."""
    options = {"lowest": ssl.TLSVersion.TLSv1_2, "highest": ssl.TLSVersion.TLSv1_2}
    async with server(good(pki), **options) as port:
        status, out = await verify("--ca", pki.bundle, "--url", f"https://localhost:{port}")
    assert status == 1
    assert "failed  localhost:" in out
    assert "TLS 1.3: no handshake" in out
    assert "TLSv1.2 is spoken" in out
    assert "2 of 2 failed" in out


async def test_a_grpc_port_that_asks_for_nothing_is_no_hubs(pki: Authority) -> None:
    """Its producers could be anybody."""
    async with server(good(pki)) as port:
        found = await look(Target("localhost", port, grpc=True), Client(pki.bundle))
    assert problems(found) == {"client certificate": "not asked for: producers could not be told apart"}


async def test_a_wrong_name_or_authority_is_told_apart(pki: Authority, tmp_path: Path) -> None:
    """The chain is one thing, the name another."""
    other = Authority.create(tmp_path, "pki.test")
    async with server(good(pki)) as port:
        by_address = await look(Target("127.0.0.1", port, grpc=False), Client(pki.bundle))
        by_stranger = await look(Target("localhost", port, grpc=False), Client(other.bundle))
        short = await look(Target("localhost", port, grpc=False), Client(pki.bundle, min_days=91))
    assert problems(by_address) == {"name": "the certificate is not of 127.0.0.1"}
    assert list(problems(by_stranger)) == ["chain"]
    assert problems(short) == {"certificate": "90 days left, less than 91"}


async def test_an_expired_certificate_is_told(pki: Authority) -> None:
    """As what it is, and as why the chain does not hold."""
    issued = pki.issue_server("brief", ["localhost"], 1.2 / 86_400)
    async with server(issued) as port:
        await asyncio.sleep(1.5)
        found = await look(Target("localhost", port, grpc=False), Client(pki.bundle))
    assert problems(found) == {"chain": "certificate has expired", "certificate": "expired"}


async def test_nothing_there_is_told(pki: Authority) -> None:
    """Not as a traceback."""
    async with server(good(pki)) as port:
        pass
    found = await look(Target("localhost", port, grpc=False), Client(pki.bundle))
    assert set(problems(found)) == {"TLS 1.3", "TLS 1.2"}
    assert "refused" in found["TLS 1.3"].problem

"""hub.cli.deployment: a folder with all that a hub needs, made once and kept fresh."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from hub.cli.deployment import HOSTS, Deployment
from hub.config import load
from hub.core.principal import Role, SpiffeId
from hub.pki.authority import Issued
from hub.pki.files import expires_at
from hub.pki.revocation import revoke
from hub.pki.revocation_list import read_lists

if TYPE_CHECKING:
    from pathlib import Path

DOMAIN = "test.local"
HOUR = 1 / 24


def uri(path: Path) -> str:
    """Return the SPIFFE id in a certificate."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.UniformResourceIdentifier)[0]


def test_what_is_there_is_used_again(tmp_path: Path) -> None:
    """A second demo has the same authority, so the browser's trust lasts."""
    first = Deployment.prepare(tmp_path, DOMAIN)
    client = first.client("acme")
    again = Deployment.prepare(tmp_path, DOMAIN)
    assert again.ca.read_bytes() == first.ca.read_bytes()
    assert again.client("acme") == client


def test_names_with_dots_are_names_of_their_own(tmp_path: Path) -> None:
    """Another service's certificate is another identity."""
    site = Deployment.prepare(tmp_path, DOMAIN)
    plain = site.client("acme", name="orders")
    for _ in range(2):
        dotted = site.client("acme", name="orders.v2")
        assert uri(dotted.cert) == "spiffe://test.local/tenant/acme/producer/orders.v2"
    assert uri(plain.cert) == "spiffe://test.local/tenant/acme/producer/orders"


def test_certificates_about_to_end_are_issued_anew(tmp_path: Path) -> None:
    """A demo from last season starts; what is good for longer stays."""
    site = Deployment.prepare(tmp_path, DOMAIN)
    server = tmp_path / "pki" / "server" / "hub.pem"
    for path in (server, server.with_suffix(".key")):
        path.unlink()
    site.authority.issue_server("hub", HOSTS, 23 * HOUR)
    short = site.authority.issue_client(_identity(site), 23 * HOUR)
    site = Deployment.prepare(tmp_path, DOMAIN)
    assert site.client("acme") == short
    in_a_month = dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
    assert expires_at(server) > in_a_month
    assert expires_at(short.cert) > in_a_month
    kept = short.cert.read_bytes()
    assert site.client("acme").cert.read_bytes() == kept


@pytest.mark.parametrize("part", ["cert", "key"])
@pytest.mark.parametrize(
    "damage", [b"", b"-----BEGIN CERTIFICATE-----\nMIIB", b"\xff\xfe"], ids=["empty", "cut", "bytes"]
)
def test_damaged_files_are_made_anew(tmp_path: Path, part: str, damage: bytes) -> None:
    """A disk that was full, or a copy that was cut: the demo starts all the same."""
    site = Deployment.prepare(tmp_path, DOMAIN)
    server, client = Issued.at(tmp_path / "pki" / "server" / "hub.pem"), site.client("acme")
    for issued in (server, client):
        getattr(issued, part).write_bytes(damage)
    again = Deployment.prepare(tmp_path, DOMAIN)
    assert again.is_good(server)
    assert again.is_good(again.client("acme"))


def test_what_was_revoked_is_issued_anew(tmp_path: Path) -> None:
    """The demo's service is let in again; the certificate taken back stays out, and the hub is told of it."""
    site = Deployment.prepare(tmp_path, DOMAIN)
    taken = x509.load_pem_x509_certificate(site.client("acme").cert.read_bytes())
    revoke(site.authority, [f"{taken.serial_number:x}"], "keyCompromise")
    again = Deployment.prepare(tmp_path, DOMAIN).client("acme")
    assert x509.load_pem_x509_certificate(again.cert.read_bytes()).serial_number != taken.serial_number
    settings = load(site.configure(1, 2), {})
    assert settings.tls.crl
    lists = read_lists(settings.tls.crl)
    assert lists[0].get_revoked_certificate_by_serial_number(taken.serial_number)


def _identity(site: Deployment) -> SpiffeId:
    return SpiffeId(site.authority.trust_domain, "acme", Role.PRODUCER, "orders")


def test_the_configuration_is_one_that_loads(tmp_path: Path) -> None:
    """With what was asked for laid over what every hub here has."""
    site = Deployment.prepare(tmp_path, DOMAIN)
    settings = load(site.configure(1, 2, {"live": {"queue-bytes": 5000}, "workers": 2}), {})
    assert (settings.grpc.port, settings.web.port, settings.live.queue_bytes, settings.workers) == (1, 2, 5000, 2)
    assert (settings.grpc.host, settings.trust_domain, settings.metrics.port) == ("127.0.0.1", DOMAIN, -1)
    assert settings.tls.ca == site.ca

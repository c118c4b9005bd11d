"""hub.pki.probe: what can be looked at; looking itself is shown in tests/integration/test_certs_verify.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.errors import CertificateError
from hub.pki.probe import Client, Target, probe

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hub.test:8443", Target("hub.test", 8443, grpc=False)),
        ("https://hub.test", Target("hub.test", 443, grpc=False)),
        ("wss://[::1]:1/v1/tail", Target("::1", 1, grpc=False)),
    ],
)
def test_a_url_names_host_and_port(url: str, target: Target) -> None:
    """What follows is not looked at."""
    assert Target.of_url(url) == target


@pytest.mark.parametrize("url", ["", "hub.test:8443", "http://hub.test", "https://", "https://a:99999", "https://a:x"])
def test_what_is_no_url_is_said(url: str) -> None:
    """With the form."""
    with pytest.raises(CertificateError, match="is not https://host:port"):
        Target.of_url(url)


def test_an_endpoint_names_host_and_port() -> None:
    """As gRPC has it."""
    assert Target.of_endpoint("hub.test:4317") == Target("hub.test", 4317, grpc=True)
    assert Target.of_endpoint("[::1]:4317") == Target("::1", 4317, grpc=True)
    for endpoint in ("", "hub.test", "hub.test:x", ":4317"):
        with pytest.raises(CertificateError, match=f"^'{endpoint}' is not host:port"):
            Target.of_endpoint(endpoint)


def test_own_files_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    """Before anybody is called."""
    client = Client(tmp_path / "ca.pem", tmp_path / "no.pem", tmp_path / "no.key")
    with pytest.raises(CertificateError, match=r"TLS cannot use .*no\.pem with .*no\.key: No such file"):
        list(probe(Target("localhost", 1, grpc=False), client))

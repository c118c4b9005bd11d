"""What the tests of TLS share."""

from __future__ import annotations

import ssl

import pytest

from hub.identity.server_tls import ClientCertificates, TlsFiles, web_context
from hub.pki.authority import Authority


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's context, and a client's."""
    authority = Authority.create(tmp_path_factory.mktemp("pki"), "loghub.test")
    issued = authority.issue_server("hub", ["localhost"])
    files = TlsFiles(authority.bundle, issued.cert, issued.key)
    return web_context(files, ClientCertificates.OPTIONAL), ssl.create_default_context(cafile=authority.bundle)

"""hub.web.server: the port itself, signals, and the whole over TLS."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from hub.core.principal import Role, SpiffeId
from hub.core.websocket_frame import TEXT, frame
from hub.errors import ConfigError
from hub.identity.server_tls import ClientCertificates, TlsFiles, web_context
from hub.pki.authority import Authority
from hub.web.server import WebServer
from tests.web_line import OPTIONS, App, web_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Send = Callable[[dict[str, Any]], Awaitable[None]]


# --- the port --------------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said() -> None:
    """With the setting to change; nothing is left open."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port} cannot be opened: .*web\.port"):
            WebServer(App(), replace(OPTIONS, port=port), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


def test_workers_share_a_port_and_others_do_not() -> None:
    """Only if both sides say so."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        with web_server(App(), replace(OPTIONS, port=port, reuse_port=True)) as server:
            assert server.port == port
        with pytest.raises(ConfigError), web_server(App(), replace(OPTIONS, port=port)):
            pass


def test_signals_are_left_alone() -> None:
    """They are the hub's business."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with web_server(App()) as server, server.capture_signals():
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


async def test_over_tls_the_peers_certificate_comes_in_and_ready_frames_go_out(tmp_path: Path) -> None:
    """On a real connection; a server that stops closes it, and its port."""
    authority = Authority.create(tmp_path, "loghub.test")
    mine = authority.issue_server("hub", ["localhost"])
    yours = authority.issue_client(SpiffeId("loghub.test", "acme", Role.SUBSCRIBER, "desk"))
    app = App()
    files = TlsFiles(authority.bundle, mine.cert, mine.key)
    server = WebServer(app, OPTIONS, web_context(files, ClientCertificates.OPTIONAL))
    serving = asyncio.create_task(server.run_in_loop())
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0)
    tls = ssl.create_default_context(cafile=authority.bundle)
    tls.load_cert_chain(yours.cert, yours.key)
    certificate = x509.load_pem_x509_certificate(yours.cert.read_bytes()).public_bytes(Encoding.DER)
    async with connect(f"wss://localhost:{server.port}/v1/tail", ssl=tls) as client:
        assert client.response
        assert "server" not in client.response.headers
        assert app.scope["extensions"]["tls"] == {"client_cert_der": certificate}
        app.frames.write(frame(TEXT, b"ready"))
        assert await client.recv() == "ready"
        server.should_exit = True
        with pytest.raises(ConnectionClosed):
            await client.recv()
    await serving
    with pytest.raises(OSError, match="Bad file descriptor"):
        assert server.port

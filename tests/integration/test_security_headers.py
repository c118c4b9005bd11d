"""Every answer of the web port, over a real connection, says what a browser must not do with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.web.headers import HEADERS

if TYPE_CHECKING:
    from tests.peers import Site

UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
KEY = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


async def answer(site: Site, raw: bytes) -> tuple[int, list[tuple[str, str]]]:
    """Send bytes as they are; return status and headers of what comes back."""
    port = site.listening.web_port
    reader, writer = await asyncio.open_connection("localhost", port, ssl=site.tls(), limit=2**17)
    writer.write(raw)
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    writer.transport.abort()
    pairs = [line.split(": ", 1) for line in head[1:] if line]
    return int(head[0].split()[1]), [(name.lower(), value) for name, value in pairs]


def request(site: Site, line: str, **headers: str) -> bytes:
    """Return a request; the token in Authorization where it is asked for."""
    given = {"Host": f"localhost:{site.listening.web_port}", **headers}
    if given.get("Authorization") == "good":
        given["Authorization"] = f"Bearer {site.deployment.token('acme')}"
    return "\r\n".join([line, *(f"{name}: {value}" for name, value in given.items()), "", ""]).encode()


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("GET / HTTP/1.1", {}, 200),
        ("HEAD / HTTP/1.1", {}, 200),
        ("GET /static/main.js HTTP/1.1", {}, 200),
        ("GET /healthz HTTP/1.1", {}, 200),
        ("GET /v1/whoami HTTP/1.1", {"Authorization": "good"}, 200),
        ("GET /v1/tail HTTP/1.1", {"Authorization": "good"}, 200),
        ("GET /v1/tail HTTP/1.1", {"Authorization": "good", "Accept": "text/event-stream"}, 200),
        ("GET /v1/whoami HTTP/1.1", {}, 401),
        ("GET /v1/tail HTTP/1.1", {}, 401),
        ("GET /v1/tail HTTP/1.1", {"Authorization": "good", "Origin": "https://evil.example"}, 403),
        ("GET /v1/tail?filter=(((( HTTP/1.1", {"Authorization": "good"}, 400),
        ("GET /v1/tail HTTP/1.1", {"Authorization": "good", "Accept": "image/png"}, 406),
        ("GET /nothing HTTP/1.1", {}, 404),
        ("POST / HTTP/1.1", {"Content-Length": "0"}, 405),
        ("OPTIONS / HTTP/1.1", {}, 200),
        ("GET /v1/tail HTTP/1.1", {**UPGRADE, **KEY}, 401),
        ("GET /v1/tail HTTP/1.1", {**UPGRADE, **KEY, "Authorization": "good", "Origin": "https://evil.example"}, 403),
        ("GET /nothing HTTP/1.1", {**UPGRADE, **KEY}, 404),
        ("GET /v1/tail HTTP/1.1", {**UPGRADE, "Sec-WebSocket-Key": "short"}, 400),
        ("GET /v1/tail HTTP/1.1", {**UPGRADE, **KEY, "Sec-WebSocket-Version": "7"}, 400),
        ("NONSENSE", {}, 400),
        ("GET / HTTP/1.1", {"X-Long": "x" * 40_000}, 431),
    ],
)
async def test_every_answer_is_hardened(site: Site, line: str, headers: dict[str, str], status: int) -> None:
    """Whoever made it: the page, an error, the server below it, a refused WebSocket. Each header stands once."""
    got, pairs = await answer(site, request(site, line, **headers))
    assert got == status
    for name, value in HEADERS.items():
        assert [v for n, v in pairs if n == name.lower()] == [value], name
    assert "server" not in dict(pairs)
    assert "Bearer e" not in str(pairs)

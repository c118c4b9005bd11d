"""One bounded GET over TLS: no redirect is followed, and what is too long or too slow is given up."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httptools

from hub.errors import CertificateError

if TYPE_CHECKING:
    from pathlib import Path

_HEAD_BYTES = 16_384
_READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class GetLimits:
    """Bytes of a body, and seconds from the look-up of the name to the last of them."""

    max_bytes: int
    timeout_seconds: float


def client_tls(ca: Path | None) -> ssl.SSLContext:
    """Return the context of a client; `ca`: whom to trust, None: whom the system trusts.

    CertificateError where the file cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        msg = f"the authority {ca} cannot be used: {error}"
        raise CertificateError(msg) from error


async def https_get(url: str, limits: GetLimits, tls: ssl.SSLContext) -> bytes:
    """Return the body of a response of status 200; CertificateError says why there is none."""
    try:
        async with asyncio.timeout(limits.timeout_seconds):
            return await _get(url, limits.max_bytes, tls)
    except TimeoutError as error:
        msg = f"{url} took longer than {limits.timeout_seconds:g} s"
        raise CertificateError(msg) from error
    except (OSError, ssl.SSLError) as error:
        msg = f"{url} cannot be reached: {error}"
        raise CertificateError(msg) from error


async def _get(url: str, max_bytes: int, tls: ssl.SSLContext) -> bytes:
    parts = urlsplit(url)
    host = parts.hostname or ""
    reader, writer = await asyncio.open_connection(host, parts.port or 443, ssl=tls, server_hostname=host)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
        writer.write(head.encode("ascii"))
        return await _body(reader, url, max_bytes)
    finally:
        writer.transport.abort()  # nothing more is of interest; a close would wait for the peer's


async def _body(reader: asyncio.StreamReader, url: str, max_bytes: int) -> bytes:
    response = _Response()
    parser = httptools.HttpResponseParser(response)
    total = 0
    while not response.complete and (data := await reader.read(_READ_BYTES)):
        total += len(data)
        if total > max_bytes + _HEAD_BYTES or len(response.body) > max_bytes:
            msg = f"{url} answered with more than {max_bytes} bytes"
            raise CertificateError(msg)
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as error:
            msg = f"{url} answered with something that is not HTTP: {error}"
            raise CertificateError(msg) from error
    status = parser.get_status_code()
    if status and status != HTTPStatus.OK:
        msg = f"{url} answered {status}; the address must be that of the keys themselves, redirects are not followed"
        raise CertificateError(msg)
    if not (response.complete or (response.until_end and response.body)):
        msg = f"{url} ended in the middle of its answer"
        raise CertificateError(msg)
    if len(response.body) > max_bytes:
        msg = f"{url} answered with more than {max_bytes} bytes"
        raise CertificateError(msg)
    return bytes(response.body)


class _Response:
    """What httptools tells of a response; `until_end`: nothing but the end of the connection says where it ends."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.complete = False
        self.until_end = True

    def on_header(self, name: bytes, _value: bytes) -> None:
        if name.lower() in {b"content-length", b"transfer-encoding"}:
            self.until_end = False

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True

"""Looking at a running server from outside: TLS versions, chain, name, dates, client certificates, session tickets.

Each answer comes from a handshake of its own, by Python's ssl (OpenSSL). That a server asks for a certificate, or gives
session tickets, is read from its handshake messages (RFC 8446 sections 4.3.2 and 4.6.1): no public call tells.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography import x509

from hub.errors import CertificateError
from hub.pki.inspection import Verdict, days_left, validity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 5.0
# TLS content type, and types of handshake messages.
_HANDSHAKE = 22
_CERTIFICATE_REQUEST, _NEW_SESSION_TICKET = 13, 4
# As OpenSSL numbers what is wrong with a chain.
_HOSTNAME_MISMATCH, _IP_MISMATCH = 62, 64
_HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000 04 00 00000000")


@dataclass(frozen=True, slots=True)
class Target:
    """A port of a server; `grpc`: one that must ask for certificates and speaks HTTP/2."""

    host: str
    port: int
    grpc: bool

    @classmethod
    def of_url(cls, url: str) -> Target:
        """Read `https://host[:port]` or `wss://…`; CertificateError for anything else."""
        return cls._of(url, {"https", "wss"}, "https://host:port", grpc=False)

    @classmethod
    def of_endpoint(cls, endpoint: str) -> Target:
        """Read `host:port`."""
        return cls._of(f"grpc://{endpoint}", {"grpc"}, "host:port", grpc=True)

    @classmethod
    def _of(cls, url: str, schemes: set[str], form: str, *, grpc: bool) -> Target:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or (0 if grpc else 443)
        except ValueError:
            host, port = "", 0
        if not host or not port or parts.scheme not in schemes:
            msg = f"{url.removeprefix('grpc://')!r} is not {form}"
            raise CertificateError(msg)
        return cls(host, port, grpc)

    @property
    def hello(self) -> bytes:
        """What to say to be answered."""
        request = f"GET / HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nConnection: close\r\n\r\n"
        return _HTTP2_HELLO if self.grpc else request.encode()


@dataclass(frozen=True, slots=True)
class Client:
    """Who looks: the bundle that is trusted, a client's certificate if there is one, the days that must be left."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None
    min_days: float = 0.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one TLS 1.3 handshake showed. `refusal` is what the server said after it, if it did not answer."""

    certificate: x509.Certificate
    asked: bool
    tickets: int
    refusal: str


def probe(target: Target, client: Client) -> Iterator[Verdict]:
    """Look at a server; yields a verdict for each property. CertificateError where own files cannot be used."""
    try:
        seen = _look(target, client)
    except OSError as error:
        yield Verdict("TLS 1.3", "", f"no handshake with {target.host} port {target.port}: {_reason(error)}")
        yield _old_versions(target)
        return
    yield Verdict("TLS 1.3", "spoken")
    yield _old_versions(target)
    yield from _verified(target, client)
    left = days_left(seen.certificate)
    short = f"{left:.0f} days left, less than {client.min_days:g}" if 0 < left < client.min_days else ""
    yield Verdict("certificate", validity(seen.certificate), "expired" if left <= 0 else short)
    yield _asking(target, client, seen)
    yield _tickets(target, seen)


def _look(target: Target, client: Client) -> _Seen:
    """Shake hands without judging, say hello, and read until there is an answer."""
    counts: dict[int, int] = {}

    def on_message(_: object, direction: str, __: object, content: int, kind: int, ___: bytes) -> None:
        if direction == "read" and content == _HANDSHAKE:
            counts[kind] = counts.get(kind, 0) + 1

    context = _context(ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)
    _show(context, client)
    context._msg_callback = on_message  # type: ignore[attr-defined]  # noqa: SLF001  see the module's docstring
    refusal = ""
    with _connected(target, context) as connection:
        der = connection.getpeercert(binary_form=True) or b""
        try:
            connection.sendall(target.hello)
            refusal = "" if connection.recv(1) else "the connection was closed"
        except OSError as error:
            refusal = _reason(error)
    asked = counts.get(_CERTIFICATE_REQUEST, 0) > 0
    return _Seen(x509.load_der_x509_certificate(der), asked, counts.get(_NEW_SESSION_TICKET, 0), refusal)


def _old_versions(target: Target) -> Verdict:
    """Offer everything up to TLS 1.2, with every cipher there is."""
    context = _context(ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        with _connected(target, context) as connection:
            return Verdict("TLS 1.2", "", f"{connection.version()} is spoken: only TLS 1.3 should be")
    except (ssl.SSLError, ConnectionResetError):
        return Verdict("TLS 1.2", "refused, and older ones")
    except OSError as error:
        return Verdict("TLS 1.2", "", f"cannot be tried: {_reason(error)}")


def _verified(target: Target, client: Client) -> Iterator[Verdict]:
    """Shake hands as a client does that trusts the bundle and looks for this name."""
    context = _context(ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)
    _show(context, client)
    try:
        context.load_verify_locations(client.ca)
    except (ssl.SSLError, OSError) as error:
        msg = f"the bundle {client.ca} cannot be used: {_reason(error)}; give another with --ca"
        raise CertificateError(msg) from error
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    chain, name = f"leads to {client.ca}", f"is of {target.host}"
    try:
        with _connected(target, context):
            yield Verdict("chain", chain)
            yield Verdict("name", name)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in {_HOSTNAME_MISMATCH, _IP_MISMATCH}:
            yield Verdict("chain", chain)
            yield Verdict("name", "", f"the certificate is not of {target.host}")
        else:
            yield Verdict("chain", "", error.verify_message)
    except OSError as error:
        yield Verdict("chain", "", _reason(error))


def _asking(target: Target, client: Client, seen: _Seen) -> Verdict:
    what = "client certificate"
    if not seen.asked:
        problem = "not asked for: producers could not be told apart" if target.grpc else ""
        return Verdict(what, "not asked for: peers show a token", problem)
    if client.cert is None:
        if seen.refusal:
            return Verdict(what, f"required ({seen.refusal})")
        problem = "asked for, but not required" if target.grpc else ""
        return Verdict(what, "asked for, not required", problem)
    return Verdict(
        what, f"{client.cert} is accepted", f"{client.cert} is refused: {seen.refusal}" if seen.refusal else ""
    )


def _tickets(target: Target, seen: _Seen) -> Verdict:
    """Judge tickets: gRPC has no switch for them, and keeps the client's certificate with a session."""
    if seen.tickets and target.grpc:
        return Verdict("session tickets", f"{seen.tickets} given, as gRPC always does; calls are checked one by one")
    if seen.tickets:
        return Verdict("session tickets", "", f"{seen.tickets} given: a resumed session escapes revocation")
    if seen.asked and seen.refusal:
        return Verdict("session tickets", "none up to the refusal; give --cert and --key to see behind it")
    return Verdict("session tickets", "none")


def _show(context: ssl.SSLContext, client: Client) -> None:
    if client.cert is None:
        return
    try:
        context.load_cert_chain(client.cert, client.key)
    except (ssl.SSLError, OSError) as error:
        msg = f"TLS cannot use {client.cert} with {client.key or 'its key'}: {_reason(error)}"
        raise CertificateError(msg) from error


def _context(lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> ssl.SSLContext:
    """Return a context that judges nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version, context.maximum_version = lowest, highest
    return context


@contextmanager
def _connected(target: Target, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    context.set_alpn_protocols(["h2"] if target.grpc else ["http/1.1"])
    with (
        socket.create_connection((target.host, target.port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=target.host) as connection,
    ):
        yield connection


def _reason(error: OSError) -> str:
    """Return what went wrong, for people."""
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return reason.replace("_", " ").lower() if reason.isupper() else reason

"""Where a gRPC call comes from."""

from __future__ import annotations

import socket
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

# IPv4 as IPv6, as one socket for both has it (RFC 4291 section 2.5.5.2).
MAPPED = b"\0" * 10 + b"\xff\xff"


class Peer(NamedTuple):
    """The address of a peer, and its port; `host` is an address of IPv6."""

    host: bytes
    port: int

    @staticmethod
    def of(address: str) -> Peer:
        """Return what `peer_address` wrote; anything but an address becomes a host that no connection has."""
        host, _, port = address.rpartition(":")
        host = host.strip("[]").partition("%")[0]
        try:
            if ":" in host:
                return Peer(socket.inet_pton(socket.AF_INET6, host), int(port))
            return Peer(MAPPED + socket.inet_pton(socket.AF_INET, host), int(port))
        except (OSError, ValueError):
            return Peer(address.encode(), 0)

    def __str__(self) -> str:
        """Return the address as text."""
        known = IPv6Address(self.host)
        return f"{known.ipv4_mapped}:{self.port}" if known.ipv4_mapped else f"[{known}]:{self.port}"


def peer_address(context: ServicerContext[bytes, bytes]) -> str:
    """Return the peer's address and port, such as `192.0.2.7:51234` or `[2001:db8::7]:51234`."""
    scheme, _, address = unquote(context.peer()).partition(":")
    return address if scheme in ("ipv4", "ipv6") else f"{scheme}:{address}"

"""Where a gRPC call comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from grpc.aio import ServicerContext


def peer_address(context: ServicerContext[bytes, bytes]) -> str:
    """Return the peer's address and port, such as `192.0.2.7:51234` or `[2001:db8::7]:51234`."""
    scheme, _, address = unquote(context.peer()).partition(":")
    return address if scheme in ("ipv4", "ipv6") else f"{scheme}:{address}"

"""hub.rpc.peer: gRPC's names of peers, as people know them."""

from __future__ import annotations

from typing import Any

import pytest

from hub.rpc.peer import peer_address


class Call:
    """A call from somewhere."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def peer(self) -> str:
        """Return the peer as grpc names it."""
        return self._peer


@pytest.mark.parametrize(
    ("named", "address"),
    [
        ("ipv4:192.0.2.7:51234", "192.0.2.7:51234"),
        ("ipv6:%5B2001:db8::7%5D:51234", "[2001:db8::7]:51234"),
        ("unix:/run/loghub", "unix:/run/loghub"),
    ],
)
def test_a_peer_is_an_address_and_a_port(named: str, address: str) -> None:
    """Without the scheme and its escapes."""
    call: Any = Call(named)
    assert peer_address(call) == address

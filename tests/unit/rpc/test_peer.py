"""hub.rpc.peer: gRPC's names of peers, as people know them."""

from __future__ import annotations

from typing import Any

import pytest

from hub.rpc.peer import Peer, peer_address


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


@pytest.mark.parametrize("address", ["192.0.2.7:51234", "[2001:db8::7]:51234", "[::1]:1"])
def test_an_address_is_one_of_ipv6_and_back(address: str) -> None:
    """So that a call finds its connection, whose socket may be of either kind."""
    assert str(Peer.of(address)) == address


def test_one_peer_has_one_address() -> None:
    """However it is written."""
    assert Peer.of("[::ffff:192.0.2.7]:5") == Peer.of("192.0.2.7:5")
    assert Peer.of("[fe80::1%eth0]:5") == Peer.of("[fe80::1]:5")


@pytest.mark.parametrize("address", ["unix:/run/loghub", "", "192.0.2.7", "192.0.2.7:x", "[::1]"])
def test_what_is_no_address_is_nobody_s(address: str) -> None:
    """No connection has it, and calls of the same one still belong together."""
    assert Peer.of(address) == Peer.of(address)
    assert Peer.of(address).port == 0

"""Why a hub cannot be reached, in words that say what to do; gRPC itself tells no more than how its handshake ended."""

from __future__ import annotations

# What gRPC says, and what that means for whoever connects with certificates.
_MEANINGS = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        "the hub's certificate is not of the authority that --ca names: use the bundle of the hub's deployment",
    ),
    ("Peer name", "the hub's certificate is not for this name: use one that it is issued for"),
    (
        "Socket closed",
        "the hub closed the connection: it may not trust the certificate that was shown, or has revoked it",
    ),
    ("Connection refused", "nothing listens there: start the hub, or name another endpoint"),
)


def reason_of(details: str) -> str:
    """Return the details of a call that failed, led by what they mean where that is known."""
    for sign, meaning in _MEANINGS:
        if sign in details:
            return f"{meaning}; {details}"
    return details

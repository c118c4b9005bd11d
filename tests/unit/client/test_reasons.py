"""hub.client.reasons: what gRPC says of a connection that fails, and what that means."""

from __future__ import annotations

import pytest

from hub.client.reasons import reason_of

# As grpcio 1.85 says it.
FOREIGN_HUB = (
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:4317: Tls handshake failed "
    "(TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: "
    "unable to get local issuer certificate: OK"
)
NOT_TRUSTED = "failed to connect to all addresses; last error: UNAVAILABLE: ipv4:127.0.0.1:4317: Socket closed"
NOBODY = "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: connect: Connection refused (111)"


@pytest.mark.parametrize(
    ("details", "meaning"),
    [
        (FOREIGN_HUB, "the hub's certificate is not of the authority that --ca names"),
        (NOT_TRUSTED, "it may not trust the certificate that was shown, or has revoked it"),
        (NOBODY, "nothing listens there"),
    ],
)
def test_what_is_known_is_led_by_its_meaning(details: str, meaning: str) -> None:
    """And is still told to the letter."""
    assert meaning in reason_of(details).removesuffix(details)
    assert reason_of(details).endswith(f"; {details}")


def test_anything_else_is_told_as_it_is() -> None:
    """A guess would mislead."""
    assert reason_of("UNAVAILABLE: the hub is shutting down") == "UNAVAILABLE: the hub is shutting down"

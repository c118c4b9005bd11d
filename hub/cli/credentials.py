"""The certificate files of commands that connect to the gRPC port, looked at before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.client.producer import Target
from hub.errors import ConfigError
from hub.pki.files import read_certificates
from hub.pki.inspection import client_problem

if TYPE_CHECKING:
    from pathlib import Path


def target_of(endpoint: str, ca: Path | None, cert: Path | None, key: Path | None) -> Target:
    """Return where to connect to and as who.

    ConfigError says what is wrong with a file: a handshake that fails tells the client no more than that it failed.
    CertificateError where one holds no certificate.
    """
    if ca is None or cert is None or key is None:
        msg = "--ca, --cert and --key are needed to connect to a hub: issue certificates with 'loghub certs issue'"
        raise ConfigError(msg)
    for path in (ca, cert, key):
        if not path.is_file():
            msg = f"{path} does not exist: issue certificates with 'loghub certs issue'"
            raise ConfigError(msg)
    read_certificates(ca)
    problem = client_problem(cert, key)
    if problem:
        msg = f"{cert} is of no use to a client: {problem}; issue another with 'loghub certs issue'"
        raise ConfigError(msg)
    return Target(endpoint, ca, cert, key)

"""hub.cli.credentials: files that no handshake would succeed with are refused beforehand, in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hub.cli.credentials import target_of
from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError, ConfigError
from hub.pki.authority import Authority, Issued
from hub.pki.files import certificates_pem, key_pem
from hub.pki.profile import client_profile, leaf_certificate

ENDPOINT = "localhost:4317"
_MINUTE = 1 / 1440


@dataclass(frozen=True, slots=True)
class Files:
    """Those of a client, and of others."""

    ca: Path
    cert: Path
    key: Path
    other_key: Path
    hub: Path
    hub_key: Path
    ended: Path
    ended_key: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """What an authority has issued, a certificate that has ended among it."""
    made = Authority.create(tmp_path_factory.mktemp("made") / "pki", "loghub.test")
    one, other, third = (SpiffeId("loghub.test", "acme", Role.PRODUCER, name) for name in ("one", "other", "third"))
    pair, other_pair, hub = made.issue_client(one), made.issue_client(other), made.issue_server("hub", ["localhost"])
    ended, key = Issued.at(made.folder / "ended.pem"), ec.generate_private_key(ec.SECP256R1())
    ended.cert.write_bytes(
        certificates_pem(leaf_certificate(client_profile(third), key.public_key(), -_MINUTE, made.current.signer))
    )
    ended.key.write_bytes(key_pem(key))
    return Files(made.bundle, pair.cert, pair.key, other_pair.key, hub.cert, hub.key, ended.cert, ended.key)


def test_files_that_fit_are_taken(files: Files) -> None:
    """As they are."""
    target = target_of(ENDPOINT, files.ca, files.cert, files.key)
    assert (target.endpoint, target.ca, target.cert, target.key) == (ENDPOINT, files.ca, files.cert, files.key)


@pytest.mark.parametrize("missing", range(3))
def test_each_file_is_needed(files: Files, missing: int) -> None:
    """And must be there."""
    given: list[Path | None] = [files.ca, files.cert, files.key]
    given[missing] = None
    with pytest.raises(ConfigError, match="--ca, --cert and --key"):
        target_of(ENDPOINT, *given)
    given[missing] = Path("nowhere.pem")
    with pytest.raises(ConfigError, match=r"nowhere\.pem does not exist"):
        target_of(ENDPOINT, *given)


@pytest.mark.parametrize(
    ("cert", "key", "problem"),
    [
        ("cert", "other_key", r"producer-one\.pem .*: producer-other\.key is not its key; issue another"),
        ("hub", "hub_key", r"hub\.pem .*: is a hub's own certificate, not a client's; issue another"),
        ("ended", "ended_key", r"ended\.pem .*: expired on \d{4}-\d\d-\d\d; issue another"),
        ("cert", "cert", r"producer-one\.pem is not a PEM private key"),
    ],
)
def test_a_pair_that_no_hub_takes_is_refused_with_what_to_do(files: Files, cert: str, key: str, problem: str) -> None:
    """The file is named."""
    with pytest.raises(ConfigError, match=problem):
        target_of(ENDPOINT, files.ca, getattr(files, cert), getattr(files, key))


@pytest.mark.parametrize("place", [0, 1])
def test_what_is_no_certificate_is_said(files: Files, place: int) -> None:
    """Whichever of the files it is."""
    given = [files.ca, files.cert, files.key]
    given[place] = files.key
    with pytest.raises(CertificateError, match=r"is not a PEM certificate"):
        target_of(ENDPOINT, *given)

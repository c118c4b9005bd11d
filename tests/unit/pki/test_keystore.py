"""hub.pki.keystore: PKCS#12 with key, leaf and chain, and a password that nobody else reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError
from hub.pki.files import read_certificates
from hub.pki.keystore import check_new, password_file, write_store

if TYPE_CHECKING:
    from pathlib import Path

    from hub.pki.authority import Authority

ORDERS = SpiffeId("loghub.test", "acme", Role.PRODUCER, "orders")


@pytest.mark.parametrize("given", [None, "secret\nnot this\n", "windows\r\n"])
def test_a_store_holds_the_pair_and_its_chain(authority: Authority, tmp_path: Path, given: str | None) -> None:
    """Under the password that was given, or one that was made."""
    issued, store = authority.issue_client(ORDERS), tmp_path / "orders.p12"
    path = None
    if given is not None:
        path = tmp_path / "password"
        path.write_text(given)
    written = write_store(store, issued, path)
    assert written == (path or password_file(store))
    password = (given or written.read_text()).split("\n")[0].rstrip("\r")
    assert len(password) >= 6
    found = pkcs12.load_pkcs12(store.read_bytes(), password.encode())
    assert found.cert
    assert found.cert.friendly_name == b"producer-orders"
    chain = [found.cert.certificate, *(one.certificate for one in found.additional_certs)]
    assert chain == read_certificates(issued.cert)
    key = load_pem_private_key(issued.key.read_bytes(), None)
    assert found.key
    assert found.key.public_key() == key.public_key()
    assert store.stat().st_mode & 0o777 == 0o600
    assert given is not None or written.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="Invalid password"):
        pkcs12.load_pkcs12(store.read_bytes(), b"other")


def test_nothing_is_overwritten(authority: Authority, tmp_path: Path) -> None:
    """Unless it is renewed; then the password stays."""
    issued, store = authority.issue_client(ORDERS), tmp_path / "orders.p12"
    check_new(store, None)
    password = write_store(store, issued, None)
    before = store.read_bytes(), password.read_bytes()
    for act in (lambda: check_new(store, None), lambda: write_store(store, issued, None)):
        with pytest.raises(CertificateError, match="exists and is not overwritten"):
            act()
    assert (store.read_bytes(), password.read_bytes()) == before
    write_store(store, issued, None, replace=True)
    assert store.read_bytes() != before[0]
    assert password.read_bytes() == before[1]
    store.unlink()
    with pytest.raises(CertificateError, match=r"orders\.p12\.password exists"):
        check_new(store, None)


def test_what_cannot_be_used_is_said(authority: Authority, tmp_path: Path) -> None:
    """Before anything is issued."""
    issued, store, empty = authority.issue_client(ORDERS), tmp_path / "a.p12", tmp_path / "empty"
    empty.write_text("\nsecond line")
    with pytest.raises(CertificateError, match=r"the first line of the password file .* is empty"):
        check_new(store, empty)
    with pytest.raises(CertificateError, match=r"the password file .* cannot be read: No such file"):
        check_new(store, tmp_path / "none")
    issued.key.write_bytes(b"junk")
    with pytest.raises(CertificateError, match="is not a PEM private key"):
        write_store(store, issued, None)
    issued.key.unlink()
    with pytest.raises(CertificateError, match="a PKCS#12 file is made where the key is"):
        write_store(tmp_path / "b.p12", issued, None)
    assert not store.exists()

"""hub.pki.rotation: a new root beside the old one, wherever a crash cuts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError
from hub.pki import rotation
from hub.pki.constraints import constraints_of, name_constraints
from hub.pki.files import read_certificates
from hub.pki.inspection import Trust, problem_of
from hub.pki.profile import Algorithm, algorithm_of
from hub.pki.renewal import Renewal, renew
from hub.pki.revocation import revoke
from hub.pki.revocation_list import read_lists
from hub.pki.tokens import create_token_keys

if TYPE_CHECKING:
    from pathlib import Path

    from hub.pki.authority import Authority, Issued

ORDERS = SpiffeId("loghub.test", "acme", Role.PRODUCER, "orders")


def problem(authority: Authority, issued: Issued) -> str:
    """Return what is wrong with a leaf for who has the bundle and the lists."""
    leaf, *rest = read_certificates(issued.cert)
    return problem_of(leaf, rest, Trust(read_certificates(authority.bundle), read_lists(authority.lists[1])))


def test_from_the_old_root_to_the_new(authority: Authority) -> None:
    """Names, kinds of keys and constraints are taken over; tokens stay."""
    tokens = create_token_keys(authority.folder / "tokens")
    kept = tokens.private.read_bytes()
    old = authority.current
    issued = authority.issue_client(ORDERS)
    new = rotation.begin(authority.folder)
    assert read_certificates(new.bundle) == [new.current.root, old.root]
    assert new.previous
    assert new.previous.root == old.root
    assert new.current.root.subject != old.root.subject
    assert new.current.signer.certificate.subject != old.signer.certificate.subject
    assert constraints_of(new.current.signer.certificate) == constraints_of(old.signer.certificate)
    assert (new.trust_domain, algorithm_of(new.current.signer.key)) == ("loghub.test", Algorithm.P256)
    assert [one.line.identity for one in rotation.unfinished(new)] == [str(ORDERS)]
    with pytest.raises(CertificateError, match=r"1 certificates of the old authority are still in use, as spiffe"):
        rotation.finish(authority.folder)
    assert problem(new, issued) == ""
    renew(new, issued.cert, Renewal())
    assert problem(new, issued) == ""
    done = rotation.finish(authority.folder)
    assert read_certificates(done.bundle) == [new.current.root]
    assert problem(done, issued) == ""
    assert done.previous is None
    assert sorted(path.name for path in (authority.folder / "ca").iterdir() if path.is_dir()) == ["retired-1"]
    assert tokens.private.read_bytes() == kept
    third = rotation.begin(authority.folder)
    assert "root 3 loghub.test" in third.current.root.subject.rfc4514_string()


def test_what_is_not_renewed_is_void_once_it_is_forced(authority: Authority) -> None:
    """And it can be renewed yet: the authority knows its own."""
    issued = authority.issue_client(ORDERS)
    rotation.begin(authority.folder)
    done = rotation.finish(authority.folder, force=True)
    assert problem(done, issued) == "its chain does not lead to an authority of the bundle"
    assert [one.void for one in done.entries()] == [False, False, True]
    renew(done, issued.cert, Renewal())
    assert problem(done, issued) == ""


def test_lists_of_both_are_written_until_it_is_finished(authority: Authority) -> None:
    """Each behind its signer, so that a hub with the other's chain reads it."""
    before = authority.issue_client(ORDERS)
    new = rotation.begin(authority.folder)
    after = new.issue_server("hub", ["a.test"])
    revoke(new, [str(before.cert), str(after.cert)], "superseded")
    assert [len(crl) for crl in read_lists(new.lists[1])] == [1, 1]
    assert read_certificates(new.lists[1]) == [new.current.signer.certificate, authority.current.signer.certificate]
    assert problem(new, before).startswith("was revoked on")
    assert problem(new, after).startswith("was revoked on")
    done = rotation.finish(authority.folder)
    assert [crl.issuer for crl in read_lists(done.lists[1])] == [new.current.signer.certificate.subject]
    assert read_certificates(done.lists[1]) == [new.current.signer.certificate]


def test_kinds_and_names_may_change(authority: Authority) -> None:
    """For the new generation alone."""
    constraints = name_constraints("loghub.test", ["example.com"])
    new = rotation.begin(authority.folder, algorithm=Algorithm.P384, constraints=constraints)
    leaf = read_certificates(new.issue_client(ORDERS).cert)[0]
    assert algorithm_of(leaf.public_key()) is Algorithm.P384
    assert leaf.signature_hash_algorithm
    assert leaf.signature_hash_algorithm.name == "sha384"
    with pytest.raises(CertificateError, match=r"only for example\.com"):
        new.issue_server("hub", ["a.test"])


def test_the_old_root_vouches_for_the_new_if_told_to(authority: Authority) -> None:
    """Leaves' files then end with its word, until the rotation is finished."""
    old = authority.current
    new = rotation.begin(authority.folder, cross_sign=True)
    issued = new.issue_client(ORDERS)
    leaf, *rest = read_certificates(issued.cert)
    assert rest == [*new.current.chain]
    assert len(rest) == 2
    for roots in ([old.root], [new.current.root]):
        assert problem_of(leaf, rest, Trust(roots)) == ""
    vouched = rest[1].extensions.get_extension_for_class(x509.BasicConstraints).value
    assert vouched == x509.BasicConstraints(ca=True, path_length=1)
    done = rotation.finish(authority.folder)
    assert len(read_certificates(done.issue_server("hub", ["a.test"]).cert)) == 2
    assert not (authority.folder / "ca" / "cross.pem").exists()
    assert (authority.folder / "ca" / "retired-1" / "vouched.pem").exists()


def test_a_root_whose_key_is_away_vouches_for_nothing(authority: Authority) -> None:
    """But may be replaced."""
    (authority.folder / "ca" / "root.key").unlink()
    with pytest.raises(CertificateError, match=r"root\.key cannot be used .*or rotate without --cross-sign"):
        rotation.begin(authority.folder, cross_sign=True)
    assert not (authority.folder / "ca" / "next").exists()
    assert rotation.begin(authority.folder).previous


def test_what_makes_no_sense_is_said(authority: Authority, tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(CertificateError, match=r"no rotation of .* is under way: begin one"):
        rotation.finish(authority.folder)
    rotation.begin(authority.folder)
    with pytest.raises(CertificateError, match="is under way: end it with"):
        rotation.begin(authority.folder)
    with pytest.raises(CertificateError, match="holds no usable authority"):
        rotation.begin(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()

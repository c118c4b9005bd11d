"""What decides who may be here follows its files, and keeps what was good where they are damaged."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from hub.core.principal import Principal, Role, Scope, SpiffeId
from hub.core.revocation import Kind, Revocation
from hub.errors import CertificateError, ConfigError, RevokedError
from hub.identity.access import Access
from hub.identity.revoked_file import RevokedFile
from hub.identity.server_tls import ClientCertificates, ServerTls, TlsFiles
from hub.pki.authority import Authority, Issued

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALICE = Principal("acme", "alice", frozenset({Scope.READ}), token_id="t-1")


class Observed:
    """Keeps what it was told; `hub.identity.access.Observer`."""

    def __init__(self) -> None:
        self.reloads: list[tuple[str, bool]] = []
        self.ends = 0.0
        self.revocations = 0

    def reloaded(self, what: str, *, failed: bool) -> None:
        """Keep it."""
        self.reloads.append((what, failed))

    def access(self, certificate_ends: float, crl_ends: float | None, revocations: int) -> None:
        """Keep it."""
        assert crl_ends is None
        self.ends, self.revocations = certificate_ends, revocations


class Site:
    """Files of a hub, and what it makes of them."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority.create(folder / "pki", "loghub.test")
        first = self.authority.issue_server("hub", ["localhost"])
        self.second = self.authority.issue_server("next", ["localhost"], days=30)
        self.files = TlsFiles(self.authority.bundle, first.cert, first.key)
        self.list = RevokedFile(folder / "data" / "revoked.jsonl")
        self.tls = ServerTls(self.files, ClientCertificates.OPTIONAL)
        self.observed = Observed()
        self.access = Access(self.tls, self.files.paths, self.list, self.observed)
        self.rechecks = 0
        self.rechecked = asyncio.Event()
        self.access.on_change(self._recheck)

    def _recheck(self, check: Callable[[Principal], None]) -> None:
        assert check == self.access.check
        self.rechecks += 1
        self.rechecked.set()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A hub's files."""
    return Site(tmp_path)


def replace_pair(files: TlsFiles, new: Issued) -> None:
    """Put a certificate and key in the place of the old ones, as a renewal does."""
    for source, target in ((new.cert, files.cert), (new.key, files.key)):
        scratch = target.with_suffix(".new")
        scratch.write_bytes(source.read_bytes())
        os.replace(scratch, target)  # noqa: PTH105  the point is the rename


async def test_without_a_change_nothing_is_read(site: Site) -> None:
    """Looking is cheap, and tells nobody."""
    for _ in range(3):
        site.access.look()
    assert (site.observed.reloads, site.rechecks) == ([], 0)


async def test_a_new_certificate_is_served_from_then_on(site: Site) -> None:
    """On both ports; the end of the new one is on the metrics, and streams are checked again."""
    context, material, ends = site.tls.context.current, site.tls.material, site.observed.ends
    replace_pair(site.files, site.second)
    site.access.look()
    assert site.tls.context.current is not context
    assert site.tls.material.cert == site.second.cert.read_bytes() != material.cert
    assert site.observed.ends < ends
    assert (site.observed.reloads, site.rechecks) == ([("tls", False)], 1)


async def test_half_a_pair_changes_nothing(site: Site) -> None:
    """The certificate without its key is refused; with the key comes the change."""
    material, context = site.tls.material, site.tls.context.current
    site.files.cert.write_bytes(site.second.cert.read_bytes())
    site.access.look()
    assert (site.tls.material, site.tls.context.current) == (material, context)
    assert (site.observed.reloads, site.rechecks) == ([("tls", True)], 0)
    site.access.look()
    assert site.observed.reloads == [("tls", True)], "the same damage is told once"
    site.files.key.write_bytes(site.second.key.read_bytes())
    site.access.look()
    assert site.tls.material.key == site.second.key.read_bytes()
    assert site.observed.reloads == [("tls", True), ("tls", False)]


@pytest.mark.parametrize("damage", ["gone", "empty", "garbage"])
async def test_a_damaged_file_changes_nothing(site: Site, damage: str) -> None:
    """Whichever it is; the hub serves on with what it has."""
    for path in site.files.paths:
        good, material = path.read_bytes(), site.tls.material
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes({"empty": b"", "garbage": b"-----BEGIN"}[damage])
        site.access.look()
        assert site.tls.material is material
        path.write_bytes(good)
        site.access.look()
    assert site.observed.reloads == [("tls", True), ("tls", False)] * 3


async def test_an_authority_can_be_taken_out_of_the_bundle(site: Site, tmp_path: Path) -> None:
    """A context cannot forget one, so that there must be another one."""
    other = Authority.create(tmp_path / "other", "loghub.test")
    site.files.ca.write_bytes(site.files.ca.read_bytes() + other.bundle.read_bytes())
    site.access.look()
    assert len(site.tls.context.current.get_ca_certs()) == 2
    site.files.ca.write_bytes(other.bundle.read_bytes())
    site.access.look()
    assert len(site.tls.context.current.get_ca_certs()) == 1


async def test_what_is_revoked_is_refused_at_once(site: Site) -> None:
    """Streams are checked when it returns, and it is on disk."""
    site.access.check(ALICE)
    await site.access.revoke(Revocation(Kind.TOKEN, "t-1", 1.0, "acme"))
    with pytest.raises(RevokedError):
        site.access.check(ALICE)
    assert site.rechecks == 1
    assert site.list.read() == site.access.revocations
    assert site.observed.revocations == 1


async def test_what_another_process_revokes_is_seen(site: Site) -> None:
    """A worker, or the command on the same machine."""
    RevokedFile(site.list.path).append(Revocation(Kind.TOKEN, "t-1", 1.0))
    site.access.check(ALICE)
    site.access.look()
    with pytest.raises(RevokedError):
        site.access.check(ALICE)


async def test_a_damaged_list_forgets_nothing(site: Site) -> None:
    """What was revoked stays so; a hub that starts with it does not start."""
    site.list.append(Revocation(Kind.TOKEN, "t-1", 1.0))
    site.access.look()
    site.list.path.write_text("damage\n")
    site.access.look()
    assert site.observed.reloads == [("revocations", False), ("revocations", True)]
    with pytest.raises(RevokedError):
        site.access.check(ALICE)
    with pytest.raises(ConfigError, match="line 1"):
        Access(site.tls, site.files.paths, site.list, site.observed)


async def test_what_was_revoked_before_the_start_is_known(site: Site) -> None:
    """And what has ended by itself is forgotten."""
    site.list.append(Revocation(Kind.TOKEN, "old", 1.0, until=2.0))
    site.list.append(Revocation(Kind.TOKEN, "t-1", 1.0))
    again = Access(site.tls, site.files.paths, site.list, site.observed)
    assert [entry.id for entry in again.revocations] == ["t-1"]
    with pytest.raises(RevokedError):
        again.check(ALICE)


async def test_all_is_looked_at_from_time_to_time_and_at_once_when_hurried(site: Site) -> None:
    """The interval bounds how late a change is seen; a signal reads all, changed or not."""
    task = asyncio.create_task(site.access.run(0.01))
    site.list.append(Revocation(Kind.TOKEN, "t-1", 1.0))
    async with asyncio.timeout(5):
        await site.rechecked.wait()
    site.rechecked.clear()
    assert site.observed.reloads == [("revocations", False)]
    site.access.hurry()
    async with asyncio.timeout(5):
        await site.rechecked.wait()
    assert site.observed.reloads[1:] == [("tls", False), ("revocations", False)]
    task.cancel()


def test_a_hub_does_not_start_without_its_lists(tmp_path: Path) -> None:
    """A configured list that is missing would let revoked certificates in."""
    authority = Authority.create(tmp_path / "pki", "loghub.test")
    server = authority.issue_server("hub", ["localhost"])
    authority.issue_client(SpiffeId("loghub.test", "acme", Role.PRODUCER, "orders"))
    files = TlsFiles(authority.bundle, server.cert, server.key, tmp_path / "crl.pem")
    with pytest.raises(CertificateError, match=r"crl\.pem cannot be read"):
        ServerTls(files, ClientCertificates.OPTIONAL)

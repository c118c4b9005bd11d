"""hub.identity.key_file: keys follow their file, and a damaged one changes nothing."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hub.errors import CertificateError
from hub.identity.key_file import KeyFile
from hub.identity.tokens import Keyring, load_keys
from tests.fakes import FakeKeyObserver
from tests.forge import public_pem

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO = (public_pem(ec.generate_private_key(ec.SECP256R1())) for _ in range(2))


class World:
    """A file of keys, and who keeps a keyring by it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "verify.pem"
        self.path.write_bytes(ONE)
        self.ring = Keyring()
        self.observer = FakeKeyObserver()
        self.file = KeyFile(self.path, load_keys, self.ring, self.observer, 0.001)

    @property
    def pem(self) -> bytes:
        """The key that is in force."""
        return {repr(load_keys_of(pem, self.path.parent)): pem for pem in (ONE, TWO)}[repr(numbers(self.ring))]


def numbers(ring: Keyring) -> list[int]:
    """Return what tells keys apart."""
    return [key.key.public_numbers().x for key in ring.keys if isinstance(key.key, ec.EllipticCurvePublicKey)]


def load_keys_of(pem: bytes, folder: Path) -> list[int]:
    """Return the same of a PEM text."""
    path = folder / "other.pem"
    path.write_bytes(pem)
    return numbers(Keyring(load_keys(path)))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a file with one key that has been read."""
    return World(tmp_path)


def test_the_keys_are_there_at_once(world: World) -> None:
    """A hub does not start without."""
    assert world.pem == ONE
    assert world.observer.said == ["1 in force"]
    world.path.unlink()
    with pytest.raises(CertificateError, match="cannot be read"):
        KeyFile(world.path, load_keys, Keyring(), world.observer, 1.0)


def test_a_file_that_did_not_change_is_not_read_again(world: World) -> None:
    """It is looked at twice a second."""
    assert not world.file.reload_if_changed()
    assert world.observer.said == ["1 in force"]


@pytest.mark.parametrize("replace", [True, False])
def test_a_new_key_takes_the_place_of_the_old_one(world: World, *, replace: bool) -> None:
    """Written over, or another file moved there; the old one is forgotten."""
    if replace:
        other = world.path.with_name("new.pem")
        other.write_bytes(TWO)
        other.replace(world.path)
    else:
        world.path.write_bytes(TWO)
        os.utime(world.path, ns=(1, 1))
    assert world.file.reload_if_changed()
    assert world.pem == TWO
    assert len(world.ring.keys) == 1


@pytest.mark.parametrize("damage", [b"", ONE[:-40], b"junk", None])
def test_a_damaged_file_changes_nothing_and_is_said_once(
    world: World, caplog: pytest.LogCaptureFixture, damage: bytes | None
) -> None:
    """Emptied, torn, something else, gone: the last good keys stay until it is mended."""
    if damage is None:
        world.path.unlink()
    else:
        world.path.write_bytes(damage)
    world.file.reload_if_changed()
    world.file.reload_if_changed()
    assert world.pem == ONE
    assert world.observer.said == ["1 in force", "refused"]
    assert [record.getMessage() for record in caplog.records] == ["token_keys_refused"]
    world.path.write_bytes(TWO)
    assert world.file.reload_if_changed()
    assert world.pem == TWO


async def test_an_unknown_key_has_the_file_looked_at(world: World) -> None:
    """Whoever comes with the new key need not wait for the next look."""
    assert not await world.file.learn()
    world.path.write_bytes(TWO + b"\n")
    assert await world.file.learn()
    assert world.pem == TWO


async def test_the_file_is_looked_at_again_and_again(world: World) -> None:
    """Until the hub stops."""
    await world.file.begin()
    task = asyncio.create_task(world.file.run())
    world.path.write_bytes(TWO + b"\n")
    async with asyncio.timeout(5):
        while world.pem != TWO:  # noqa: ASYNC110  the file has no event for it
            await asyncio.sleep(0.001)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert 0 <= world.file.age_seconds < 5

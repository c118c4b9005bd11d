"""hub.log.lmdb_notes: what damage on the disk shows as, and what a snapshot brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lmdb
import pytest

from hub.errors import LoghubError
from hub.log.lmdb_frame import Compression, Packer
from hub.log.lmdb_store import Snapshot, Store, StoreLimits
from hub.log.model import Entry, Note
from tests.fakes import FOREVER

if TYPE_CHECKING:
    from pathlib import Path

ROOM = StoreLimits(2**24, 0)


def put(store: Store, *entries: Entry) -> None:
    """Write notes."""
    packer = Packer(Compression(0, 0, 0))
    store.append([(one, packer.pack(one.data, 0, 1)) for one in entries])


def noted(name: str, data: bytes = b"data", *, tenant: str = "a", after: int = 0) -> Entry:
    """Return an entry that writes a note."""
    return Entry(tenant, data, 0, 1, seq=after + 1, after_seq=after, note=name)


@pytest.mark.parametrize("at", [0, 7, 8, 20, -1])
def test_a_damaged_note_is_never_served(tmp_path: Path, at: int) -> None:
    """Its version or its data: who asks is told, and others are served."""
    path = tmp_path / "log.mdb"
    store = Store(path, ROOM, FOREVER)
    put(store, noted("bad"), noted("good"), noted("bad", tenant="b"))
    store.close()
    with lmdb.open(str(path), subdir=False, max_dbs=8) as env:
        table = env.open_db(b"notes")
        with env.begin(write=True) as txn:
            key = b"\x00\x00\x00\x00bad"
            row = bytearray(txn.get(key, default=b"", db=table))
            row[at] ^= 1
            txn.put(key, bytes(row), db=table)
    store = Store(path, ROOM, FOREVER)
    try:
        with pytest.raises(LoghubError, match="'bad' is damaged"):
            store.note("a", "bad")
        assert store.note("a", "good") == Note("good", 1, b"data")
        assert store.notes("b") == [Note("bad", 1, b"data")]
    finally:
        store.close()


def test_a_snapshot_brings_its_notes_and_no_others(tmp_path: Path) -> None:
    """Of its tenant; those of others stay. They can be written on."""
    store = Store(tmp_path / "log.mdb", ROOM, FOREVER)
    try:
        put(store, noted("old"), noted("theirs", tenant="b"))
        notes = (Note("new", 7, b"x" * 5000), Note("other", 2**63, b"y"))
        store.install("a", Snapshot(100, (), notes))
        assert store.notes("a") == list(notes)
        assert store.snapshot("a").notes == notes
        assert store.notes("b") == [Note("theirs", 1, b"data")]
        put(store, noted("new", b"z", after=7))
        assert store.note("a", "new") == Note("new", 8, b"z")
    finally:
        store.close()

"""The table of notes in the embedded log's file; its rows are written in the transactions of `hub.log.lmdb_store`.

notes      tenant id u32 · name → version u64 · frame (hub.log.lmdb_frame) under that version
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from hub.errors import LoghubError
from hub.log.lmdb_frame import CorruptFrameError, Packer, unpack
from hub.log.model import Appended, Note, OutOfSequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import lmdb

    from hub.log.lmdb_frame import Compression, Packed
    from hub.log.model import Entry, Outcome

_TENANT = struct.Struct(">I")
_VERSION = struct.Struct(">Q")


class NoteTable:
    """Notes of all tenants, which stand under their tenant's number."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401  LMDB's handle has no type
        self._table = table

    def put(self, txn: lmdb.Transaction, tenant_id: int, entry: Entry, packed: Packed) -> Outcome:
        """Replace or remove a note, where its version is the one that the entry names."""
        key = _key(tenant_id, entry.note)
        version = _version(txn.get(key, db=self._table))
        if version != entry.after_seq:
            return OutOfSequence(version)
        if entry.data:
            txn.put(key, _VERSION.pack(entry.seq) + packed.seal(tenant_id, entry.seq), db=self._table)
        elif version:
            txn.delete(key, db=self._table)
        return Appended(0)

    def get(self, txn: lmdb.Transaction, tenant_id: int, name: str) -> Note | None:
        """Return a note; LoghubError where its checksum does not hold."""
        found = txn.get(_key(tenant_id, name), db=self._table)
        return _note(tenant_id, name, bytes(found)) if found else None

    def all(self, txn: lmdb.Transaction, tenant_id: int) -> list[Note]:
        """Return a tenant's notes, in the order of their names; errors as `get`."""
        prefix = _TENANT.pack(tenant_id)
        return [_note(tenant_id, key[len(prefix) :].decode(), value) for key, value in self._rows(txn, prefix)]

    def replace(self, txn: lmdb.Transaction, tenant_id: int, notes: Iterable[Note], compression: Compression) -> None:
        """Have the tenant have these notes, and no others."""
        for key, _ in list(self._rows(txn, _TENANT.pack(tenant_id))):
            txn.delete(key, db=self._table)
        packer = Packer(compression)
        for note in notes:
            frame = packer.pack(note.data, 0, 0).seal(tenant_id, note.version)
            txn.put(_key(tenant_id, note.name), _VERSION.pack(note.version) + frame, db=self._table)

    def _rows(self, txn: lmdb.Transaction, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        with txn.cursor(db=self._table) as cursor:
            cursor.set_range(prefix)
            for key, value in cursor.iternext():
                if not bytes(key).startswith(prefix):
                    return
                yield bytes(key), bytes(value)


def _key(tenant_id: int, name: str) -> bytes:
    return _TENANT.pack(tenant_id) + name.encode()


def _version(row: bytes | memoryview | None) -> int:
    return int(_VERSION.unpack_from(row)[0]) if row else 0


def _note(tenant_id: int, name: str, row: bytes) -> Note:
    version = _version(row)
    try:
        return Note(name, version, unpack(row[_VERSION.size :], tenant_id, version).data)
    except CorruptFrameError as error:
        msg = f"the note {name!r} is damaged on disk: restore the log's file, or remove what the note is of"
        raise LoghubError(msg) from error

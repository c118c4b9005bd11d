"""The embedded log's file: LMDB transactions over its tables. Synchronous; `hub.log.lmdb` gives it its threads.

    meta       "format" → name, "epoch" → u64, "stored_bytes" → u64
    tenants    name → Tenant row
    batches    tenant id u32 · offset u64 → frame (hub.log.lmdb_frame)
    notes      hub.log.lmdb_notes
    producers  tenant id u32 · producer id → last_seq u64 · last seen u64 (ns); a partition that the Kafka source reads
               is a producer too

Several processes share the file; LMDB lets one write at a time, so nothing of a row is cached between transactions.
Commits are `sync=True`: once `append` has returned, power may fail.
"""

from __future__ import annotations

import errno
import os
import secrets
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import lmdb

from hub.core.stored import Hole, HoleReason, StoredBatch
from hub.errors import ConfigError, StorageFailedError, StorageFullError
from hub.log.lmdb_frame import Compression, CorruptFrameError, Packed, raw_bytes, received_of, records_of, unpack
from hub.log.lmdb_notes import NoteTable
from hub.log.model import OWN, Appended, Bounds, Entry, Outcome, OutOfSequence, TenantStats

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hub.log.model import Note
    from hub.log.retention import Retention

_FORMAT = b"loghub-log-1"
_U64 = struct.Struct(">Q")
_KEY = struct.Struct(">IQ")
_PRODUCER = struct.Struct(">QQ")
# Where the producer's id begins in a key of the producers, behind the tenant's number.
_ID_AT = 4
_TENANT = struct.Struct(">IQQQQ")
_PAGE_BYTES = 4096
# LMDB writes a changed page anew, also to remove something: this much of the map stays free for that.
_RESERVE_BYTES = 32 * 2**20
_FULL_RETRY_SECONDS = 5.0
# Read transactions at once, over all processes.
_MAX_READERS = 1024
# One removal transaction touches at most this many batches, so that appends wait for milliseconds only.
_REMOVE_AT_ONCE = 512
# How the notes of a snapshot are kept.
_NOTES = Compression(1, 1, 0)


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """`max_bytes`: room for all tenants together; `min_free_bytes`: what the file system must keep free."""

    max_bytes: int
    min_free_bytes: int


@dataclass(frozen=True, slots=True)
class ProducerRow:
    """A producer's last sequence number, and when its last batch was received, in nanoseconds since the Unix epoch."""

    producer_id: str
    last_seq: int
    last_seen_unix_nano: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A tenant at one moment: the offset of its next record, its producers, and its notes."""

    next_offset: int
    producers: tuple[ProducerRow, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tenant:
    """Row of a tenant: its number, its offsets, bytes on disk, and how many records retention has removed."""

    id: int
    next: int = 0
    oldest: int = 0
    stored_bytes: int = 0
    removed: int = 0

    def pack(self) -> bytes:
        return _TENANT.pack(self.id, self.next, self.oldest, self.stored_bytes, self.removed)


class Store:
    """The LMDB file of the embedded log."""

    def __init__(self, path: Path, limits: StoreLimits, retention: Retention) -> None:
        """Open the file, or make it; ConfigError where it cannot be used."""
        self._path = path
        self._limits = limits
        self._retention = retention
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._env = lmdb.open(
                str(path),
                subdir=False,
                map_size=limits.max_bytes + _RESERVE_BYTES,
                max_dbs=8,
                max_readers=_MAX_READERS,
                mode=0o600,
                sync=True,
                metasync=True,
                writemap=False,
                readahead=False,
            )
            self._env.reader_check()
            with self._env.begin(write=True) as txn:
                self._meta = self._env.open_db(b"meta", txn)
                self._tenants = self._env.open_db(b"tenants", txn)
                self._batches = self._env.open_db(b"batches", txn)
                self._producers = self._env.open_db(b"producers", txn)
                self._notes = NoteTable(self._env.open_db(b"notes", txn))
                self.epoch = self._identify(txn)
        except (lmdb.Error, OSError) as error:
            msg = f"the log {path} cannot be opened: {error}; check that the folder exists and is writable"
            raise ConfigError(msg) from error

    def _identify(self, txn: lmdb.Transaction) -> int:
        found = txn.get(b"format", db=self._meta)
        if found is None:
            txn.put(b"format", _FORMAT, db=self._meta)
            txn.put(b"epoch", _U64.pack(secrets.randbits(64)), db=self._meta)
        elif bytes(found) != _FORMAT:
            msg = f"the log {self._path} is of format {bytes(found)!r}, this loghub reads {_FORMAT!r}"
            raise ConfigError(msg)
        of = txn.get(b"replica_of", db=self._meta)
        self.is_replica = of is not None
        return _number(of or txn.get(b"epoch", db=self._meta))

    # --- writing -----------------------------------------------------------------------------------------------------

    def append(self, entries: Sequence[tuple[Entry, Packed]]) -> list[Outcome]:
        """Store entries in one transaction; errors as `Log.append`."""
        try:
            self._check_free()
            with self._env.begin(write=True) as txn:
                rows: dict[str, _Tenant] = {}
                outcomes = [self._put(txn, rows, entry, packed) for entry, packed in entries]
                grown = 0
                for name, row in rows.items():
                    before = self._tenant(txn, name)
                    kept = self._trim(txn, row, surplus_bytes=row.stored_bytes - self._retention.bytes_of(name))
                    grown += kept.stored_bytes - (before.stored_bytes if before else 0)
                    txn.put(name.encode(), kept.pack(), db=self._tenants)
                self._account(txn, grown)
        except (lmdb.Error, OSError) as error:
            raise _translated(error) from error
        return outcomes

    def _put(self, txn: lmdb.Transaction, rows: dict[str, _Tenant], entry: Entry, packed: Packed) -> Outcome:
        row = rows.get(entry.tenant) or self._tenant(txn, entry.tenant) or self._new_tenant(txn, entry.tenant)
        rows[entry.tenant] = row
        if entry.note:
            return self._notes.put(txn, row.id, entry, packed)
        if entry.producer_id:
            refusal = self._sequence(txn, row.id, entry)
            if refusal is not None:
                return refusal
        if not entry.records:
            return Appended(row.next)
        frame = packed.seal(row.id, row.next)
        txn.put(_KEY.pack(row.id, row.next), frame, db=self._batches)
        rows[entry.tenant] = replace(
            row, next=row.next + entry.records, stored_bytes=row.stored_bytes + _on_disk(len(frame))
        )
        return Appended(row.next)

    def _sequence(self, txn: lmdb.Transaction, tenant_id: int, entry: Entry) -> Outcome | None:
        """Store the entry's sequence number, or return why the entry is not to be stored."""
        key = _producer_key(tenant_id, entry.producer_id)
        found = txn.get(key, db=self._producers)
        last = _PRODUCER.unpack(found)[0] if found else 0
        if last >= entry.seq:
            return Appended(0, duplicate=True)
        if last != entry.after_seq:
            return OutOfSequence(last)
        txn.put(key, _PRODUCER.pack(entry.seq, entry.received_unix_nano), db=self._producers)
        return None

    def _new_tenant(self, txn: lmdb.Transaction, name: str) -> _Tenant:
        row = _Tenant(txn.stat(self._tenants)["entries"])  # tenants are never removed, so their count is a free number
        txn.put(name.encode(), row.pack(), db=self._tenants)
        return row

    def _check_free(self) -> None:
        disk = os.statvfs(self._path.parent)
        if disk.f_bavail * disk.f_frsize < self._limits.min_free_bytes:
            msg = f"less than log.min_free_bytes ({self._limits.min_free_bytes}) is free on the disk: free some"
            raise StorageFullError(msg, retry_after_seconds=_FULL_RETRY_SECONDS)

    def _account(self, txn: lmdb.Transaction, grown_bytes: int) -> None:
        """Keep the sum over all tenants; StorageFullError, which ends the transaction, where it is over the limit."""
        total = _number(txn.get(b"stored_bytes", db=self._meta)) + grown_bytes
        if total > self._limits.max_bytes and grown_bytes > 0:
            msg = f"the log holds log.max_bytes ({self._limits.max_bytes}): raise it, or lower the retention"
            raise StorageFullError(msg, retry_after_seconds=_FULL_RETRY_SECONDS)
        txn.put(b"stored_bytes", _U64.pack(max(total, 0)), db=self._meta)

    def _trim(self, txn: lmdb.Transaction, row: _Tenant, *, surplus_bytes: int, before: int = 0) -> _Tenant:
        """Remove the oldest batches until `surplus_bytes` are gone and none is left that was received before `before`.

        The newest batch stays; at most _REMOVE_AT_ONCE go.
        """
        if surplus_bytes <= 0 and not before:
            return row
        doomed: list[int] = []
        with txn.cursor(db=self._batches) as cursor:
            cursor.set_range(_KEY.pack(row.id, row.oldest))
            for key, frame in cursor.iternext():
                tenant_id, offset = _KEY.unpack(key)
                if tenant_id != row.id:
                    break
                if doomed or offset != row.oldest:
                    row = replace(row, oldest=offset, removed=row.removed + offset - row.oldest)
                if len(doomed) >= _REMOVE_AT_ONCE or (surplus_bytes <= 0 and received_of(frame) >= before):
                    break
                size = _on_disk(len(frame))
                doomed.append(offset)
                surplus_bytes -= size
                row = replace(row, stored_bytes=row.stored_bytes - size)
        if doomed and doomed[-1] == row.oldest:  # the tenant's newest: it stays
            size = _on_disk(len(txn.get(_KEY.pack(row.id, doomed.pop()), default=b"", db=self._batches)))
            row = replace(row, stored_bytes=row.stored_bytes + size)
        for offset in doomed:
            txn.delete(_KEY.pack(row.id, offset), db=self._batches)
        return row

    def retain(self, now_unix_nano: int) -> int:
        """Remove what is too old, in short transactions; return the number of records removed."""
        before = now_unix_nano - int(self._retention.seconds * 1e9)
        removed = 0
        with self._reading() as txn:
            names = [name for name, _ in self._rows(txn)]
        try:
            for name in names:
                while step := self._retain_some(name, before):
                    removed += step
            self._forget_producers(now_unix_nano - int(self._retention.producer_seconds * 1e9))
        except lmdb.Error as error:
            raise _translated(error) from error
        return removed

    def _retain_some(self, name: str, before: int) -> int:
        with self._reading() as txn:
            if not self._overdue(txn, name, before):
                return 0
        with self._env.begin(write=True) as txn:
            row = self._tenant(txn, name)
            if row is None:
                return 0
            surplus = row.stored_bytes - self._retention.bytes_of(name)
            kept = self._trim(txn, row, surplus_bytes=surplus, before=before)
            txn.put(name.encode(), kept.pack(), db=self._tenants)
            self._account(txn, kept.stored_bytes - row.stored_bytes)
            return kept.removed - row.removed

    def _overdue(self, txn: lmdb.Transaction, name: str, before: int) -> bool:
        row = self._tenant(txn, name)
        if row is None:
            return False
        oldest = txn.get(_KEY.pack(row.id, row.oldest), db=self._batches)
        if oldest is None:
            return False
        return row.stored_bytes > self._retention.bytes_of(name) or received_of(oldest) < before

    def _forget_producers(self, before: int) -> None:
        with self._reading() as txn, txn.cursor(db=self._producers) as cursor:
            silent = [
                bytes(key)
                for key, value in cursor
                if _PRODUCER.unpack(value)[1] < before and not bytes(key)[_ID_AT:].startswith(OWN.encode())
            ][:_REMOVE_AT_ONCE]
        if not silent:
            return
        with self._env.begin(write=True) as txn:
            for key in silent:
                found = txn.get(key, db=self._producers)
                if found and _PRODUCER.unpack(found)[1] < before:
                    txn.delete(key, db=self._producers)

    # --- as the replica of a log elsewhere ---------------------------------------------------------------------------

    def adopt(self, epoch: int) -> None:
        """Take another log's epoch for this file's; ConfigError where the file is of another one."""
        with self._env.begin(write=True) as txn:
            found = txn.get(b"replica_of", db=self._meta)
            if found is None and not txn.stat(self._tenants)["entries"]:
                txn.put(b"replica_of", _U64.pack(epoch), db=self._meta)
                self.epoch = epoch
            elif found is None or _number(found) != epoch:
                msg = f"{self._path} is of another log: move it away, and the hub makes a new one"
                raise ConfigError(msg)
        self.is_replica = True

    def install(self, tenant: str, snapshot: Snapshot) -> None:
        """Have the tenant begin anew where a snapshot was taken: without records, with its producers and notes."""
        try:
            with self._env.begin(write=True) as txn:
                row = self._tenant(txn, tenant) or self._new_tenant(txn, tenant)
                self._drop(txn, self._batches, struct.pack(">I", row.id))
                self._drop(txn, self._producers, struct.pack(">I", row.id))
                fresh = _Tenant(row.id, snapshot.next_offset, snapshot.next_offset, 0, row.removed)
                txn.put(tenant.encode(), fresh.pack(), db=self._tenants)
                for one in snapshot.producers:
                    value = _PRODUCER.pack(one.last_seq, one.last_seen_unix_nano)
                    txn.put(_producer_key(row.id, one.producer_id), value, db=self._producers)
                self._notes.replace(txn, row.id, snapshot.notes, _NOTES)
                self._account(txn, -row.stored_bytes)
        except lmdb.Error as error:
            raise _translated(error) from error

    def _drop(self, txn: lmdb.Transaction, table: Any, prefix: bytes) -> None:  # noqa: ANN401  LMDB's handle has no type
        with txn.cursor(db=table) as cursor:
            found = cursor.set_range(prefix)
            while found and bytes(cursor.key()).startswith(prefix):
                found = cursor.delete()

    def forget(self, tenant: str, before: int) -> None:
        """Forget the tenant's producers whose last batch was received before."""
        silent = [
            one.producer_id
            for one in self.snapshot(tenant).producers
            if one.last_seen_unix_nano < before and not one.producer_id.startswith(OWN)
        ]
        try:
            with self._env.begin(write=True) as txn:
                row = self._tenant(txn, tenant)
                if row is None:
                    return
                for producer_id in silent:
                    txn.delete(_producer_key(row.id, producer_id), db=self._producers)
        except lmdb.Error as error:
            raise _translated(error) from error

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(self, tenant: str, offset: int, max_bytes: int) -> list[StoredBatch | Hole]:
        """Return what is stored from `offset` on; see `Log.read`."""
        frames: list[tuple[int, bytes]] = []
        with self._reading() as txn:
            row = self._tenant(txn, tenant)
            if row is None or offset >= row.next:
                return []
            size, end = 0, row.next
            for first, frame in self._frames(txn, row, offset):
                if frames and size >= max_bytes:
                    end = first  # where the last frame ends, whatever it says itself
                    break
                frames.append((first, frame))
                size += raw_bytes(frame)  # what it will take in memory: a MiB on disk may be a GiB of the same line
        return list(_items(frames, row, offset, end))

    def _frames(self, txn: lmdb.Transaction, row: _Tenant, offset: int) -> Iterator[tuple[int, bytes]]:
        """Yield the tenant's frames from the last one that begins at or before `offset`."""
        with txn.cursor(db=self._batches) as cursor:
            if not self._seek(cursor, row.id, offset):
                return
            for key, value in cursor.iternext():
                tenant_id, first = _KEY.unpack(key)
                if tenant_id != row.id:
                    return
                yield first, bytes(value)

    def _seek(self, cursor: lmdb.Cursor, tenant_id: int, offset: int) -> bool:
        """Move to the tenant's last batch that begins at or before `offset`, or its first; False if it has none."""
        key = _KEY.pack(tenant_id, offset)
        if cursor.set_range(key) and cursor.key() == key:
            return True
        if (cursor.prev() if cursor.key() else cursor.last()) and _KEY.unpack(cursor.key())[0] == tenant_id:
            return True
        return cursor.set_range(key) and _KEY.unpack(cursor.key())[0] == tenant_id

    def bounds(self, tenant: str) -> Bounds:
        """Return where the tenant's records begin and end."""
        with self._reading() as txn:
            row = self._tenant(txn, tenant)
            return Bounds(row.oldest, row.next) if row else Bounds(0, 0)

    def offset_at(self, tenant: str, received_unix_nano: int) -> int:
        """Return the first offset received at or after the time, by bisection over the stored batches."""
        with self._reading() as txn, txn.cursor(db=self._batches) as cursor:
            row = self._tenant(txn, tenant)
            if row is None:
                return 0
            low, high = row.oldest, row.next
            while low < high:
                middle = (low + high) // 2
                if not self._seek(cursor, row.id, middle):
                    break
                first, frame = _KEY.unpack(cursor.key())[1], cursor.value()
                if received_of(frame) < received_unix_nano:
                    low = max(first + records_of(frame), middle + 1)
                else:
                    high = min(first, middle)
            return min(max(low, row.oldest), row.next)

    def snapshot(self, tenant: str) -> Snapshot:
        """Return where the tenant's records end, all its producers and notes, of one moment."""
        with self._reading() as txn, txn.cursor(db=self._producers) as cursor:
            row = self._tenant(txn, tenant)
            if row is None:
                return Snapshot(0, ())
            prefix = _producer_key(row.id, "")
            rows: list[ProducerRow] = []
            cursor.set_range(prefix)
            for key, value in cursor.iternext():
                if not bytes(key).startswith(prefix):
                    break
                rows.append(ProducerRow(bytes(key)[len(prefix) :].decode(), *_PRODUCER.unpack(value)))
            return Snapshot(row.next, tuple(rows), tuple(self._notes.all(txn, row.id)))

    def note(self, tenant: str, name: str) -> Note | None:
        """Return a note of the tenant, or None."""
        with self._reading() as txn:
            row = self._tenant(txn, tenant)
            return self._notes.get(txn, row.id, name) if row else None

    def notes(self, tenant: str) -> list[Note]:
        """Return all notes of the tenant."""
        with self._reading() as txn:
            row = self._tenant(txn, tenant)
            return self._notes.all(txn, row.id) if row else []

    def last_seq(self, tenant: str, producer_id: str) -> int:
        """Return the producer's last stored sequence number, or 0."""
        with self._reading() as txn:
            row = self._tenant(txn, tenant)
            found = row and txn.get(_producer_key(row.id, producer_id), db=self._producers)
            return int(_PRODUCER.unpack(found)[0]) if found else 0

    def stats(self) -> dict[str, TenantStats]:
        """Return what each tenant keeps."""
        with self._reading() as txn:
            return {
                name: TenantStats(Bounds(row.oldest, row.next), row.stored_bytes, row.removed)
                for name, row in self._rows(txn)
            }

    def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        self._env.close()

    def _reading(self) -> lmdb.Transaction:
        return self._env.begin(buffers=False)

    def _tenant(self, txn: lmdb.Transaction, name: str) -> _Tenant | None:
        found = txn.get(name.encode(), db=self._tenants)
        return _Tenant(*_TENANT.unpack(found)) if found else None

    def _rows(self, txn: lmdb.Transaction) -> Iterator[tuple[str, _Tenant]]:
        with txn.cursor(db=self._tenants) as cursor:
            for key, value in cursor:
                yield bytes(key).decode(), _Tenant(*_TENANT.unpack(value))


def _items(frames: list[tuple[int, bytes]], row: _Tenant, offset: int, end: int) -> Iterator[StoredBatch | Hole]:
    """Check the frames and put holes where offsets are missing from `offset` up to `end`.

    A corrupt frame is passed over: how many records it held is not to be believed, where the next one begins is.
    """
    if offset < row.oldest:
        yield Hole(offset, row.oldest, HoleReason.RETENTION)
        offset = row.oldest
    for first, frame in frames:
        try:
            batch = unpack(frame, row.id, first)
        except CorruptFrameError:
            continue
        if batch.next_offset <= offset:
            continue
        if first > offset:
            yield Hole(offset, first, HoleReason.CORRUPT)
        yield batch
        offset = batch.next_offset
    if offset < end:
        yield Hole(offset, end, HoleReason.CORRUPT)


def _on_disk(frame_bytes: int) -> int:
    """Return what a frame takes of the map: LMDB gives larger values whole pages of their own."""
    return -(-(frame_bytes + 32) // _PAGE_BYTES) * _PAGE_BYTES if frame_bytes > _PAGE_BYTES // 2 else frame_bytes + 32


def _producer_key(tenant_id: int, producer_id: str) -> bytes:
    return struct.pack(">I", tenant_id) + producer_id.encode()


def _number(value: bytes | memoryview | None) -> int:
    return int(_U64.unpack(value)[0]) if value else 0


def _translated(error: lmdb.Error | OSError) -> StorageFullError | StorageFailedError:
    text = str(error)
    if isinstance(error, lmdb.MapFullError):
        return StorageFullError(retry_after_seconds=_FULL_RETRY_SECONDS)
    if any(os.strerror(code) in text for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)):
        msg = f"the disk has no room for the log: {text}"
        return StorageFullError(msg, retry_after_seconds=_FULL_RETRY_SECONDS)
    msg = f"the log could not be written, the hub stops: {text}"
    return StorageFailedError(msg)

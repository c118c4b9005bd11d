"""hub.log.lmdb_store: what damage on the disk shows as, what opens as a log, and how its room is counted."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

import lmdb
import pytest

from hub.core.stored import Hole, HoleReason, StoredBatch
from hub.errors import ConfigError, StorageFailedError, StorageFullError
from hub.log.lmdb_frame import Compression, Packer
from hub.log.lmdb_store import Store, StoreLimits
from hub.log.model import Appended, Bounds, Entry
from hub.log.retention import Retention
from tests.fakes import FOREVER
from tests.unit.log.disk import noise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    Damage = Callable[[dict[int, bytes]], Mapping[int, bytes | None]]

ROOM = StoreLimits(2**26, 0)
KEY = struct.Struct(">IQ")
SECOND = 10**9
# Where the parts of a frame begin.
CHECK, CODEC, RECORDS, RECEIVED, PAYLOAD = 0, 9, 10, 14, 26
# Batches of the tests of damage: offset and records.
LAYOUT = {0: 3, 3: 1, 4: 300, 304: 2, 306: 1}
END = 307


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "data" / "log.mdb"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A log with room that keeps everything."""
    made = Store(path, ROOM, FOREVER)
    yield made
    made.close()


def put(store: Store, *entries: Entry) -> list[object]:
    """Append batches, uncompressed."""
    packer = Packer(Compression(0, 0, 0))
    packed = [(one, packer.pack(one.data, one.records, one.received_unix_nano)) for one in entries]
    return list(store.append(packed))


def batch(records: int = 1, received: int = 1, tenant: str = "a", data: bytes = b"data") -> Entry:
    """Return a batch."""
    return Entry(tenant, data, records, received)


def tables(path: Path) -> AbstractContextManager[lmdb.Environment]:
    """Open the file below the log, as a failing disk would."""
    return lmdb.open(str(path), subdir=False, max_dbs=8, map_size=2**27)


# --- damage ----------------------------------------------------------------------------------------------------------


def damaged(path: Path, damage: Damage) -> Store:
    """Return a log of LAYOUT, for tenant "a" between two others, after damage to a's frames (None: gone)."""
    store = Store(path, ROOM, FOREVER)
    put(store, batch(tenant="0"), *(batch(records) for records in LAYOUT.values()), batch(tenant="z"))
    store.close()
    with tables(path) as env, env.begin(write=True) as txn:
        table = env.open_db(b"batches", txn)
        frames = {offset: txn.get(KEY.pack(1, offset), default=b"", db=table) for offset in LAYOUT}
        for offset, frame in damage(frames).items():
            if frame is None:
                txn.delete(KEY.pack(1, offset), db=table)
            else:
                txn.put(KEY.pack(1, offset), frame, db=table)
    return Store(path, ROOM, FOREVER)


def flipped(offset: int, at: int) -> Damage:
    """Flip a byte of the frame at an offset."""

    def damage(frames: dict[int, bytes]) -> Mapping[int, bytes | None]:
        frame = bytearray(frames[offset])
        frame[at] ^= 0xFF
        return {offset: bytes(frame)}

    return damage


def read(store: Store, offset: int, max_bytes: int) -> list[tuple[int, int, bool]]:
    """Read tenant a to the end, again and again; return (first, next, whether it is a batch) of each item."""
    items: list[StoredBatch | Hole] = []
    while found := store.read("a", offset, max_bytes):
        items.extend(found)
        offset = found[-1].next_offset
    assert offset == END
    assert all(item.reason is HoleReason.CORRUPT for item in items if isinstance(item, Hole))
    assert all(item.data == b"data" for item in items if isinstance(item, StoredBatch))
    return [(item.first_offset, item.next_offset, isinstance(item, StoredBatch)) for item in items]


def whole_but(*corrupt: int) -> list[tuple[int, int, bool]]:
    """Return what reading LAYOUT should give when these batches are corrupt."""
    return [(first, first + records, first not in corrupt) for first, records in LAYOUT.items()]


@pytest.mark.parametrize("at", [CHECK, CODEC, RECORDS, RECORDS + 3, RECEIVED, PAYLOAD, -1])
@pytest.mark.parametrize("offset", LAYOUT)
def test_a_corrupt_batch_is_a_hole_of_its_own_size(path: Path, offset: int, at: int) -> None:
    """Wherever the byte is that the disk flipped, the batch is not served, and its neighbours are; paged or not."""
    store = damaged(path, flipped(offset, at))
    assert read(store, 0, 1) == read(store, 0, 2**20) == whole_but(offset)
    store.close()


@pytest.mark.parametrize("max_bytes", [1, 2**20])
@pytest.mark.parametrize("damage", [flipped(4, PAYLOAD), lambda _: {4: None}], ids=["corrupt", "missing"])
def test_a_hole_begins_where_the_reader_stands(path: Path, damage: Damage, max_bytes: int) -> None:
    """Who has read part of what is lost now is told of the rest only, and gets nothing from before it."""
    store = damaged(path, damage)
    assert read(store, 200, max_bytes) == [(200, 304, False), *whole_but()[3:]]
    store.close()


@pytest.mark.parametrize("offset", LAYOUT)
def test_a_missing_batch_is_a_hole(path: Path, offset: int) -> None:
    """What is not in the file any more, and was not removed by retention, is reported as corrupt."""
    store = damaged(path, lambda _: {offset: None})
    assert read(store, 0, 1) == read(store, 0, 2**20) == whole_but(offset)
    store.close()


def test_frames_in_each_other_s_place_are_not_served(path: Path) -> None:
    """A sound frame under another's key would be other records under these offsets."""
    store = damaged(path, lambda frames: {0: frames[306], 306: frames[0]})
    assert read(store, 0, 1) == whole_but(0, 306)
    store.close()


@pytest.mark.parametrize("max_bytes", [1, 2**20])
def test_nothing_but_damage_is_one_loss(path: Path, max_bytes: int) -> None:
    """With every frame cut off, all records are reported lost, each once."""
    store = damaged(path, lambda frames: {offset: frames[offset][:-1] for offset in frames})
    items = read(store, 0, max_bytes)
    assert (items[0][0], items[-1][1]) == (0, END)
    assert not any(sound for _, _, sound in items)
    assert all(one[1] == following[0] for one, following in pairwise(items))
    store.close()


def test_the_neighbouring_tenants_notice_nothing(path: Path) -> None:
    """Damage in one tenant is that tenant's."""
    store = damaged(path, dict.fromkeys)
    assert [len(store.read(tenant, 0, 2**20)) for tenant in ("0", "z")] == [1, 1]
    store.close()


# --- opening ---------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_made_for_its_owner_alone(path: Path) -> None:
    """Logs are nobody else's business on the machine."""
    Store(path, ROOM, FOREVER).close()
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_file_that_is_no_log_is_refused(path: Path) -> None:
    """The message names it."""
    path.parent.mkdir()
    path.write_bytes(b"precious" * 4096)
    with pytest.raises(ConfigError, match=r"log\.mdb"):
        Store(path, ROOM, FOREVER)
    assert path.read_bytes() == b"precious" * 4096


def test_a_folder_in_the_way_is_refused(path: Path) -> None:
    """The message says what to check."""
    path.mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be opened"):
        Store(path, ROOM, FOREVER)


def test_a_log_of_another_format_is_refused(path: Path) -> None:
    """A newer loghub's log is not written to by an older one."""
    Store(path, ROOM, FOREVER).close()
    with tables(path) as env, env.begin(write=True) as txn:
        txn.put(b"format", b"loghub-log-2", db=env.open_db(b"meta", txn))
    with pytest.raises(ConfigError, match="loghub-log-2"):
        Store(path, ROOM, FOREVER)


# --- room ------------------------------------------------------------------------------------------------------------


def test_a_disk_that_is_nearly_full_is_refused_before_it_is(path: Path) -> None:
    """`min_free_bytes` is left to others; the error says when to try again."""
    store = Store(path, StoreLimits(2**26, 2**62), FOREVER)
    with pytest.raises(StorageFullError, match="min_free_bytes") as caught:
        put(store, batch())
    assert caught.value.retry_after_seconds
    assert store.bounds("a") == Bounds(0, 0)
    store.close()


def test_a_disk_that_cannot_be_asked_has_failed(store: Store, path: Path) -> None:
    """A file system that is gone is a failed disk, whatever the system calls it."""
    path.parent.rename(path.parent.with_suffix(".moved"))
    with pytest.raises(StorageFailedError):
        put(store, batch())


def fill(store: Store, received: int) -> None:
    """Append until there is no room."""
    for _ in range(20):
        put(store, batch(received=received, data=noise(3000)))


def test_the_tenants_share_max_bytes(path: Path) -> None:
    """Once all of them hold it, none gets more; what was there stays readable."""
    store = Store(path, StoreLimits(30_000, 0), FOREVER)
    put(store, *(batch(tenant=tenant, data=noise(3000)) for tenant in "abcdefg"))
    with pytest.raises(StorageFullError, match="max_bytes"):
        put(store, batch(tenant="h", data=noise(3000)))
    assert set(store.stats()) == set("abcdefg")
    assert len(store.read("g", 0, 1)) == 1
    store.close()


def test_room_that_retention_made_is_used_again(path: Path) -> None:
    """A full log takes more after its old batches are gone, as often as that happens."""
    store = Store(path, StoreLimits(30_000, 0), Retention(5, 2**40, 10**9))
    for now in range(10, 100, 10):
        with pytest.raises(StorageFullError):
            fill(store, now * SECOND)
        assert store.retain((now + 6) * SECOND)
    assert path.stat().st_size < 200_000
    store.close()


def test_a_full_map_is_refused_as_any_full_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should LMDB itself run out of pages, nothing of the call is stored and reading goes on."""
    monkeypatch.setattr("hub.log.lmdb_store._RESERVE_BYTES", 0)
    store = Store(path, StoreLimits(100_000, 0), FOREVER)
    put(store, batch(data=b"first"))
    with pytest.raises(StorageFullError) as caught:
        put(store, *(batch(data=noise(5000)) for _ in range(12)))
    assert isinstance(caught.value.__cause__, lmdb.MapFullError)
    assert [item.data for item in store.read("a", 0, 2**20) if isinstance(item, StoredBatch)] == [b"first"]
    assert put(store, batch()) == [Appended(1)]
    store.close()


def test_many_old_batches_go_in_steps(path: Path) -> None:
    """However many there are, one call removes them all, and appends to other tenants fit in between."""
    store = Store(path, ROOM, Retention(5, 2**40, 10**9))
    put(store, *(batch(2) for _ in range(1500)), batch(received=10 * SECOND), batch(tenant="b"))
    assert store.retain(10 * SECOND) == 3000
    assert store.bounds("a") == Bounds(3000, 3001)
    assert store.stats()["b"].bounds == Bounds(0, 1)
    store.close()


def test_bytes_on_disk_are_counted_back_to_nothing(path: Path) -> None:
    """Large and small batches: what was counted when stored is what is taken off when removed."""
    store = Store(path, ROOM, Retention(5, 2**40, 10**9))
    put(store, *(batch(data=noise(size)) for size in (0, 100, 2013, 2014, 2015, 4096, 50_000)))
    put(store, batch(data=b"last", received=10 * SECOND))
    store.retain(10 * SECOND)
    put(fresh := Store(path.with_name("other.mdb"), ROOM, FOREVER), batch(data=b"last"))
    assert store.stats()["a"].stored_bytes == fresh.stats()["a"].stored_bytes
    store.close()
    fresh.close()

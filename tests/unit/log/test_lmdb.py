"""hub.log.lmdb: group commits, waiting for room, and what happens when the disk is full, fails, or the hub stops."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import lmdb
import pytest
import pytest_asyncio
import zstandard

from hub.core.stored import Parts, StoredBatch
from hub.errors import ShuttingDownError, StorageFailedError, StorageFullError
from hub.log.bell import SocketBell
from hub.log.lmdb import LmdbLog
from hub.log.lmdb_frame import Compression, Packed, Packer
from hub.log.lmdb_store import StoreLimits
from hub.log.model import Appended, Bounds, Entry
from hub.log.retention import Retention
from tests.fakes import FOREVER, settle
from tests.unit.log.disk import ROOMY, SlowDisk, disk_log, noise, numbered, read_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

SECOND = 10**9


@dataclass
class Commits:
    """Keeps the number of batches and the bytes of each commit."""

    batches: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def committed(self, seconds: float, batches: int, size_bytes: int) -> None:
        """Take the figures of a commit."""
        assert seconds > 0
        self.batches.append(batches)
        self.sizes.append(size_bytes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "log.mdb"


@pytest_asyncio.fixture
async def log(path: Path) -> AsyncIterator[LmdbLog]:
    """A running log with room."""
    async with disk_log(path) as made:
        yield made


# --- keeping ---------------------------------------------------------------------------------------------------------


async def test_everything_is_there_when_the_file_is_opened_again(path: Path) -> None:
    """Batches, offsets, producers' counts, figures and the log's own number outlive the process."""
    async with disk_log(path) as log:
        await log.append([numbered(1), numbered(2, records=7), numbered(1, tenant="b"), Entry("a", noise(9000), 2, 5)])
        before = [log.epoch, await log.stats(), await read_all(log, "a"), await read_all(log, "b")]
    async with disk_log(path) as log:
        after = [log.epoch, await log.stats(), await read_all(log, "a"), await read_all(log, "b")]
        assert after == before
        assert await log.last_seq("a", "p1") == 2
        assert await log.append([numbered(2), numbered(3)]) == [Appended(0, duplicate=True), Appended(10)]


async def test_a_log_that_is_made_anew_has_another_number(tmp_path: Path) -> None:
    """So a cursor of the old one does not pass for one of the new."""
    async with disk_log(tmp_path / "1.mdb") as one, disk_log(tmp_path / "2.mdb") as other:
        assert one.epoch != other.epoch


@pytest.mark.parametrize("level", [0, -1, 3])
async def test_the_compression_level_may_change(path: Path, level: int) -> None:
    """What was stored at another level is read as before."""
    data = b"the same words " * 100
    async with disk_log(path) as log:
        await log.append([Entry("a", data, 1, 1)])
    async with disk_log(path, options=replace(ROOMY, compression=Compression(level, level, 0))) as log:
        await log.append([Entry("a", data, 1, 1)])
        assert [item.data for item in await read_all(log, "a") if isinstance(item, StoredBatch)] == [data, data]


# --- group commit ----------------------------------------------------------------------------------------------------


async def test_what_comes_together_is_committed_together(path: Path) -> None:
    """Appends that wait share one fsync, and each gets its own outcome."""
    commits = Commits()
    async with disk_log(path, observer=commits) as log, asyncio.TaskGroup() as tasks:
        appends = [tasks.create_task(log.append([numbered(1, producer=f"p{number}")])) for number in range(50)]
    assert [append.result() for append in appends] == [[Appended(number)] for number in range(50)]
    assert (commits.batches, commits.sizes) == ([50], [sum(len(f"a/p{number}/1") for number in range(50))])


async def test_what_comes_while_the_disk_works_is_the_next_commit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first does not wait for others; the others wait for the first, not for each other."""
    commits, disk = Commits(), SlowDisk(monkeypatch)
    async with disk_log(path, observer=commits) as log:
        first = log.submit([numbered(1)])
        await disk.busy.wait()
        rest = [log.submit([numbered(seq), numbered(seq + 1)]) for seq in (2, 4, 6)]
        await settle()
        assert not first.done()
        disk.go()
        await asyncio.gather(first, *rest)
    assert commits.batches == [1, 6]


async def test_a_group_ends_at_its_bytes(path: Path) -> None:
    """A large backlog is several commits; one batch larger than a group is a commit of its own."""
    commits = Commits()
    async with disk_log(path, options=replace(ROOMY, group_max_bytes=1000), observer=commits) as log:
        await asyncio.gather(*(log.submit([Entry("a", bytes(size), 1, 1)]) for size in (400, 400, 400, 5000, 1, 999)))
    assert commits.sizes == [800, 400, 5000, 1000]


async def test_a_large_group_is_compressed_as_a_busy_one(path: Path) -> None:
    """All that wait together count, not one batch: here none is compressed but those that came together."""
    data = b"the same words " * 100
    async with disk_log(path, options=replace(ROOMY, compression=Compression(0, 1, len(data)))) as log:
        await log.append([Entry("alone", data, 1, 1)])
        await log.append([Entry("two", data, 1, 1), Entry("two", data, 1, 1)])
        stats = await log.stats()
    assert stats["alone"].stored_bytes > len(data) > stats["two"].stored_bytes


async def test_what_waits_at_the_disk_counts_as_busy_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that comes while another is written is compressed as busy, though each alone is not."""
    data, disk = b"the same words " * 100, SlowDisk(monkeypatch)
    async with disk_log(path, options=replace(ROOMY, compression=Compression(0, 1, len(data)))) as log:
        first = log.submit([Entry("first", data, 1, 1)])
        await disk.busy.wait()
        second = log.submit([Entry("second", data, 1, 1)])
        disk.go()
        await asyncio.gather(first, second)
        stats = await log.stats()
    assert stats["first"].stored_bytes > len(data) > stats["second"].stored_bytes


async def test_a_large_batch_is_compressed_by_the_writer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would hold the event loop up is left to the thread; what is kept is the same."""
    threads: list[str] = []
    pack = Packer.pack

    def noted(packer: Packer, data: bytes, *args: int, busy_bytes: int) -> Packed:
        threads.append(threading.current_thread().name.partition("_")[0])
        return pack(packer, data, *args, busy_bytes=busy_bytes)

    monkeypatch.setattr(Packer, "pack", noted)
    async with disk_log(path, options=replace(ROOMY, max_pending_bytes=2**30)) as log:
        data = b"the same words " * 40_000
        await log.append([Entry("a", data, 1, 1)])
        await log.append([Entry("a", b"small", 1, 1)])
        assert [item.data for item in await read_all(log, "a") if isinstance(item, StoredBatch)] == [data, b"small"]
        assert (await log.stats())["a"].stored_bytes < len(data)
    assert threads == ["log-writer", threading.current_thread().name]


@pytest.mark.parametrize(
    ("busy_bytes", "group_bytes", "commits"),
    [
        pytest.param(0, 1000, [1, 2], id="busy: the acknowledged producer's next batch shares the commit"),
        pytest.param(1000, 1000, [1, 1, 1], id="not busy: who comes alone is not kept waiting"),
        pytest.param(0, 5, [1, 1, 1], id="enough waits already"),
    ],
)
async def test_a_busy_log_gathers_while_more_comes(
    path: Path, monkeypatch: pytest.MonkeyPatch, busy_bytes: int, group_bytes: int, commits: list[int]
) -> None:
    """An fsync is shared by more where much comes, and by nobody who would have to wait for it in vain."""
    seen, disk = Commits(), SlowDisk(monkeypatch)
    options = replace(ROOMY, busy_group_bytes=group_bytes, compression=Compression(1, 1, busy_bytes))
    async with disk_log(path, options=options, observer=seen) as log:
        first = log.submit([numbered(1)])
        await disk.busy.wait()
        rest = [log.submit([numbered(2)])]
        first.add_done_callback(lambda _: rest.append(log.submit([numbered(3)])))
        disk.go()
        await first
        await settle()
        await asyncio.gather(*rest)
    assert seen.batches == commits


async def test_a_resend_that_meets_its_first_copy_in_a_commit_is_a_duplicate(log: LmdbLog) -> None:
    """A producer that broke off and came back within a commit is stored once."""
    first, again = log.submit([numbered(1)]), log.submit([numbered(1)])
    assert (await first, await again) == ([Appended(0)], [Appended(0, duplicate=True)])


# --- waiting for room ------------------------------------------------------------------------------------------------


async def test_append_waits_while_too_much_waits_for_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is pending is bounded; as soon as a commit takes it, the waiting append goes on."""
    disk = SlowDisk(monkeypatch)
    async with disk_log(path, options=replace(ROOMY, max_pending_bytes=100)) as log:
        under_way = [log.submit([Entry("a", bytes(99), 1, 1)])]
        await disk.busy.wait()
        under_way += [log.submit([Entry("a", bytes(50), 1, 1)]) for _ in range(2)]
        waiting = asyncio.create_task(log.append([Entry("a", b"late", 1, 1)]))
        room = asyncio.create_task(log.room())
        await settle()
        assert not room.done()
        disk.go()
        await room
        assert await waiting == [Appended(3)]
        await asyncio.gather(*under_way)


async def test_an_append_cancelled_while_it_waits_is_not_stored(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its room is given back, and those around it are stored."""
    disk = SlowDisk(monkeypatch)
    async with disk_log(path, options=replace(ROOMY, max_pending_bytes=20, group_max_bytes=10)) as log:
        first = log.submit([numbered(1)])
        await disk.busy.wait()
        doomed = [asyncio.create_task(log.append([Entry("a", bytes(9), 1, 1)])) for _ in range(2)]
        await settle()
        after = log.submit([numbered(2)])
        for task in doomed:
            task.cancel()
        disk.go()
        assert [await first, await after] == [[Appended(0)], [Appended(1)]]
        await log.room()
        assert await log.bounds("a") == Bounds(0, 2)


async def test_an_append_cancelled_while_it_is_stored_stays_stored(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who left does not hear of it; watchers do, and the log goes on."""
    disk = SlowDisk(monkeypatch)
    async with disk_log(path) as log:
        heard: list[str] = []
        log.watch(lambda tenant, _: heard.append(tenant))
        left = asyncio.create_task(log.append([numbered(1)]))
        await disk.busy.wait()
        left.cancel()
        disk.go()
        assert await log.append([numbered(1), numbered(2)]) == [Appended(0, duplicate=True), Appended(1)]
        assert left.cancelled()
        assert heard == ["a", "a"]


# --- stopping --------------------------------------------------------------------------------------------------------


async def test_finish_stores_what_was_taken_and_takes_nothing_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who wait for room are sent away, those who were in are stored before `run` returns."""
    disk = SlowDisk(monkeypatch)
    log = LmdbLog(path, replace(ROOMY, max_pending_bytes=10, group_max_bytes=10), FOREVER)
    running = asyncio.create_task(log.run())
    taken = [log.submit([numbered(1)])]
    await disk.busy.wait()
    taken += [log.submit([numbered(seq)]) for seq in (2, 3)]
    waiting = asyncio.create_task(log.append([numbered(4)]))
    await settle()
    log.finish()
    with pytest.raises(ShuttingDownError):
        await waiting
    with pytest.raises(ShuttingDownError):
        await log.submit([numbered(4)])
    disk.go()
    await running
    assert [future.result() for future in taken] == [[Appended(0)], [Appended(1)], [Appended(2)]]
    assert await log.last_seq("a", "p1") == 3
    await log.close()


async def test_a_log_that_is_finished_before_it_runs_stores_what_it_has(path: Path) -> None:
    """However early the end comes, a batch that was taken is settled."""
    log = LmdbLog(path, ROOMY, FOREVER)
    taken = log.submit([numbered(1)])
    log.finish()
    await log.run()
    assert taken.result() == [Appended(0)]
    await log.close()


# --- a full disk -----------------------------------------------------------------------------------------------------


async def fill(log: LmdbLog, received: int) -> None:
    """Append until the log has no room."""
    for _ in range(100):
        await log.append([Entry("a", noise(3000), 1, received)])


async def test_a_full_log_refuses_whole_calls_and_goes_on_when_there_is_room(path: Path) -> None:
    """Nothing of a refused call is stored; reading goes on; retention makes room and appends work again."""
    options = replace(ROOMY, limits=StoreLimits(30_000, 0))
    async with disk_log(path, Retention(5, 2**40, 10**9), options) as log:
        with pytest.raises(StorageFullError):
            await fill(log, 1)
        before = await log.stats()
        heard: list[str] = []
        log.watch(lambda tenant, _: heard.append(tenant))
        with pytest.raises(StorageFullError) as caught:
            await log.append([numbered(1, tenant="b"), Entry("a", noise(3000), 1, 20 * SECOND)])
        assert caught.value.retry_after_seconds
        assert (await log.stats(), await log.last_seq("b", "p1"), heard) == (before, 0, [])
        assert len(await read_all(log, "a")) == before["a"].bounds.next
        assert await log.retain(20 * SECOND) == before["a"].bounds.next - 1
        assert await log.append([numbered(1, tenant="b"), Entry("a", noise(3000), 1, 20 * SECOND)]) == [
            Appended(0),
            Appended(before["a"].bounds.next),
        ]


@pytest.fixture
def no_growth(path: Path) -> Iterator[AbstractContextManager[None]]:
    """Let no file grow beyond what the log has: for the system's writes, a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    class NoGrowth:
        def __enter__(self) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))

        def __exit__(self, *_: object) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    yield NoGrowth()
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_file_that_cannot_grow_is_a_full_log(log: LmdbLog, no_growth: AbstractContextManager[None]) -> None:
    """The system's own refusal is told as StorageFullError, and once there is room the log takes the batch."""
    await log.append([numbered(1)])
    with no_growth:
        with pytest.raises(StorageFullError, match="no room"):
            await log.append([numbered(2), Entry("a", noise(500_000), 1, 1)])
        assert len(await read_all(log, "a")) == 1
    assert await log.append([numbered(2)]) == [Appended(1)]


# --- a broken disk ---------------------------------------------------------------------------------------------------


async def test_a_log_whose_disk_failed_takes_nothing_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits is told, `run` ends with the error, later appends get it too, and what is stored can be read."""
    log = LmdbLog(path, replace(ROOMY, group_max_bytes=10, max_pending_bytes=15), FOREVER)
    running = asyncio.create_task(log.run())
    await log.append([numbered(1)])
    disk = SlowDisk(monkeypatch)
    monkeypatch.setattr(os, "statvfs", broken)
    in_commit = log.submit([numbered(2)])
    await disk.busy.wait()
    behind = [log.submit([numbered(seq)]) for seq in (3, 4, 5)]
    waiting = asyncio.create_task(log.append([numbered(6)]))
    await settle()
    disk.go()
    with pytest.raises(StorageFailedError, match="Input/output error"):
        await running
    for one in (in_commit, *behind, waiting, log.append([numbered(2)]), log.submit([numbered(2)])):
        with pytest.raises(StorageFailedError):
            await one
    assert len(await read_all(log, "a")) == 1
    await log.close()
    async with disk_log(path) as again:
        assert await again.last_seq("a", "p1") == 1


def broken(_: object) -> os.statvfs_result:
    """Fail as a disk does."""
    raise OSError(5, os.strerror(5))


class BrokenEnvironment:
    """An LMDB environment whose commits end as LMDB's do when fsync fails; reads go through."""

    def __init__(self, env: lmdb.Environment) -> None:
        self.commits = 0
        self._env = env

    def begin(self, *, write: bool = False, **_: bool) -> lmdb.Transaction:
        """Begin a transaction."""
        if not write:
            return self._env.begin()
        self.commits += 1
        message = "mdb_txn_commit: Input/output error"
        raise lmdb.DiskError(message)

    def close(self) -> None:
        """Close."""
        self._env.close()


async def test_a_failed_fsync_is_a_failed_disk(log: LmdbLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """What LMDB says of a commit that the disk did not keep ends the log, and nothing is tried again."""
    env = BrokenEnvironment(log._store._env)  # noqa: SLF001  the disk itself cannot be made to fail
    monkeypatch.setattr(log._store, "_env", env)  # noqa: SLF001  as above
    for _ in range(2):
        with pytest.raises(StorageFailedError, match="the hub stops"):
            await log.append([numbered(1)])
    assert env.commits == 1
    assert await log.bounds("a") == Bounds(0, 0)


# --- several processes -----------------------------------------------------------------------------------------------

OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from hub.log.bell import SocketBell
from tests.unit.log.disk import disk_log, numbered

async def main(folder):
    async with disk_log(folder / "log.mdb", bell=SocketBell(folder / "bells")) as log:
        outcomes = await log.append([numbered(2), numbered(3)])
        print(log.epoch, *(outcome.first_offset for outcome in outcomes))

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("size", [1000, 600_000])
async def test_who_watches_gets_the_batch_as_it_was_compressed(path: Path, size: int) -> None:
    """Whether the event loop compressed it, or the writer's thread."""
    heard: list[StoredBatch] = []
    data = b"log text " * (size // 9)
    async with disk_log(path) as log:
        log.watch(lambda _, batches: heard.extend(batches))
        await log.append([Entry("a", data, 1, 5)])
    assert [zstandard.decompress(one.zstd) for one in heard] == [data]


@pytest.mark.parametrize(("busy_bytes", "kept"), [(8, [True, False]), (7, [False, False]), (16, [True, True])])
async def test_who_watches_gets_the_parts_of_what_did_not_have_to_wait(
    path: Path, busy_bytes: int, kept: list[bool]
) -> None:
    """While much waits for the disk it is kept once, not twice."""
    heard: list[StoredBatch] = []
    parts = Parts(b"head", [b"record"])
    async with disk_log(path, options=replace(ROOMY, compression=Compression(1, 1, busy_bytes))) as log:
        log.watch(lambda _, batches: heard.extend(batches))
        entry = Entry("a", b"8 bytes.", 1, 5, parts=parts)
        await asyncio.gather(log.submit([entry]), log.submit([entry]))
    assert [one.parts is parts for one in heard] == kept


async def test_a_commit_of_another_process_wakes_this_one(path: Path) -> None:
    """Both write to one log: the other's batches have the next offsets, and are read here once the bell has rung."""
    rung, heard = asyncio.Event(), list[tuple[str, int]]()
    async with disk_log(path, bell=SocketBell(path.parent / "bells")) as log:
        await log.append([numbered(1)])
        log.watch(lambda tenant, batches: heard.append((tenant, len(batches))))
        log.watch(lambda *_: rung.set())
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", OTHER_PROCESS, path.parent, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await other.communicate()
        assert said.decode().split() == [str(log.epoch), "1", "2"]
        async with asyncio.timeout(5):
            await rung.wait()
        assert heard == [("a", 0)]
        assert await log.last_seq("a", "p1") == 3
        assert await log.append([numbered(3), numbered(4)]) == [Appended(0, duplicate=True), Appended(3)]

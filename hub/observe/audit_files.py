"""The files of an audit chain: written behind the last, changed by size, removed by number and age.

    <folder>/<chain>.00000001.jsonl   the lines; the chain goes on from one file to the next
    <folder>/<chain>.head             which lines must be there, written after they are on disk; locked by the writer
    <folder>/<chain>.00000001.torn    what a crash had left of a line that was not whole

A chain is that of one worker, and of one key: `worker-0`, or `worker-0-1a2b3c4d` with the id of the key.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import ConfigError
from hub.observe.audit_chain import HEAD_BYTES, MIN_KEY_BYTES, Head, Place, Seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_NAME = re.compile(r"(?P<chain>[a-z0-9-]+)\.(?P<number>[0-9]{8})\.jsonl")
_HEAD_SUFFIX = ".head"
# No line of ours is longer: its texts are cut.
MAX_LINE_BYTES = 32_768


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Size of a file; how many, and how old, are kept."""

    max_file_bytes: int
    keep_files: int
    keep_seconds: float


def chain_name(worker: int, seal: Seal) -> str:
    """Return the name of a worker's chain."""
    return f"worker-{worker}-{seal.key_id}" if seal.key else f"worker-{worker}"


def load_key(path: Path) -> Seal:
    """Return the seal of a key file; ConfigError where it cannot be read or is too short to be a secret."""
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        msg = f"the audit key {path} cannot be read: {error.strerror}; make one with 'openssl rand -hex 32'"
        raise ConfigError(msg) from error
    if len(key) < MIN_KEY_BYTES:
        msg = (
            f"the audit key {path} has {len(key)} bytes, it must have {MIN_KEY_BYTES}: 'openssl rand -hex 32' makes 64"
        )
        raise ConfigError(msg)
    return Seal(key)


def chain_files(folder: Path, chain: str) -> dict[int, Path]:
    """Return the files of a chain by their number, in order."""
    matches = {path: _NAME.fullmatch(path.name) for path in folder.iterdir()}
    found = {int(match["number"]): path for path, match in matches.items() if match and match["chain"] == chain}
    return dict(sorted(found.items()))


def chain_names(folder: Path) -> list[str]:
    """Return the chains that have a head or a file in the folder."""
    names = {path.stem for path in folder.glob(f"*{_HEAD_SUFFIX}")}
    names |= {match["chain"] for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))}
    return sorted(names)


def read_head(folder: Path, chain: str, seal: Seal) -> Head | None:
    """Return a chain's head; None where there is none that holds."""
    try:
        return Head.read((folder / f"{chain}{_HEAD_SUFFIX}").read_bytes(), chain, seal)
    except FileNotFoundError:
        return None


def read_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file with their line feeds; one that has none, or is too long, is the last."""
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            yield line
            if not line.endswith(b"\n"):
                return


class Journal:
    """Writes one chain; of one thread.

    `found` says what was wrong with what was there when it was opened ("": nothing), and `damaged` whether that cannot
    come from a crash. A write that fails leaves the chain as it was before it, to go on when there is room again.
    """

    def __init__(self, folder: Path, worker: int, seal: Seal, limits: FileLimits) -> None:
        """Open the chain and lock it; ConfigError where that cannot be."""
        self.chain = chain_name(worker, seal)
        self.found = ""
        self.damaged = False
        self._folder = folder
        self._seal = seal
        self._limits = limits
        self._descriptor = -1
        self._size = 0
        self._number = 0
        self._dirty = False
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._head = os.open(folder / f"{self.chain}{_HEAD_SUFFIX}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._lock()
            self.last, self._first = self._resume()
            self._write_head()
        except OSError as error:
            msg = f"the audit log {folder} cannot be written: {error.strerror}; set audit.path, or audit.enabled: false"
            raise ConfigError(msg) from error

    def _lock(self) -> None:
        try:
            fcntl.flock(self._head, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._head)
            msg = f"another hub writes the audit chain {self.chain} in {self._folder}: give each its own audit.path"
            raise ConfigError(msg) from error

    # --- going on where the last process ended -----------------------------------------------------------------------

    def _resume(self) -> tuple[Place, int]:
        """Return where the chain ends and what its first line is; what does not fit its head stays, for `verify`.

        Lines behind the head were not known to be on disk, so that a crash may have left them in part.
        """
        raw = os.pread(self._head, HEAD_BYTES, 0)
        head = Head.read(raw, self.chain, self._seal)
        files = chain_files(self._folder, self.chain)
        self._number = max(files, default=0)
        if not files:
            if raw and not (head and head.last.seq == 0):
                self._damage("the files of the chain are gone")
            return (head.last, head.first) if head else (Place(), 1)
        place, whole = self._end_of(files[self._number])
        if head and (place.seq < head.last.seq or (place.seq == head.last.seq and place.hash != head.last.hash)):
            self._damage(f"the chain ends with line {place.seq}, its head knows of {head.last.seq} or of another")
            return head.last, head.first
        if head is None:
            self._damage("the head of the chain is gone or was changed")
        self._descriptor = os.open(files[self._number], os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._size = os.fstat(self._descriptor).st_size
        if whole < self._size:
            self._set_torn_aside(files[self._number], whole)
        return place, head.first if head else 1

    def _damage(self, what: str) -> None:
        self.found, self.damaged = what, True

    def _end_of(self, path: Path) -> tuple[Place, int]:
        """Return the place behind the last line that holds and follows the one before it, and the bytes up to there."""
        place: Place | None = None
        whole = 0
        for line in read_lines(path):
            fields = self._seal.opened(line[:-1]) if line.endswith(b"\n") else None
            if fields is None:
                break
            before = place or Place(fields["seq"] - 1, fields["prev"])
            place, fault = before.after(fields)
            if fault:
                place = before
                break
            whole += len(line)
        if place is None:  # a file that was just begun: the line before it is in the one before
            older = [one for one in chain_files(self._folder, self.chain).values() if one.name < path.name]
            return (self._end_of(older[-1])[0] if older else Place()), 0
        return place, whole

    def _set_torn_aside(self, path: Path, whole: int) -> None:
        rest = path.read_bytes()[whole:]
        aside = os.open(path.with_suffix(".torn"), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(aside, "wb") as file:
            file.write(rest)
        os.ftruncate(self._descriptor, whole)
        self._size = whole
        self.found = self.found or f"{len(rest)} bytes behind the last whole line were set aside, from a crash"

    # --- writing -----------------------------------------------------------------------------------------------------

    def append(self, events: Iterable[Mapping[str, object]]) -> None:
        """Write events behind the last, with their number and hashes; OSError where none of them could be."""
        place = self.last
        lines: list[bytes] = []
        for event in events:
            line, digest = self._seal.sealed({"seq": place.seq + 1, **event, "prev": place.hash})
            place = Place(place.seq + 1, digest)
            lines.append(line + b"\n")
        data = b"".join(lines)
        if self._descriptor < 0 or (self._size and self._size + len(data) > self._limits.max_file_bytes):
            self._rotate()
        try:
            self._write(data)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(data)
        self.last = place
        self._dirty = True

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def sync(self) -> None:
        """Have what was written on disk, and the head say so; OSError where that failed."""
        if not self._dirty:
            return
        os.fsync(self._descriptor)
        self._dirty = False
        self._write_head()

    def close(self) -> None:
        """Write all to disk, and let the chain go."""
        try:
            self.sync()
        finally:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            os.close(self._head)

    def _write_head(self) -> None:
        os.pwrite(self._head, Head(self.chain, self._first, self.last).line(self._seal), 0)

    def _rotate(self) -> None:
        if self._descriptor >= 0:
            self.sync()
            os.close(self._descriptor)
            self._descriptor = -1
        path = self._folder / f"{self.chain}.{self._number + 1:08}.jsonl"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._number += 1
        self._size = 0
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._retain()

    def _retain(self) -> None:
        """Remove files beyond the number or age that is kept, after the head says that they may be gone."""
        files = chain_files(self._folder, self.chain)
        numbers = [number for number in files if number != self._number]
        old = time.time() - self._limits.keep_seconds
        surplus = max(0, len(files) - self._limits.keep_files)
        gone = [n for i, n in enumerate(numbers) if i < surplus or files[n].stat().st_mtime < old]
        kept = [number for number in numbers if number not in gone]
        if not gone:
            return
        self._first = _first_seq(files[kept[0]], self._seal) if kept else self.last.seq + 1
        self._write_head()
        for number in gone:
            files[number].unlink()
            files[number].with_suffix(".torn").unlink(missing_ok=True)


def _first_seq(path: Path, seal: Seal) -> int:
    """Return the number of a file's first line; 1, so that nothing may be missing, where it does not hold."""
    fields = seal.opened(next(read_lines(path), b"").rstrip(b"\n"))
    return int(fields["seq"]) if fields else 1

"""The hub's own list of revocations: a file of JSON lines in the data folder, which all workers and commands share.

A line is appended under a lock and is on disk when `append` returns; each worker notices by the file's size. Lines of
what has ended by itself are left out when the file is next written anew, which happens at start.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hub.core.principal import check_tenant
from hub.core.revocation import Kind, Revocation
from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class RevokedFile:
    """The file; not there means that nothing is revoked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, data_dir: Path) -> RevokedFile:
        """Return the list of the hub whose data is in this folder."""
        return cls(data_dir / "revoked.jsonl")

    def read(self) -> tuple[Revocation, ...]:
        """Return all entries, oldest first; ConfigError, naming the line, where one cannot be read."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unusable(error) from error
        whole = lines[:-1]  # behind the last newline there is nothing, or what was never said to be stored
        return tuple(self._entry(number, line) for number, line in enumerate(whole, 1) if line)

    def append(self, entry: Revocation) -> None:
        """Store an entry; it is on disk when this returns. ConfigError where that cannot be."""
        line = json.dumps({name: value for name, value in asdict(entry).items() if value not in ("", None)})
        try:
            with self._locked():
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
                with os.fdopen(descriptor, "r+b") as file:
                    file.seek(file.read().rfind(b"\n") + 1)  # over the half of a line that nobody was told is stored
                    file.truncate()
                    file.write(line.encode() + b"\n")
                    file.flush()
                    os.fsync(descriptor)
        except OSError as error:
            raise self._unusable(error) from error

    def prune(self, now: float) -> None:
        """Write the file anew without what has ended by itself, if there is any."""
        try:
            with self._locked():
                entries = self.read()
                kept = [entry for entry in entries if entry.until is None or entry.until > now]
                if len(kept) < len(entries):
                    self._replace(kept)
        except OSError as error:
            raise self._unusable(error) from error

    def _replace(self, entries: list[Revocation]) -> None:
        scratch = self.path.with_name(f".{self.path.name}.new")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.writelines(json.dumps(asdict(entry)) + "\n" for entry in entries)
            file.flush()
            os.fsync(descriptor)
        scratch.replace(self.path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock, which is a file of its own, since the list itself is replaced."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _entry(self, number: int, line: bytes) -> Revocation:
        try:
            fields: dict[str, Any] = json.loads(line)
            entry = Revocation(
                Kind(fields["kind"]),
                str(fields["id"]),
                float(fields["at"]),
                str(fields.get("tenant", "")),
                None if fields.get("until") is None else float(fields["until"]),
                str(fields.get("reason", "")),
            )
            if entry.tenant:
                check_tenant(entry.tenant)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            msg = (
                f"{self.path}, line {number}, cannot be read as a revocation ({error}): mend or remove the line, "
                "and revoke again what it named"
            )
            raise ConfigError(msg) from error
        return entry

    def _unusable(self, error: OSError) -> ConfigError:
        return ConfigError(f"the list of revocations {self.path} cannot be used: {error.strerror}")

"""Child processes: each in a group of its own, its output in a file, ended by its id."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from hub.errors import LoghubError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_STOP_SECONDS = 25.0
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)
# As a shell says that a signal ended a program.
_SIGNALLED = 128
_LAST_LINES = 15


class ChildError(LoghubError):
    """A program that was started has ended early."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running program."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise ChildError, with the last lines it wrote, where it has ended."""
        status = self.process.poll()
        if status is not None:
            lines = "\n".join(self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
            msg = f"{self.name} ended with status {status}; its last lines ({self.log}):\n{lines}"
            raise ChildError(msg)

    def kill(self) -> None:
        """End it with SIGKILL, and wait for that."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Children:
    """Starts programs, and ends them all in reverse order; a context manager of the main thread's, or of any other.

    They have sessions of their own, so whoever ends this process by SIGTERM, or closes its terminal, ends none of them:
    in the main thread both become SystemExit here, and the programs end with the context.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[Child] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Begin."""
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, _leave) for one in _ENDINGS if _unclaimed(one)}
        return self

    def __exit__(self, *_error: object) -> None:
        """End all; who is in a hurry and says so again does not leave some of them running."""
        for one in self._before:
            signal.signal(one, signal.SIG_IGN)
        for child in reversed(self._running):
            _end(child)
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> Child:
        """Start a program with additional environment variables."""
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  our own command lines
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        child = Child(name, process, log)
        self._running.append(child)
        return child

    def check(self) -> None:
        """Raise ChildError where one has ended."""
        for child in self._running:
            child.check()


def _unclaimed(one: int) -> bool:
    return signal.getsignal(one) is signal.SIG_DFL


def _leave(one: int, _frame: object) -> None:
    raise SystemExit(_SIGNALLED + one)


def _end(child: Child) -> None:
    process = child.process
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()

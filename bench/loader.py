"""Loaders are processes of their own: started with one line of JSON, they answer and are asked line by line.

Every wait is bounded, so a hub that stands still ends a benchmark with an error instead of holding it for ever.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Self

from hub.cli.children import ChildError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SECONDS = 60.0
_CHUNK = 2**20


class Loader:
    """A module of `bench` that runs as a process of its own; leaves nothing behind when the `with` ends.

    `command`: another program that speaks as these modules do.
    """

    def __init__(
        self,
        module: str,
        argument: Mapping[str, Any],
        seconds: float = _SECONDS,
        command: Sequence[str] = (),
    ) -> None:
        """Start it; each of its answers must come within `seconds`."""
        self._module = module
        self._seconds = seconds
        self._heard = bytearray()
        # The argument comes on standard input, since a command line is too short for thousands of filters.
        program = command or [sys.executable, "-m", f"bench.{module}"]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._say(argument)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """End the process if it has not."""
        self._process.kill()
        self._process.communicate()

    def wait_ready(self) -> dict[str, Any]:
        """Wait until the loader has something to say, and return it; ChildError where it does not in time."""
        deadline = time.monotonic() + self._seconds
        while (end := self._heard.find(b"\n")) < 0:
            self._heard += self._read(deadline)
        line = bytes(self._heard[:end])
        del self._heard[: end + 1]
        found: dict[str, Any] = json.loads(line)
        return found

    def finish(self, word: object) -> dict[str, Any]:
        """Say the word that the loader waits for, and return what it has to tell."""
        self._say(word)
        return self.wait_ready()

    def _say(self, word: object) -> None:
        rest = memoryview(json.dumps(word).encode() + b"\n")
        try:
            while rest and self._process.stdin:
                rest = rest[self._process.stdin.write(rest) :]
        except BrokenPipeError as error:
            raise self._silent() from error

    def _read(self, deadline: float) -> bytes:
        fd = self._process.stdout.fileno() if self._process.stdout else -1
        ready, _, _ = select.select([fd], [], [], max(deadline - time.monotonic(), 0.0))
        chunk = os.read(fd, _CHUNK) if ready else b""
        if not chunk:
            raise self._silent()
        return chunk

    def _silent(self) -> ChildError:
        msg = f"bench.{self._module} ended, or said nothing for {self._seconds:g} s: see its messages above"
        return ChildError(msg)


def hear() -> Any:  # noqa: ANN401  whatever JSON holds
    """Return what the one who started this process says next."""
    return json.loads(sys.stdin.readline())


def say(what: object) -> None:
    """Tell the one who started this process."""
    print(json.dumps(what), flush=True)

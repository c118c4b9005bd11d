"""A loader as a child process: it says that it is ready, waits for a word, and tells its result at its end."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 60.0


class Loader:
    """A module of `bench` that runs as a process of its own; leaves nothing behind when the `with` ends."""

    def __init__(self, module: str, argument: Mapping[str, Any]) -> None:
        command = [sys.executable, "-m", f"bench.{module}"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._process.stdin:
            self._process.stdin.write(json.dumps(argument) + "\n")
            self._process.stdin.flush()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """End the process if it has not."""
        self._process.kill()
        self._process.communicate()

    def wait_ready(self) -> dict[str, Any]:
        """Wait until the loader has something to say, and return it."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            msg = "a loader ended before it was ready"
            raise RuntimeError(msg)
        found: dict[str, Any] = json.loads(line)
        return found

    def finish(self, word: object) -> dict[str, Any]:
        """Say the word that the loader waits for, and return what it has to tell at its end."""
        out, _ = self._process.communicate(json.dumps(word) + "\n", timeout=_SECONDS)
        result: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return result


def hear() -> dict[str, Any]:
    """Return what this process is to do."""
    argument: dict[str, Any] = json.loads(sys.stdin.readline())
    return argument


def say(what: object) -> None:
    """Tell the one who started this process."""
    print(json.dumps(what), flush=True)

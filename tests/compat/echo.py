"""The other languages: programs that read a message and write it again, in frames over pipes."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from struct import Struct
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LENGTH = Struct(">I")
_STOP_SECONDS = 10.0
_LAST_BYTES = 2000


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message: its new form, or why it was refused."""

    taken: bool
    content: bytes

    def both(self) -> tuple[bytes, bytes]:
        """Return protobuf and JSON of an answer to the request `R`."""
        assert self.taken, self.content
        return split(self.content)


def split(content: bytes) -> tuple[bytes, bytes]:
    """Return the two parts of a frame that holds the length of the first before them."""
    end = LENGTH.size + LENGTH.unpack_from(content)[0]
    return content[LENGTH.size : end], content[end:]


def frame(content: bytes) -> bytes:
    """Return a frame: length and content."""
    return LENGTH.pack(len(content)) + content


def request(what: str, kind: str, content: bytes) -> bytes:
    """Return a request: B, J, P or R, as `io.loghub.compat.Echo` names them, for a message of a kind."""
    name = kind.encode()
    return what.encode() + bytes((len(name),)) + name + content


class Peer:
    """A program that is spoken to in frames; a context manager that ends it.

    Writing has a thread, so that neither side waits for the other with a full pipe. What is written ahead is what a
    caller has sent and not received, so the caller bounds it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._errors: IO[bytes] = TemporaryFile()  # noqa: SIM115  closed with the process
        self._writer = ThreadPoolExecutor(1, "writer")

    def __enter__(self) -> Self:
        """Start it."""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, bufsize=1 << 16
        )
        assert self._process.stdin
        assert self._process.stdout
        self._in, self._out = self._process.stdin, self._process.stdout
        return self

    def __exit__(self, error: type[BaseException] | None, *_more: object) -> None:
        """End it: by the end of its input; or by its id, where answers may be open that nobody will read."""
        if error:
            self._process.kill()
        self._writer.shutdown(cancel_futures=True)
        try:
            self._process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._errors.close()

    def send(self, contents: Iterable[bytes]) -> None:
        """Write frames, in the background."""
        self._writer.submit(self._write, b"".join(map(frame, contents)))  # where it fails, receive() says so

    def receive(self) -> bytes:
        """Return the next frame."""
        head = self._out.read(LENGTH.size)
        if len(head) < LENGTH.size:
            self._errors.seek(0)
            said = self._errors.read()[-_LAST_BYTES:].decode(errors="replace")
            msg = f"{' '.join(self._command)} has ended:\n{said}"
            raise AssertionError(msg)
        return self._out.read(LENGTH.unpack(head)[0])

    def answers(self, count: int) -> list[Answer]:
        """Return the answers to so many requests."""
        frames = (self.receive() for _ in range(count))
        return [Answer(content[0] == 0, content[1:]) for content in frames]

    def ask(self, what: str, kind: str, content: bytes) -> Answer:
        """Send a request and return its answer."""
        self.send([request(what, kind, content)])
        return self.answers(1)[0]

    def _write(self, content: bytes) -> None:
        self._in.write(content)
        self._in.flush()

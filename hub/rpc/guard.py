"""The guard of the gRPC port: holds and cuts connections that send much that no service takes.

What is too much is decided in `hub.core.line_account`; here is when it is looked at. The kernel says on which
connections something came, so that those that are idle cost nothing.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from hub.core.line_account import LineAccount, LineLimits, Verdict
from hub.rpc.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)
# How often connections are looked at while something comes; each that has news then costs 5 us.
_TURN_SECONDS = 0.01
# How often while a connection is new, or above what it may: a stranger sends 50 KiB in three milliseconds.
_ALERT_SECONDS, _ALERT_TURN_SECONDS = 0.1, 0.003
# How often one that is held is looked at.
_HELD_SECONDS = 0.05
# Clients of ours are looked at in turn, whatever comes: to be woken by all their news cost 0.5 us a record at 50,000 a
# second. So is a peer that does not read, which may have no news to tell. So many at once, or a hundredth of all.
_ROUND_SECONDS, _ROUND_LINES, _ROUND_SHARE = 0.02, 16, 100
# How often, once nothing has come for so long.
_IDLE_SECONDS, _IDLE_TURN_SECONDS = 0.5, 0.1
# What the kernel keeps of a peer that no service listens to, while gRPC does not read: little comes after it is held.
# It is where Linux begins (it doubles what is set). With less, segments over the loopback, of 64 KiB, had no room.
_STRANGER_WINDOW_BYTES = 2**16


class Sockets(Protocol):
    """The sockets of a port, by the numbers of their files; `hub.rpc.sockets.GrpcSockets`."""

    @property
    def turns(self) -> int:
        """How many calls of `find` find all."""

    def fileno(self) -> int:
        """Return what can be read, for an event loop, once there is news."""

    def news(self) -> list[int]:
        """Return the connections on which something came since the last time."""

    def ignore(self, file: int, peer: Peer) -> None:
        """Tell no more news of a connection."""

    def find(self) -> Iterator[tuple[int, Peer | None]]:
        """Yield connections that are new, and numbers that stand for none any more."""

    def counts(self, file: int) -> tuple[int, int] | None:
        """Return how many bytes came and how many the peer has acknowledged; None where it is gone."""

    def narrow(self, file: int, peer: Peer, size: int) -> None:
        """Have the kernel keep about so many bytes at most that gRPC has not read; 0: as many as it likes."""

    def hold(self, file: int, peer: Peer) -> bool:
        """Have the kernel drop what comes; the peer sends it again later; False where it is gone."""

    def release(self, file: int, peer: Peer) -> bool:
        """Have it take what comes; False where it is gone."""

    def drain(self, file: int, peer: Peer) -> None:
        """Drop what came and has not been read: gRPC can make nothing of what follows."""

    def cut(self, file: int, peer: Peer) -> bool:
        """Reset the connection, and drop what has not been read; False where it is gone."""

    def close(self) -> None:
        """Let go of everything."""


class Line:
    """A connection; `file` is -1 while its socket is not known, `identity` "" before the first call."""

    __slots__ = ("account", "calls", "file", "held_at", "identity", "judged", "narrow", "peer", "sought", "told")

    def __init__(self, peer: Peer, account: LineAccount) -> None:
        self.peer = peer
        self.account = account
        self.file = -1
        self.identity = ""
        self.judged = self.held_at = 0.0
        self.calls = 0
        self.narrow = self.sought = self.told = False


class Guard:
    """Watches the connections of a port; `flooded` is told of each that is held for more than a moment, or cut."""

    def __init__(self, limits: LineLimits, flooded: Callable[[str], None]) -> None:
        self._limits = limits
        self._flooded = flooded
        # As many as there are connections, which the limit of open files bounds.
        self._lines: dict[Peer, Line] = {}
        self._files: dict[int, Line] = {}
        self._held: set[Line] = set()
        self._suspects: set[Line] = set()
        self._round: list[Line] = []
        self._watch: _Watch | None = None
        self._arrived = False
        self._turns = 0
        self._alert_until = self._busy_until = 0.0

    def begin(self, sockets: Sockets) -> None:
        """Watch a port's connections from now on; to be called in the event loop."""
        self._watch = _Watch(asyncio.get_running_loop(), sockets, self._look)
        self._watch.again(_ROUND_SECONDS)

    def end(self) -> None:
        """Watch no more."""
        if self._watch:
            self._watch.end()
            self._watch = None

    def arrived(self) -> None:
        """Take note that a connection has come; from any thread."""
        watch = self._watch
        if watch and not self._arrived:
            self._arrived = True
            watch.hurry()

    # --- what the services say ---------------------------------------------------------------------------------------

    def enter(self, address: str) -> Line:
        """Return the line of a call's peer, by the address that gRPC writes; `leave` must follow."""
        peer = Peer.of(address)
        line = self._lines.get(peer)
        if line is None:
            line = self._lines[peer] = Line(peer, LineAccount(self._limits, monotonic()))
        line.calls += 1
        if self._watch and line.file < 0 and not line.sought:
            line.sought = True
            self._find(self._watch.sockets)
            self.arrived()
        if not line.account.known:
            self._judge(line)
        return line

    def leave(self, line: Line) -> None:
        """Take note that a call of a line has ended."""
        line.calls -= 1
        if not line.calls and line.file < 0:
            self._lines.pop(line.peer, None)

    def asked(self, line: Line, most_bytes: int) -> None:
        """Take note that a service waits for a call's messages, of which so many bytes may be under way."""
        line.account.asked(most_bytes)
        if line.narrow and self._watch and line.file >= 0:
            line.narrow = False
            self._watch.sockets.narrow(line.file, line.peer, 0)
        if line.account.held:
            self._judge(line)

    def answered(self, line: Line, most_bytes: int) -> None:
        """Take note that a call's message was taken, or the call answered."""
        if not line.account.known and self._watch and line.file >= 0:
            self._watch.sockets.ignore(line.file, line.peer)
        line.account.answered(most_bytes)
        if line.account.held:
            self._judge(line)

    def offended(self, line: Line) -> None:
        """Take note that a peer did what no client does: it is held at once."""
        line.account.offended()
        self._judge(line)
        if self._watch and line.file >= 0:
            self._watch.sockets.drain(line.file, line.peer)

    # --- looking -----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        watch, now = self._watch, monotonic()
        if not watch:
            return
        if self._arrived:
            self._arrived = False
            self._turns = watch.sockets.turns
        if self._turns:
            self._turns -= 1
            self._find(watch.sockets)
        files = watch.sockets.news()
        for file in files:
            line = self._files.get(file)
            if line and not line.account.held:
                self._judge(line)
        late = [line for line in self._held if now - line.judged >= _HELD_SECONDS]
        for line in (*late, *[line for line in self._suspects if line.judged < now]):
            self._judge(line)
        self._go_round(now)
        watch.again(self._pause(now, busy=bool(files)))

    def _pause(self, now: float, *, busy: bool) -> float:
        """Return how long nothing need be looked at."""
        if now < self._alert_until or self._arrived:
            return _ALERT_TURN_SECONDS
        if busy or self._held or self._turns:
            return _TURN_SECONDS
        return _ROUND_SECONDS if now < self._busy_until else _IDLE_TURN_SECONDS

    def _go_round(self, now: float) -> None:
        """Look at a few of those that have not been looked at for long."""
        if not self._round:
            self._round = list(self._files.values())
        some = max(_ROUND_LINES, len(self._files) // _ROUND_SHARE)
        for line in self._round[-some:]:
            if now - line.judged >= _ROUND_SECONDS:
                self._judge(line)
        del self._round[-some:]

    def _find(self, sockets: Sockets) -> None:
        for file, peer in sockets.find():
            self._found(sockets, file, peer)

    def _found(self, sockets: Sockets, file: int, peer: Peer | None) -> None:
        if old := self._files.pop(file, None):
            self._forget(old, file)
        if peer is None:
            return
        line = self._lines.get(peer)
        if line is None:
            line = self._lines[peer] = Line(peer, LineAccount(self._limits, monotonic()))
        line.file = file
        self._files[file] = line
        self._alert_until = monotonic() + _ALERT_SECONDS
        if line.account.known:
            sockets.ignore(file, peer)
        elif not line.calls:
            line.narrow = True
            sockets.narrow(file, peer, _STRANGER_WINDOW_BYTES)
        self._judge(line)

    def _forget(self, line: Line, file: int) -> None:
        if line.file != file:  # its address has another connection by now
            return
        self._held.discard(line)
        self._suspects.discard(line)
        line.file = -1
        if not line.calls:
            self._lines.pop(line.peer, None)

    # --- judging -----------------------------------------------------------------------------------------------------

    def _judge(self, line: Line) -> None:
        if not self._watch or line.file < 0:
            return
        sockets, now = self._watch.sockets, monotonic()
        counts = sockets.counts(line.file)
        if counts is None:
            self._gone(line)
            return
        line.judged = now
        if counts[0] != line.account.received_bytes:
            self._busy_until = now + _IDLE_SECONDS
        verdict = line.account.judge(now, *counts)
        self._suspects.discard(line)
        if verdict is Verdict.HOLD and sockets.hold(line.file, line.peer):
            line.held_at = now
            self._held.add(line)
        elif verdict is Verdict.RELEASE and sockets.release(line.file, line.peer):
            self._held.discard(line)
        elif verdict is Verdict.CUT and sockets.cut(line.file, line.peer):
            self._say(line, "cut")
            self._gone(line)
        elif verdict is Verdict.PASS:
            if line.account.held and not line.told and now - line.held_at >= _HELD_SECONDS:
                line.told = True
                self._say(line, "held")
            elif line.account.suspect:
                self._suspects.add(line)
                self._alert_until = now + _ALERT_SECONDS
        else:  # the number stands for something else by now
            self._gone(line)

    def _gone(self, line: Line) -> None:
        del self._files[line.file]
        self._forget(line, line.file)

    def _say(self, line: Line, what: str) -> None:
        self._flooded(what)
        account = line.account
        fields = {"peer": str(line.peer), "identity": line.identity, "stray_bytes": account.stray_bytes}
        _log.warning(f"grpc_flood_{what}", extra={"fields": {**fields, "allowed_bytes": account.allowed_bytes}})


class _Watch:
    """When to look: after a time, or as soon as there is news, but not twice within a turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sockets: Sockets, look: Callable[[], None]) -> None:
        self.sockets = sockets
        self._loop = loop
        self._look = look
        self._looked = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._reading = False

    def again(self, seconds: float) -> None:
        """Look after a time; before, too, where it is a long one and there is news."""
        self._looked = monotonic()
        self._set(seconds)

    def hurry(self) -> None:
        """Look as soon as may be; from any thread."""
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._hurry)

    def end(self) -> None:
        """Look no more."""
        self._unset()
        self.sockets.close()
        self._timer = None

    def _hurry(self) -> None:
        if self._timer:
            self._set(max(0.0, self._looked + _ALERT_TURN_SECONDS - monotonic()))

    def _set(self, seconds: float) -> None:
        self._unset()
        self._timer = self._loop.call_later(seconds, self._look)
        if seconds > _TURN_SECONDS:
            self._reading = True
            self._loop.add_reader(self.sockets.fileno(), self._look)

    def _unset(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self.sockets.fileno())

"""What came on a connection of gRPC, against what the services took from it: who sends much that nobody takes, floods.

The C core speaks HTTP/2 in threads of its own and has no limit for most of its frames, so a peer is judged by bytes
alone: what the kernel received on the connection, less the calls and messages that came out of it. What remains is
*stray*: frames that carry no message, and messages that are not whole yet. It is forgiven at a steady rate, since
pings, settings and windows are legitimate, and may come to

    stranger_bytes   from a peer that has not had a call answered yet
    + once           for what a call may send before the services take it, from then on
    + once more      for each call while a service waits for its messages

A client is trusted with the latter two by and by: with `client_bytes` and twice its largest message at first, and with
`client_bytes` more each time that it was held and the services caught up, and for each fifth of a second that it is
held. So one that has more under way than others is late a few times at most, and a flood comes in small pieces.

A connection above that for a moment is held: the kernel drops what comes, and TCP sends it again later, so that a peer
that was only quicker than the hub loses nothing. It is released as soon as the services have caught up, and cut if they
never do, `hold_seconds` after it was last trusted with more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

# A message's prefix, frames and TLS records add less than a sixteenth of it and this; so do a call's headers.
_SHARE_SHIFT = 4
_EACH_BYTES = 512
# Who is sent much, answers with windows and pings: less than a sixteenth of what was sent.
_ECHO_SHIFT = 4
# Headers may come as a byte each (HPACK), so what is believed of them is bounded.
_HEADER_BYTES = 2**12
# What a call counts that ends before its first message: for a few bytes it took the hub a third of a millisecond.
_EMPTY_CALL_BYTES = 2**13
# For so long a connection may be above what it may, up to so many times: a call takes a moment from the kernel to its
# service, and what was dropped meanwhile may come again a fifth of a second later only.
_PATIENCE_SECONDS, _PATIENCE = 0.002, 3
# How long a client is held before it is trusted with more.
_TRUST_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class LineLimits:
    """How much may be stray of a stranger and, to begin with, of a client; how fast it is forgiven; when one is cut."""

    stranger_bytes: int
    client_bytes: int
    bytes_per_s: int
    hold_seconds: float


class Verdict(Enum):
    """What is to be done with a connection."""

    PASS = auto()
    HOLD = auto()
    RELEASE = auto()
    CUT = auto()


class LineAccount:
    """The account of one connection."""

    __slots__ = (
        *("_asked_bytes", "_held_since", "_known_bytes", "_limits", "_offended", "_over_since"),
        *("_received", "_seen", "_sent", "_stray", "_taken", "_trusted_at", "_trusted_bytes"),
    )

    def __init__(self, limits: LineLimits, now: float) -> None:
        self._limits = limits
        self._asked_bytes = self._known_bytes = 0
        self._received = self._sent = self._taken = 0
        self._seen = now
        self._stray = 0.0
        self._over_since: float | None = None
        self._held_since: float | None = None
        self._offended = False
        self._trusted_bytes = limits.client_bytes
        self._trusted_at = now

    @property
    def known(self) -> bool:
        """Whether the peer has had a call answered."""
        return bool(self._known_bytes)

    @property
    def held(self) -> bool:
        """Whether it is held."""
        return self._held_since is not None

    @property
    def suspect(self) -> bool:
        """Whether it is held soon unless the services catch up."""
        return not self.held and self._stray > self.allowed_bytes >> 1

    @property
    def stray_bytes(self) -> int:
        """What was stray at the last judgement."""
        return int(self._stray)

    @property
    def allowed_bytes(self) -> int:
        """What may be."""
        return self._limits.stranger_bytes + min(self._trusted_bytes, self._known_bytes + self._asked_bytes)

    @property
    def received_bytes(self) -> int:
        """What had come at the last judgement."""
        return self._received

    def began(self, header_bytes: int) -> None:
        """Take note of a call that a service heard of."""
        self._taken += min(header_bytes, _HEADER_BYTES) + _EACH_BYTES

    def asked(self, most_bytes: int) -> None:
        """Take note that a service waits for a call's messages, of which so many bytes may be under way."""
        self._asked_bytes += most_bytes

    def took(self, size: int) -> None:
        """Take note of a message."""
        self._taken += size + (size >> _SHARE_SHIFT) + _EACH_BYTES
        self._trusted_bytes = max(self._trusted_bytes, self._limits.client_bytes + 2 * size)

    def answered(self, most_bytes: int) -> None:
        """Take note that a message was taken, or a call answered: the peer is a client of ours."""
        self._known_bytes = max(self._known_bytes, most_bytes)

    def ended(self, most_bytes: int, *, empty: bool) -> None:
        """Take note of the end of a call that a service had asked for messages; `empty`: none came."""
        self._asked_bytes -= most_bytes
        if empty:
            self._stray += _EMPTY_CALL_BYTES

    def offended(self) -> None:
        """Take note that the peer did what no client does: whatever it sends is too much from now on."""
        self._offended = True

    def judge(self, now: float, received: int, sent: int) -> Verdict:
        """Judge by what the kernel has counted on the connection up to now, in both directions."""
        stray = self._stray + received - self._received - self._taken - ((sent - self._sent) >> _ECHO_SHIFT)
        if not self.held:  # who is held has time enough: only what the services take counts
            stray -= (now - self._seen) * self._limits.bytes_per_s
        self._stray = max(stray, 0.0)
        self._received, self._sent, self._taken, self._seen = received, sent, 0, now
        return self._verdict(now)

    def _verdict(self, now: float) -> Verdict:
        allowed = self.allowed_bytes
        if self._stray <= allowed and not self._offended:
            return self._released()
        if self._held_since is not None:
            if now - self._trusted_at >= _TRUST_SECONDS:
                self._trust_more(now)
            return Verdict.CUT if now - self._trusted_at >= self._limits.hold_seconds else Verdict.PASS
        if self._over_since is None:
            self._over_since = now
        if now - self._over_since < _PATIENCE_SECONDS and self._stray <= _PATIENCE * allowed and not self._offended:
            return Verdict.PASS
        self._held_since = self._trusted_at = now
        return Verdict.HOLD

    def _released(self) -> Verdict:
        held, self._over_since, self._held_since = self._held_since, None, None
        if held is None:
            return Verdict.PASS
        if held == self._trusted_at:  # it is not that it was trusted with more: it was no flood
            self._trust_more(held)
        return Verdict.RELEASE

    def _trust_more(self, now: float) -> None:
        if self._trusted_bytes < self._known_bytes + self._asked_bytes and not self._offended:
            self._trusted_bytes += self._limits.client_bytes
            self._trusted_at = now

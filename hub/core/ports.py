"""What the live part asks of a transport: an encoding, and a way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.tail_batch import TailBatch
    from hub.pb.tail_pb2 import ServerMessage


class Wire(Protocol):
    """Makes what a transport writes: frames, ready to be sent to any number of peers."""

    @property
    def name(self) -> str:
        """Names the encoding; channels are shared by subscribers of one name."""

    @property
    def compression(self) -> int:
        """How its batches are compressed; a `Compression` of the contract."""

    @property
    def packed(self) -> Wire | None:
        """The same encoding with compressed batches, for subscribers that ask for it; None: there is none."""

    def body(self, batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
        """Encode a batch, or the part of it that `indexes` names, as pieces; done once for a channel."""

    def label(self, subscription: str) -> bytes:
        """Return a subscription's name, ready for `part`."""

    def part(self, batch: TailBatch, indexes: Sequence[int], label: bytes) -> bytes:
        """Return the frame of a records message with some records of a batch: `records` around its `body`, at once."""

    def records(self, subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int = 0) -> bytes:
        """Return the frame of a records message around an encoded batch; `sampled_out` records were left out before."""

    def position(self, label: bytes, cursor: str) -> bytes:
        """Return the frame of a position message."""

    def message(self, message: ServerMessage) -> bytes:
        """Return the frame of any other message."""


class Sink(Protocol):
    """One peer's way out."""

    @property
    def full(self) -> bool:
        """Whether more than live.queue_bytes wait for the peer: it gets nothing live until it has read them."""

    def write(self, frame: bytes) -> None:
        """Send a frame; never waits. Frames to a peer that is gone are dropped."""

    def offer(self, frame: bytes) -> bool:
        """Send a frame as `write` does, unless it is full; return whether it is sent."""
        if self.full:
            return False
        self.write(frame)
        return True

    async def drain(self) -> None:
        """Wait until the peer has read most of what waits; raises ConnectionError when it is gone."""

    def abort(self) -> None:
        """Cut the connection at once."""

"""The two encodings of the WebSocket, as frames that are made once for all who watch the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from hub.core.packed_batch import packed_field
from hub.core.records_message import (
    POSITION_HEADS,
    RECORDS_HEADS,
    batches_field,
    label_of,
    part_with,
    position_message,
    records_message,
)
from hub.core.websocket_frame import BINARY, TEXT, frame, frame_head
from hub.core.wire import Heads
from hub.pb.tail_pb2 import COMPRESSION_UNSPECIFIED, COMPRESSION_ZSTD, Position, ServerMessage
from hub.web.canonical import batch_json, message_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.ports import Wire
    from hub.core.tail_batch import TailBatch


def _starts(heads: Heads) -> Heads:
    """Return what goes before so many bytes in a frame, of what goes before them in a message."""

    def start(size: int) -> bytes:
        head = heads[size]
        return frame_head(BINARY, len(head) + size) + head

    return Heads(start, len(heads.ready))


_RECORDS_STARTS, _POSITION_STARTS = _starts(RECORDS_HEADS), _starts(POSITION_HEADS)
PROTO, JSON = "loghub.v1.proto", "loghub.v1.json"


class ProtoWire:
    """Binary protobuf, subprotocol loghub.v1.proto."""

    name = PROTO
    compression: int = COMPRESSION_UNSPECIFIED

    def __init__(self, packed: Wire | None = None) -> None:
        self.packed = packed

    def body(self, batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
        """Return a field `batches` of Records."""
        return batches_field(batch, indexes)

    def label(self, subscription: str) -> bytes:
        """Return a subscription's name as it stands in a message."""
        return label_of(subscription)

    part = part_with(_RECORDS_STARTS)

    def position(self, label: bytes, cursor: str) -> bytes:
        """Return the frame of a position message."""
        return position_message(label, cursor, _POSITION_STARTS)

    def records(self, subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int = 0) -> bytes:
        """Return the frame of a records message."""
        size, pieces = records_message(label_of(subscription), cursor, body, sampled_out)
        return b"".join((frame_head(BINARY, size), *pieces))

    def message(self, message: ServerMessage) -> bytes:
        """Return the frame of any other message."""
        return frame(BINARY, message.SerializeToString())


class PackedProtoWire(ProtoWire):
    """The same with compressed batches where that is a gain."""

    name = f"{PROTO}+zstd"
    compression = COMPRESSION_ZSTD

    def body(self, batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
        """Return a field `packed` of Records, or `batches`."""
        return packed_field(batch, indexes)

    def part(self, batch: TailBatch, indexes: Sequence[int], label: bytes) -> bytes:
        """Return the frame of a records message with some records of a batch."""
        size, pieces = records_message(label, batch.cursor, packed_field(batch, indexes))
        return b"".join((frame_head(BINARY, size), *pieces))


def batches_json(batch: TailBatch, indexes: Sequence[int]) -> bytes:
    """Return a batch, or a part of it, in JSON."""
    return batch_json(batch.message, None if len(indexes) == batch.stored.records else indexes)


def records_json(subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int) -> bytes:
    """Return a records message around batches in JSON."""
    fields = {"id": subscription, "cursor": cursor} | ({"sampledOut": str(sampled_out)} if sampled_out else {})
    return b"".join((b'{"records":', orjson.dumps(fields)[:-1], b',"batches":[', *body, b"]}}"))


class JsonWire:
    """Canonical proto3 JSON, subprotocol loghub.v1.json."""

    name = JSON
    compression = COMPRESSION_UNSPECIFIED
    packed = None

    def body(self, batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
        """Return a batch in JSON."""
        return (batches_json(batch, indexes),)

    def label(self, subscription: str) -> bytes:
        """Return a subscription's name."""
        return subscription.encode()

    def part(self, batch: TailBatch, indexes: Sequence[int], label: bytes) -> bytes:
        """Return the frame of a records message with some records of a batch."""
        return self.records(label.decode(), batch.cursor, self.body(batch, indexes))

    def position(self, label: bytes, cursor: str) -> bytes:
        """Return the frame of a position message."""
        return self.message(ServerMessage(position=Position(id=label.decode(), cursor=cursor)))

    def records(self, subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int = 0) -> bytes:
        """Return the frame of a records message."""
        return frame(TEXT, records_json(subscription, cursor, body, sampled_out))

    def message(self, message: ServerMessage) -> bytes:
        """Return the frame of any other message."""
        return frame(TEXT, message_json(message))

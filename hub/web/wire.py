"""The two encodings of the WebSocket, as frames that are made once for all who watch the same."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from hub.core.websocket_frame import BINARY, TEXT, frame
from hub.core.wire import delimited, tag, varint
from hub.pb.tail_pb2 import Records, ServerMessage
from hub.web.canonical import batch_json, message_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.tail_batch import TailBatch

PROTO, JSON = "loghub.v1.proto", "loghub.v1.json"


# Looked up once: the hot path of every delivery.
_BATCHES, _ID, _CURSOR = Records.BATCHES_FIELD_NUMBER, Records.ID_FIELD_NUMBER, Records.CURSOR_FIELD_NUMBER
_RECORDS = ServerMessage.RECORDS_FIELD_NUMBER
_SAMPLED_OUT = tag(Records.SAMPLED_OUT_FIELD_NUMBER, 0)


class ProtoWire:
    """Binary protobuf, subprotocol loghub.v1.proto."""

    name = PROTO

    def body(self, batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
        """Return a field `batches` of Records; a whole batch goes out as it was stored."""
        if len(indexes) == batch.stored.records:
            return delimited(_BATCHES, sum(map(len, batch.whole))), *batch.whole
        part = batch.part(indexes)
        return delimited(_BATCHES, len(part)), part

    def records(self, subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int = 0) -> bytes:
        """Return the frame of a records message."""
        head = _text(_ID, subscription) + _text(_CURSOR, cursor)
        if sampled_out:
            head += _SAMPLED_OUT + varint(sampled_out)
        start = delimited(_RECORDS, len(head) + sum(map(len, body)))
        return frame(BINARY, start, head, *body)

    def message(self, message: ServerMessage) -> bytes:
        """Return the frame of any other message."""
        return frame(BINARY, message.SerializeToString())


class JsonWire:
    """Canonical proto3 JSON, subprotocol loghub.v1.json."""

    name = JSON

    def body(self, batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
        """Return a batch in JSON."""
        return (batch_json(batch.message, None if len(indexes) == batch.stored.records else indexes),)

    def records(self, subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int = 0) -> bytes:
        """Return the frame of a records message."""
        fields = {"id": subscription, "cursor": cursor} | ({"sampledOut": str(sampled_out)} if sampled_out else {})
        head = orjson.dumps(fields)[:-1]
        return frame(TEXT, b'{"records":', head, b',"batches":[', *body, b"]}}")

    def message(self, message: ServerMessage) -> bytes:
        """Return the frame of any other message."""
        return frame(TEXT, message_json(message))


@lru_cache(maxsize=16_384)  # names of subscriptions, and the cursor of the batch that is on its way to all of them
def _text(field: int, text: str) -> bytes:
    raw = text.encode()
    return delimited(field, len(raw)) + raw

"""The two encodings of the WebSocket, as frames that are made once for all who watch the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from hub.core.websocket_frame import BINARY, TEXT, frame
from hub.core.wire import delimited
from hub.pb.tail_pb2 import Records, ServerMessage
from hub.web.canonical import batch_json, message_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.tail_batch import TailBatch

PROTO, JSON = "loghub.v1.proto", "loghub.v1.json"


class ProtoWire:
    """Binary protobuf, subprotocol loghub.v1.proto."""

    name = PROTO

    def body(self, batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
        """Return a field `batches` of Records; a whole batch goes out as it was stored."""
        whole = len(indexes) == batch.stored.records
        pieces = batch.whole if whole else (batch.part(indexes).SerializeToString(),)
        return delimited(Records.BATCHES_FIELD_NUMBER, sum(map(len, pieces))), *pieces

    def records(self, subscription: str, cursor: str, body: Sequence[bytes]) -> bytes:
        """Return the frame of a records message."""
        head = Records(id=subscription, cursor=cursor).SerializeToString()
        size = len(head) + sum(map(len, body))
        start = delimited(ServerMessage.RECORDS_FIELD_NUMBER, size)
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

    def records(self, subscription: str, cursor: str, body: Sequence[bytes]) -> bytes:
        """Return the frame of a records message."""
        head = orjson.dumps({"id": subscription, "cursor": cursor})[:-1]
        return frame(TEXT, b'{"records":', head, b',"batches":[', *body, b"]}}")

    def message(self, message: ServerMessage) -> bytes:
        """Return the frame of any other message."""
        return frame(TEXT, message_json(message))

"""Where a subscription begins: at a cursor, a time, the newest, the oldest, or with what comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.live.subscription import Begin

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from hub.core.filter import Filter
    from hub.live.engine import LiveEngine
    from hub.log.model import Bounds
    from hub.pb import tail_pb2


async def place(engine: LiveEngine, request: tail_pb2.Subscribe, wanted: Filter, tenant: str) -> tuple[Begin, bool]:
    """Return where to begin and end, and whether the log was made anew under the cursor."""
    live = request.WhichOneof("from") is None and not request.HasField("follow")
    if live and (head := engine.head(tenant)) is not None:
        return Begin(head, None, request.credit, request.max_records_per_s), False
    bounds = await engine.bounds(tenant)
    offset = await _offset(engine, request, wanted, tenant, bounds)
    until = bounds.next if request.HasField("follow") and not request.follow else None
    renewed = offset is None
    begin = bounds.oldest if offset is None else offset
    return Begin(begin, until, request.credit, request.max_records_per_s), renewed


async def _offset(
    engine: LiveEngine, request: tail_pb2.Subscribe, wanted: Filter, tenant: str, bounds: Bounds
) -> int | None:
    """Return where to begin; None where the log was made anew under the cursor."""
    origin = request.WhichOneof("from")
    if origin == "cursor":
        return await engine.offset_of(tenant, request.cursor)
    if origin == "last" and request.last:
        return await engine.offset_of_last(tenant, request.last, wanted)
    if origin == "since":
        return await engine.offset_since(tenant, _nanoseconds(request.since))
    return bounds.oldest if origin == "oldest" and request.oldest else bounds.next


def _nanoseconds(since: Timestamp) -> int:
    """Return a time as the log counts it: from 1970 on, in 64 bits; what lies outside is their first or last."""
    return min(max(since.seconds * 10**9 + since.nanos, 0), 2**64 - 1)

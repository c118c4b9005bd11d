"""Format `protobuf`: a message is a `loghub.v1.Batch`, read in the views of `hub.core.views` as at the gRPC door.

No object is made of a record: 0.6 µs each. What the batch says once for all its records is written in front of each,
since batches of several messages are put together before they are stored, and their records share nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from google.protobuf.message import DecodeError

from hub.core.utf8 import repair
from hub.core.views import columns, opaque
from hub.errors import BadRequestError, FormatError, FormatReason
from hub.ingest.formats.payload import MAX_RECORDS, Budget, headed, present
from hub.pb.record_pb2 import Batch, LogRecord, Resource

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

_OPAQUE, _COLUMNS = opaque(Batch), columns(Batch)


def decode(payload: bytes) -> list[bytes]:
    """Return the records of a batch, each with what it shares; strings that are not UTF-8 are repaired with U+FFFD."""
    batch, merged = _read(present(payload))
    records: list[bytes] = batch.records[:]
    if not records:
        msg = "the batch has no records: this is no loghub.v1.Batch, or one of nothing"
        raise FormatError(msg, reason=FormatReason.EMPTY)
    if len(records) > MAX_RECORDS:
        msg = f"the batch has {len(records)} records, more than {MAX_RECORDS}: send less at once"
        raise FormatError(msg, reason=FormatReason.LIMIT)
    resource = batch.resource
    alone = (merged.records.service and resource.service) or (merged.records.host and resource.host)
    return shared(Resource.FromString(resource.SerializeToString()), records, merge=bool(alone))


def shared(resource: Resource, records: list[bytes], *, merge: bool = False) -> list[bytes]:
    """Return the records, each with the resource's fields where it has none of its own.

    A record's own fields come later and so win, as protobuf has it. `merge` says that some record has a service or
    host of its own beside the resource's: then objects are made, for no field may be there twice (columns are counted).
    """
    common = LogRecord(service=resource.service, host=resource.host)
    for name, value in resource.attributes.items():
        common.attributes[name].CopyFrom(value)
    whole = headed(common.SerializeToString(deterministic=True), records, Budget())
    return [LogRecord.FromString(record).SerializeToString() for record in whole] if merge else whole


def _read(payload: bytes) -> tuple[Any, Any]:
    try:
        return _OPAQUE.FromString(payload), _COLUMNS.FromString(payload)
    except DecodeError:
        pass
    try:
        repaired, _ = repair(payload, cast("Descriptor", Batch.DESCRIPTOR))
        return _OPAQUE.FromString(repaired), _COLUMNS.FromString(repaired)
    except (BadRequestError, DecodeError) as error:
        msg = f"not a loghub.v1.Batch: {error}"
        raise FormatError(msg) from error

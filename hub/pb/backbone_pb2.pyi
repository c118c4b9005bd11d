from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BackboneMessage(_message.Message):
    __slots__ = ("entry", "checkpoint", "forget")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    FORGET_FIELD_NUMBER: _ClassVar[int]
    entry: BackboneEntry
    checkpoint: BackboneCheckpoint
    forget: BackboneForget
    def __init__(self, entry: _Optional[_Union[BackboneEntry, _Mapping]] = ..., checkpoint: _Optional[_Union[BackboneCheckpoint, _Mapping]] = ..., forget: _Optional[_Union[BackboneForget, _Mapping]] = ...) -> None: ...

class BackboneEntry(_message.Message):
    __slots__ = ("batch", "records", "received_time_unix_nano", "producer_id", "seq", "after_seq", "node", "number", "note")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_TIME_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    batch: bytes
    records: int
    received_time_unix_nano: int
    producer_id: str
    seq: int
    after_seq: int
    node: int
    number: int
    note: str
    def __init__(self, batch: _Optional[bytes] = ..., records: _Optional[int] = ..., received_time_unix_nano: _Optional[int] = ..., producer_id: _Optional[str] = ..., seq: _Optional[int] = ..., after_seq: _Optional[int] = ..., node: _Optional[int] = ..., number: _Optional[int] = ..., note: _Optional[str] = ...) -> None: ...

class BackboneCheckpoint(_message.Message):
    __slots__ = ("position", "next_offset", "producers", "notes")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    NEXT_OFFSET_FIELD_NUMBER: _ClassVar[int]
    PRODUCERS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    position: int
    next_offset: int
    producers: _containers.RepeatedCompositeFieldContainer[BackboneProducer]
    notes: _containers.RepeatedCompositeFieldContainer[BackboneNote]
    def __init__(self, position: _Optional[int] = ..., next_offset: _Optional[int] = ..., producers: _Optional[_Iterable[_Union[BackboneProducer, _Mapping]]] = ..., notes: _Optional[_Iterable[_Union[BackboneNote, _Mapping]]] = ...) -> None: ...

class BackboneNote(_message.Message):
    __slots__ = ("name", "version", "data")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    data: bytes
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class BackboneProducer(_message.Message):
    __slots__ = ("producer_id", "last_seq", "last_seen_unix_nano")
    PRODUCER_ID_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    producer_id: str
    last_seq: int
    last_seen_unix_nano: int
    def __init__(self, producer_id: _Optional[str] = ..., last_seq: _Optional[int] = ..., last_seen_unix_nano: _Optional[int] = ...) -> None: ...

class BackboneForget(_message.Message):
    __slots__ = ("before_unix_nano",)
    BEFORE_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    before_unix_nano: int
    def __init__(self, before_unix_nano: _Optional[int] = ...) -> None: ...

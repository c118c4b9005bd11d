import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from hub.pb import record_pb2 as _record_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GoodbyeReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOODBYE_REASON_UNSPECIFIED: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_SHUTDOWN: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_DONE: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_SUPERSEDED: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_EXPIRED: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_REVOKED: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_FORBIDDEN: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_PROTOCOL: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_QUOTA: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_IDLE: _ClassVar[GoodbyeReason]
    GOODBYE_REASON_INTERNAL: _ClassVar[GoodbyeReason]
GOODBYE_REASON_UNSPECIFIED: GoodbyeReason
GOODBYE_REASON_SHUTDOWN: GoodbyeReason
GOODBYE_REASON_DONE: GoodbyeReason
GOODBYE_REASON_SUPERSEDED: GoodbyeReason
GOODBYE_REASON_EXPIRED: GoodbyeReason
GOODBYE_REASON_REVOKED: GoodbyeReason
GOODBYE_REASON_FORBIDDEN: GoodbyeReason
GOODBYE_REASON_PROTOCOL: GoodbyeReason
GOODBYE_REASON_QUOTA: GoodbyeReason
GOODBYE_REASON_IDLE: GoodbyeReason
GOODBYE_REASON_INTERNAL: GoodbyeReason

class ProducerMessage(_message.Message):
    __slots__ = ("hello", "batch", "goodbye")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    batch: _record_pb2.Batch
    goodbye: ProducerGoodbye
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., batch: _Optional[_Union[_record_pb2.Batch, _Mapping]] = ..., goodbye: _Optional[_Union[ProducerGoodbye, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("producer_id", "client", "next_seq", "wants")
    PRODUCER_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    NEXT_SEQ_FIELD_NUMBER: _ClassVar[int]
    WANTS_FIELD_NUMBER: _ClassVar[int]
    producer_id: str
    client: str
    next_seq: int
    wants: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, producer_id: _Optional[str] = ..., client: _Optional[str] = ..., next_seq: _Optional[int] = ..., wants: _Optional[_Iterable[str]] = ...) -> None: ...

class ProducerGoodbye(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class HubMessage(_message.Message):
    __slots__ = ("welcome", "ack", "nack", "goodbye")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    NACK_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    ack: Ack
    nack: Nack
    goodbye: HubGoodbye
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., nack: _Optional[_Union[Nack, _Mapping]] = ..., goodbye: _Optional[_Union[HubGoodbye, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("last_seq", "limits", "grants", "server", "tenant")
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    last_seq: int
    limits: Limits
    grants: _containers.RepeatedScalarFieldContainer[str]
    server: str
    tenant: str
    def __init__(self, last_seq: _Optional[int] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., grants: _Optional[_Iterable[str]] = ..., server: _Optional[str] = ..., tenant: _Optional[str] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_batch_bytes", "max_batch_records", "max_record_bytes", "max_attributes", "max_unacked_batches", "max_unacked_bytes", "producer_memory")
    MAX_BATCH_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_RECORDS_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    MAX_UNACKED_BATCHES_FIELD_NUMBER: _ClassVar[int]
    MAX_UNACKED_BYTES_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_MEMORY_FIELD_NUMBER: _ClassVar[int]
    max_batch_bytes: int
    max_batch_records: int
    max_record_bytes: int
    max_attributes: int
    max_unacked_batches: int
    max_unacked_bytes: int
    producer_memory: _duration_pb2.Duration
    def __init__(self, max_batch_bytes: _Optional[int] = ..., max_batch_records: _Optional[int] = ..., max_record_bytes: _Optional[int] = ..., max_attributes: _Optional[int] = ..., max_unacked_batches: _Optional[int] = ..., max_unacked_bytes: _Optional[int] = ..., producer_memory: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("up_to_seq", "rejected")
    UP_TO_SEQ_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    up_to_seq: int
    rejected: _containers.RepeatedCompositeFieldContainer[RecordError]
    def __init__(self, up_to_seq: _Optional[int] = ..., rejected: _Optional[_Iterable[_Union[RecordError, _Mapping]]] = ...) -> None: ...

class RecordError(_message.Message):
    __slots__ = ("seq", "index", "field", "reason")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    seq: int
    index: int
    field: str
    reason: str
    def __init__(self, seq: _Optional[int] = ..., index: _Optional[int] = ..., field: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Nack(_message.Message):
    __slots__ = ("seq", "code", "message", "retry_after")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    seq: int
    code: int
    message: str
    retry_after: _duration_pb2.Duration
    def __init__(self, seq: _Optional[int] = ..., code: _Optional[int] = ..., message: _Optional[str] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class HubGoodbye(_message.Message):
    __slots__ = ("reason", "message", "reconnect", "retry_after")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RECONNECT_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    reason: GoodbyeReason
    message: str
    reconnect: bool
    retry_after: _duration_pb2.Duration
    def __init__(self, reason: _Optional[_Union[GoodbyeReason, str]] = ..., message: _Optional[str] = ..., reconnect: _Optional[bool] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class PushRequest(_message.Message):
    __slots__ = ("producer_id", "batch")
    PRODUCER_ID_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    producer_id: str
    batch: _record_pb2.Batch
    def __init__(self, producer_id: _Optional[str] = ..., batch: _Optional[_Union[_record_pb2.Batch, _Mapping]] = ...) -> None: ...

class PushResponse(_message.Message):
    __slots__ = ("accepted", "rejected", "last_seq")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    rejected: _containers.RepeatedCompositeFieldContainer[RecordError]
    last_seq: int
    def __init__(self, accepted: _Optional[int] = ..., rejected: _Optional[_Iterable[_Union[RecordError, _Mapping]]] = ..., last_seq: _Optional[int] = ...) -> None: ...

import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hub.pb import ingest_pb2 as _ingest_pb2
from hub.pb import record_pb2 as _record_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Compression(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPRESSION_UNSPECIFIED: _ClassVar[Compression]
    COMPRESSION_ZSTD: _ClassVar[Compression]

class GapReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GAP_REASON_UNSPECIFIED: _ClassVar[GapReason]
    GAP_REASON_RETENTION: _ClassVar[GapReason]
    GAP_REASON_CORRUPT: _ClassVar[GapReason]
    GAP_REASON_EPOCH: _ClassVar[GapReason]

class ErrorCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_CODE_UNSPECIFIED: _ClassVar[ErrorCode]
    ERROR_CODE_BAD_REQUEST: _ClassVar[ErrorCode]
    ERROR_CODE_BAD_FILTER: _ClassVar[ErrorCode]
    ERROR_CODE_FILTER_TOO_COSTLY: _ClassVar[ErrorCode]
    ERROR_CODE_BAD_CURSOR: _ClassVar[ErrorCode]
    ERROR_CODE_UNKNOWN_SUBSCRIPTION: _ClassVar[ErrorCode]
    ERROR_CODE_DUPLICATE_SUBSCRIPTION: _ClassVar[ErrorCode]
    ERROR_CODE_QUOTA: _ClassVar[ErrorCode]
    ERROR_CODE_BAD_TOKEN: _ClassVar[ErrorCode]
    ERROR_CODE_FORBIDDEN: _ClassVar[ErrorCode]
    ERROR_CODE_INTERNAL: _ClassVar[ErrorCode]
COMPRESSION_UNSPECIFIED: Compression
COMPRESSION_ZSTD: Compression
GAP_REASON_UNSPECIFIED: GapReason
GAP_REASON_RETENTION: GapReason
GAP_REASON_CORRUPT: GapReason
GAP_REASON_EPOCH: GapReason
ERROR_CODE_UNSPECIFIED: ErrorCode
ERROR_CODE_BAD_REQUEST: ErrorCode
ERROR_CODE_BAD_FILTER: ErrorCode
ERROR_CODE_FILTER_TOO_COSTLY: ErrorCode
ERROR_CODE_BAD_CURSOR: ErrorCode
ERROR_CODE_UNKNOWN_SUBSCRIPTION: ErrorCode
ERROR_CODE_DUPLICATE_SUBSCRIPTION: ErrorCode
ERROR_CODE_QUOTA: ErrorCode
ERROR_CODE_BAD_TOKEN: ErrorCode
ERROR_CODE_FORBIDDEN: ErrorCode
ERROR_CODE_INTERNAL: ErrorCode

class ClientMessage(_message.Message):
    __slots__ = ("subscribe", "update", "unsubscribe", "auth", "credit", "ping")
    SUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    UNSUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    AUTH_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    subscribe: Subscribe
    update: Update
    unsubscribe: Unsubscribe
    auth: Auth
    credit: Credit
    ping: Ping
    def __init__(self, subscribe: _Optional[_Union[Subscribe, _Mapping]] = ..., update: _Optional[_Union[Update, _Mapping]] = ..., unsubscribe: _Optional[_Union[Unsubscribe, _Mapping]] = ..., auth: _Optional[_Union[Auth, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ...) -> None: ...

class Subscribe(_message.Message):
    __slots__ = ("id", "filter", "cursor", "last", "since", "oldest", "follow", "max_records_per_s", "credit", "tenant", "compressions")
    ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORDS_PER_S_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    COMPRESSIONS_FIELD_NUMBER: _ClassVar[int]
    id: str
    filter: str
    cursor: str
    last: int
    since: _timestamp_pb2.Timestamp
    oldest: bool
    follow: bool
    max_records_per_s: int
    credit: int
    tenant: str
    compressions: _containers.RepeatedScalarFieldContainer[Compression]
    def __init__(self, id: _Optional[str] = ..., filter: _Optional[str] = ..., cursor: _Optional[str] = ..., last: _Optional[int] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., oldest: _Optional[bool] = ..., follow: _Optional[bool] = ..., max_records_per_s: _Optional[int] = ..., credit: _Optional[int] = ..., tenant: _Optional[str] = ..., compressions: _Optional[_Iterable[_Union[Compression, str]]] = ...) -> None: ...

class Update(_message.Message):
    __slots__ = ("id", "filter")
    ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    id: str
    filter: str
    def __init__(self, id: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class Unsubscribe(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class Auth(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class Credit(_message.Message):
    __slots__ = ("id", "records")
    ID_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    records: int
    def __init__(self, id: _Optional[str] = ..., records: _Optional[int] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ("payload",)
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    def __init__(self, payload: _Optional[bytes] = ...) -> None: ...

class ServerMessage(_message.Message):
    __slots__ = ("welcome", "subscribed", "records", "position", "gap", "auth_expiring", "pong", "error", "goodbye", "unsubscribed")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBED_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    AUTH_EXPIRING_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    UNSUBSCRIBED_FIELD_NUMBER: _ClassVar[int]
    welcome: TailWelcome
    subscribed: Subscribed
    records: Records
    position: Position
    gap: Gap
    auth_expiring: AuthExpiring
    pong: Pong
    error: Error
    goodbye: TailGoodbye
    unsubscribed: Unsubscribed
    def __init__(self, welcome: _Optional[_Union[TailWelcome, _Mapping]] = ..., subscribed: _Optional[_Union[Subscribed, _Mapping]] = ..., records: _Optional[_Union[Records, _Mapping]] = ..., position: _Optional[_Union[Position, _Mapping]] = ..., gap: _Optional[_Union[Gap, _Mapping]] = ..., auth_expiring: _Optional[_Union[AuthExpiring, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., goodbye: _Optional[_Union[TailGoodbye, _Mapping]] = ..., unsubscribed: _Optional[_Union[Unsubscribed, _Mapping]] = ...) -> None: ...

class TailWelcome(_message.Message):
    __slots__ = ("server", "tenant", "limits", "heartbeat", "auth_expires", "tenants")
    SERVER_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    AUTH_EXPIRES_FIELD_NUMBER: _ClassVar[int]
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    server: str
    tenant: str
    limits: ServerLimits
    heartbeat: _duration_pb2.Duration
    auth_expires: _timestamp_pb2.Timestamp
    tenants: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, server: _Optional[str] = ..., tenant: _Optional[str] = ..., limits: _Optional[_Union[ServerLimits, _Mapping]] = ..., heartbeat: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., auth_expires: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tenants: _Optional[_Iterable[str]] = ...) -> None: ...

class ServerLimits(_message.Message):
    __slots__ = ("max_subscriptions", "max_message_bytes", "max_filter_bytes", "max_last", "max_filter_cost")
    MAX_SUBSCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_FILTER_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_LAST_FIELD_NUMBER: _ClassVar[int]
    MAX_FILTER_COST_FIELD_NUMBER: _ClassVar[int]
    max_subscriptions: int
    max_message_bytes: int
    max_filter_bytes: int
    max_last: int
    max_filter_cost: int
    def __init__(self, max_subscriptions: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., max_filter_bytes: _Optional[int] = ..., max_last: _Optional[int] = ..., max_filter_cost: _Optional[int] = ...) -> None: ...

class Subscribed(_message.Message):
    __slots__ = ("id", "cursor", "filter", "compression")
    ID_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    COMPRESSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    cursor: str
    filter: str
    compression: Compression
    def __init__(self, id: _Optional[str] = ..., cursor: _Optional[str] = ..., filter: _Optional[str] = ..., compression: _Optional[_Union[Compression, str]] = ...) -> None: ...

class Unsubscribed(_message.Message):
    __slots__ = ("id", "ledger", "cursor")
    ID_FIELD_NUMBER: _ClassVar[int]
    LEDGER_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    ledger: Ledger
    cursor: str
    def __init__(self, id: _Optional[str] = ..., ledger: _Optional[_Union[Ledger, _Mapping]] = ..., cursor: _Optional[str] = ...) -> None: ...

class Records(_message.Message):
    __slots__ = ("id", "cursor", "batches", "sampled_out", "packed")
    ID_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_OUT_FIELD_NUMBER: _ClassVar[int]
    PACKED_FIELD_NUMBER: _ClassVar[int]
    id: str
    cursor: str
    batches: _containers.RepeatedCompositeFieldContainer[_record_pb2.Batch]
    sampled_out: int
    packed: _containers.RepeatedCompositeFieldContainer[PackedBatch]
    def __init__(self, id: _Optional[str] = ..., cursor: _Optional[str] = ..., batches: _Optional[_Iterable[_Union[_record_pb2.Batch, _Mapping]]] = ..., sampled_out: _Optional[int] = ..., packed: _Optional[_Iterable[_Union[PackedBatch, _Mapping]]] = ...) -> None: ...

class PackedBatch(_message.Message):
    __slots__ = ("data", "first_offset")
    DATA_FIELD_NUMBER: _ClassVar[int]
    FIRST_OFFSET_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    first_offset: int
    def __init__(self, data: _Optional[bytes] = ..., first_offset: _Optional[int] = ...) -> None: ...

class Position(_message.Message):
    __slots__ = ("id", "cursor")
    ID_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    cursor: str
    def __init__(self, id: _Optional[str] = ..., cursor: _Optional[str] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("id", "from_offset", "to_offset", "count", "reason", "cursor")
    ID_FIELD_NUMBER: _ClassVar[int]
    FROM_OFFSET_FIELD_NUMBER: _ClassVar[int]
    TO_OFFSET_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    from_offset: int
    to_offset: int
    count: int
    reason: GapReason
    cursor: str
    def __init__(self, id: _Optional[str] = ..., from_offset: _Optional[int] = ..., to_offset: _Optional[int] = ..., count: _Optional[int] = ..., reason: _Optional[_Union[GapReason, str]] = ..., cursor: _Optional[str] = ...) -> None: ...

class AuthExpiring(_message.Message):
    __slots__ = ("expires",)
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    expires: _timestamp_pb2.Timestamp
    def __init__(self, expires: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Pong(_message.Message):
    __slots__ = ("payload",)
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    payload: bytes
    def __init__(self, payload: _Optional[bytes] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("id", "code", "message", "column", "retry_after")
    ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    id: str
    code: ErrorCode
    message: str
    column: int
    retry_after: _duration_pb2.Duration
    def __init__(self, id: _Optional[str] = ..., code: _Optional[_Union[ErrorCode, str]] = ..., message: _Optional[str] = ..., column: _Optional[int] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class TailGoodbye(_message.Message):
    __slots__ = ("reason", "message", "reconnect", "retry_after", "ledgers")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RECONNECT_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    LEDGERS_FIELD_NUMBER: _ClassVar[int]
    reason: _ingest_pb2.GoodbyeReason
    message: str
    reconnect: bool
    retry_after: _duration_pb2.Duration
    ledgers: _containers.RepeatedCompositeFieldContainer[Ledger]
    def __init__(self, reason: _Optional[_Union[_ingest_pb2.GoodbyeReason, str]] = ..., message: _Optional[str] = ..., reconnect: _Optional[bool] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., ledgers: _Optional[_Iterable[_Union[Ledger, _Mapping]]] = ...) -> None: ...

class Ledger(_message.Message):
    __slots__ = ("id", "accepted", "delivered", "filtered", "sampled", "lost")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    FILTERED_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    id: str
    accepted: int
    delivered: int
    filtered: int
    sampled: int
    lost: int
    def __init__(self, id: _Optional[str] = ..., accepted: _Optional[int] = ..., delivered: _Optional[int] = ..., filtered: _Optional[int] = ..., sampled: _Optional[int] = ..., lost: _Optional[int] = ...) -> None: ...

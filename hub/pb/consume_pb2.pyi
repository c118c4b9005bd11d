import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hub.pb import ingest_pb2 as _ingest_pb2
from hub.pb import record_pb2 as _record_pb2
from hub.pb import tail_pb2 as _tail_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConsumerMessage(_message.Message):
    __slots__ = ("join", "ack", "nack", "auth", "leave")
    JOIN_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    NACK_FIELD_NUMBER: _ClassVar[int]
    AUTH_FIELD_NUMBER: _ClassVar[int]
    LEAVE_FIELD_NUMBER: _ClassVar[int]
    join: JoinGroup
    ack: AckDeliveries
    nack: NackDeliveries
    auth: _tail_pb2.Auth
    leave: LeaveGroup
    def __init__(self, join: _Optional[_Union[JoinGroup, _Mapping]] = ..., ack: _Optional[_Union[AckDeliveries, _Mapping]] = ..., nack: _Optional[_Union[NackDeliveries, _Mapping]] = ..., auth: _Optional[_Union[_tail_pb2.Auth, _Mapping]] = ..., leave: _Optional[_Union[LeaveGroup, _Mapping]] = ...) -> None: ...

class JoinGroup(_message.Message):
    __slots__ = ("group", "filter", "cursor", "since", "oldest", "member", "max_in_flight", "max_records", "ack_timeout", "max_attempts", "tenant")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORDS_FIELD_NUMBER: _ClassVar[int]
    ACK_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    group: str
    filter: str
    cursor: str
    since: _timestamp_pb2.Timestamp
    oldest: bool
    member: str
    max_in_flight: int
    max_records: int
    ack_timeout: _duration_pb2.Duration
    max_attempts: int
    tenant: str
    def __init__(self, group: _Optional[str] = ..., filter: _Optional[str] = ..., cursor: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., oldest: _Optional[bool] = ..., member: _Optional[str] = ..., max_in_flight: _Optional[int] = ..., max_records: _Optional[int] = ..., ack_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_attempts: _Optional[int] = ..., tenant: _Optional[str] = ...) -> None: ...

class AckDeliveries(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, ids: _Optional[_Iterable[int]] = ...) -> None: ...

class NackDeliveries(_message.Message):
    __slots__ = ("ids", "delay")
    IDS_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    delay: _duration_pb2.Duration
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class LeaveGroup(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ConsumerEvent(_message.Message):
    __slots__ = ("joined", "delivery", "settled", "auth_expiring", "goodbye")
    JOINED_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    AUTH_EXPIRING_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    joined: JoinedGroup
    delivery: Delivery
    settled: Settled
    auth_expiring: _tail_pb2.AuthExpiring
    goodbye: ConsumerGoodbye
    def __init__(self, joined: _Optional[_Union[JoinedGroup, _Mapping]] = ..., delivery: _Optional[_Union[Delivery, _Mapping]] = ..., settled: _Optional[_Union[Settled, _Mapping]] = ..., auth_expiring: _Optional[_Union[_tail_pb2.AuthExpiring, _Mapping]] = ..., goodbye: _Optional[_Union[ConsumerGoodbye, _Mapping]] = ...) -> None: ...

class JoinedGroup(_message.Message):
    __slots__ = ("server", "member", "filter", "cursor", "created", "max_in_flight", "max_records", "ack_timeout", "max_attempts")
    SERVER_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_RECORDS_FIELD_NUMBER: _ClassVar[int]
    ACK_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    server: str
    member: str
    filter: str
    cursor: str
    created: bool
    max_in_flight: int
    max_records: int
    ack_timeout: _duration_pb2.Duration
    max_attempts: int
    def __init__(self, server: _Optional[str] = ..., member: _Optional[str] = ..., filter: _Optional[str] = ..., cursor: _Optional[str] = ..., created: _Optional[bool] = ..., max_in_flight: _Optional[int] = ..., max_records: _Optional[int] = ..., ack_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_attempts: _Optional[int] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("id", "attempt", "from_offset", "to_offset", "batches", "gaps", "ack_by")
    ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FROM_OFFSET_FIELD_NUMBER: _ClassVar[int]
    TO_OFFSET_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    ACK_BY_FIELD_NUMBER: _ClassVar[int]
    id: int
    attempt: int
    from_offset: int
    to_offset: int
    batches: _containers.RepeatedCompositeFieldContainer[_record_pb2.Batch]
    gaps: _containers.RepeatedCompositeFieldContainer[_tail_pb2.Gap]
    ack_by: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[int] = ..., attempt: _Optional[int] = ..., from_offset: _Optional[int] = ..., to_offset: _Optional[int] = ..., batches: _Optional[_Iterable[_Union[_record_pb2.Batch, _Mapping]]] = ..., gaps: _Optional[_Iterable[_Union[_tail_pb2.Gap, _Mapping]]] = ..., ack_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Settled(_message.Message):
    __slots__ = ("ids", "late", "cursor")
    IDS_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    late: _containers.RepeatedScalarFieldContainer[int]
    cursor: str
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., late: _Optional[_Iterable[int]] = ..., cursor: _Optional[str] = ...) -> None: ...

class ConsumerGoodbye(_message.Message):
    __slots__ = ("reason", "message", "reconnect", "retry_after")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RECONNECT_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    reason: _ingest_pb2.GoodbyeReason
    message: str
    reconnect: bool
    retry_after: _duration_pb2.Duration
    def __init__(self, reason: _Optional[_Union[_ingest_pb2.GoodbyeReason, str]] = ..., message: _Optional[str] = ..., reconnect: _Optional[bool] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ListGroupsRequest(_message.Message):
    __slots__ = ("tenant",)
    TENANT_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    def __init__(self, tenant: _Optional[str] = ...) -> None: ...

class ListGroupsResponse(_message.Message):
    __slots__ = ("groups",)
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[ConsumerGroup]
    def __init__(self, groups: _Optional[_Iterable[_Union[ConsumerGroup, _Mapping]]] = ...) -> None: ...

class DescribeGroupRequest(_message.Message):
    __slots__ = ("group", "tenant")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    group: str
    tenant: str
    def __init__(self, group: _Optional[str] = ..., tenant: _Optional[str] = ...) -> None: ...

class DescribeGroupResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: ConsumerGroup
    def __init__(self, group: _Optional[_Union[ConsumerGroup, _Mapping]] = ...) -> None: ...

class ResetGroupRequest(_message.Message):
    __slots__ = ("group", "cursor", "since", "oldest")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    group: str
    cursor: str
    since: _timestamp_pb2.Timestamp
    oldest: bool
    def __init__(self, group: _Optional[str] = ..., cursor: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., oldest: _Optional[bool] = ...) -> None: ...

class ResetGroupResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: ConsumerGroup
    def __init__(self, group: _Optional[_Union[ConsumerGroup, _Mapping]] = ...) -> None: ...

class DeleteGroupRequest(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: str
    def __init__(self, group: _Optional[str] = ...) -> None: ...

class DeleteGroupResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ConsumerGroup(_message.Message):
    __slots__ = ("name", "filter", "created", "cursor", "cursor_offset", "next_offset", "lag", "members", "pending", "max_attempts", "acked_records", "redelivered", "dead_records", "dead", "member_count", "pending_count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    CURSOR_OFFSET_FIELD_NUMBER: _ClassVar[int]
    NEXT_OFFSET_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    ACKED_RECORDS_FIELD_NUMBER: _ClassVar[int]
    REDELIVERED_FIELD_NUMBER: _ClassVar[int]
    DEAD_RECORDS_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    MEMBER_COUNT_FIELD_NUMBER: _ClassVar[int]
    PENDING_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    filter: str
    created: _timestamp_pb2.Timestamp
    cursor: str
    cursor_offset: int
    next_offset: int
    lag: int
    members: _containers.RepeatedCompositeFieldContainer[GroupMember]
    pending: _containers.RepeatedCompositeFieldContainer[PendingDelivery]
    max_attempts: int
    acked_records: int
    redelivered: int
    dead_records: int
    dead: _containers.RepeatedCompositeFieldContainer[DeadDelivery]
    member_count: int
    pending_count: int
    def __init__(self, name: _Optional[str] = ..., filter: _Optional[str] = ..., created: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cursor: _Optional[str] = ..., cursor_offset: _Optional[int] = ..., next_offset: _Optional[int] = ..., lag: _Optional[int] = ..., members: _Optional[_Iterable[_Union[GroupMember, _Mapping]]] = ..., pending: _Optional[_Iterable[_Union[PendingDelivery, _Mapping]]] = ..., max_attempts: _Optional[int] = ..., acked_records: _Optional[int] = ..., redelivered: _Optional[int] = ..., dead_records: _Optional[int] = ..., dead: _Optional[_Iterable[_Union[DeadDelivery, _Mapping]]] = ..., member_count: _Optional[int] = ..., pending_count: _Optional[int] = ...) -> None: ...

class GroupMember(_message.Message):
    __slots__ = ("name", "subject", "in_flight", "seen")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    name: str
    subject: str
    in_flight: int
    seen: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., subject: _Optional[str] = ..., in_flight: _Optional[int] = ..., seen: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PendingDelivery(_message.Message):
    __slots__ = ("id", "member", "attempt", "from_offset", "to_offset", "until")
    ID_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FROM_OFFSET_FIELD_NUMBER: _ClassVar[int]
    TO_OFFSET_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    id: int
    member: str
    attempt: int
    from_offset: int
    to_offset: int
    until: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[int] = ..., member: _Optional[str] = ..., attempt: _Optional[int] = ..., from_offset: _Optional[int] = ..., to_offset: _Optional[int] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeadDelivery(_message.Message):
    __slots__ = ("attempts", "from_offset", "to_offset", "records", "at")
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    FROM_OFFSET_FIELD_NUMBER: _ClassVar[int]
    TO_OFFSET_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    attempts: int
    from_offset: int
    to_offset: int
    records: int
    at: _timestamp_pb2.Timestamp
    def __init__(self, attempts: _Optional[int] = ..., from_offset: _Optional[int] = ..., to_offset: _Optional[int] = ..., records: _Optional[int] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GroupState(_message.Message):
    __slots__ = ("filter", "created_unix_nano", "position", "max_attempts", "last_id", "held", "members", "acked_records", "redelivered", "dead_records", "dead")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    LAST_ID_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    ACKED_RECORDS_FIELD_NUMBER: _ClassVar[int]
    REDELIVERED_FIELD_NUMBER: _ClassVar[int]
    DEAD_RECORDS_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    filter: str
    created_unix_nano: int
    position: int
    max_attempts: int
    last_id: int
    held: _containers.RepeatedCompositeFieldContainer[GroupHeld]
    members: _containers.RepeatedCompositeFieldContainer[GroupSeat]
    acked_records: int
    redelivered: int
    dead_records: int
    dead: _containers.RepeatedCompositeFieldContainer[GroupDead]
    def __init__(self, filter: _Optional[str] = ..., created_unix_nano: _Optional[int] = ..., position: _Optional[int] = ..., max_attempts: _Optional[int] = ..., last_id: _Optional[int] = ..., held: _Optional[_Iterable[_Union[GroupHeld, _Mapping]]] = ..., members: _Optional[_Iterable[_Union[GroupSeat, _Mapping]]] = ..., acked_records: _Optional[int] = ..., redelivered: _Optional[int] = ..., dead_records: _Optional[int] = ..., dead: _Optional[_Iterable[_Union[GroupDead, _Mapping]]] = ...) -> None: ...

class GroupHeld(_message.Message):
    __slots__ = ("first_offset", "next_offset", "records", "attempt", "id", "seat", "until_unix_nano")
    FIRST_OFFSET_FIELD_NUMBER: _ClassVar[int]
    NEXT_OFFSET_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    UNTIL_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    first_offset: int
    next_offset: int
    records: int
    attempt: int
    id: int
    seat: int
    until_unix_nano: int
    def __init__(self, first_offset: _Optional[int] = ..., next_offset: _Optional[int] = ..., records: _Optional[int] = ..., attempt: _Optional[int] = ..., id: _Optional[int] = ..., seat: _Optional[int] = ..., until_unix_nano: _Optional[int] = ...) -> None: ...

class GroupSeat(_message.Message):
    __slots__ = ("id", "name", "subject", "node", "seen_unix_nano")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    SEEN_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    subject: str
    node: int
    seen_unix_nano: int
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., subject: _Optional[str] = ..., node: _Optional[int] = ..., seen_unix_nano: _Optional[int] = ...) -> None: ...

class GroupDead(_message.Message):
    __slots__ = ("first_offset", "next_offset", "records", "attempts", "at_unix_nano")
    FIRST_OFFSET_FIELD_NUMBER: _ClassVar[int]
    NEXT_OFFSET_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    AT_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    first_offset: int
    next_offset: int
    records: int
    attempts: int
    at_unix_nano: int
    def __init__(self, first_offset: _Optional[int] = ..., next_offset: _Optional[int] = ..., records: _Optional[int] = ..., attempts: _Optional[int] = ..., at_unix_nano: _Optional[int] = ...) -> None: ...

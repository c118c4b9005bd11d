from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_TRACE: _ClassVar[Severity]
    SEVERITY_TRACE2: _ClassVar[Severity]
    SEVERITY_TRACE3: _ClassVar[Severity]
    SEVERITY_TRACE4: _ClassVar[Severity]
    SEVERITY_DEBUG: _ClassVar[Severity]
    SEVERITY_DEBUG2: _ClassVar[Severity]
    SEVERITY_DEBUG3: _ClassVar[Severity]
    SEVERITY_DEBUG4: _ClassVar[Severity]
    SEVERITY_INFO: _ClassVar[Severity]
    SEVERITY_INFO2: _ClassVar[Severity]
    SEVERITY_INFO3: _ClassVar[Severity]
    SEVERITY_INFO4: _ClassVar[Severity]
    SEVERITY_WARN: _ClassVar[Severity]
    SEVERITY_WARN2: _ClassVar[Severity]
    SEVERITY_WARN3: _ClassVar[Severity]
    SEVERITY_WARN4: _ClassVar[Severity]
    SEVERITY_ERROR: _ClassVar[Severity]
    SEVERITY_ERROR2: _ClassVar[Severity]
    SEVERITY_ERROR3: _ClassVar[Severity]
    SEVERITY_ERROR4: _ClassVar[Severity]
    SEVERITY_FATAL: _ClassVar[Severity]
    SEVERITY_FATAL2: _ClassVar[Severity]
    SEVERITY_FATAL3: _ClassVar[Severity]
    SEVERITY_FATAL4: _ClassVar[Severity]
SEVERITY_UNSPECIFIED: Severity
SEVERITY_TRACE: Severity
SEVERITY_TRACE2: Severity
SEVERITY_TRACE3: Severity
SEVERITY_TRACE4: Severity
SEVERITY_DEBUG: Severity
SEVERITY_DEBUG2: Severity
SEVERITY_DEBUG3: Severity
SEVERITY_DEBUG4: Severity
SEVERITY_INFO: Severity
SEVERITY_INFO2: Severity
SEVERITY_INFO3: Severity
SEVERITY_INFO4: Severity
SEVERITY_WARN: Severity
SEVERITY_WARN2: Severity
SEVERITY_WARN3: Severity
SEVERITY_WARN4: Severity
SEVERITY_ERROR: Severity
SEVERITY_ERROR2: Severity
SEVERITY_ERROR3: Severity
SEVERITY_ERROR4: Severity
SEVERITY_FATAL: Severity
SEVERITY_FATAL2: Severity
SEVERITY_FATAL3: Severity
SEVERITY_FATAL4: Severity

class Value(_message.Message):
    __slots__ = ("string_value", "int_value", "double_value", "bool_value", "bytes_value")
    STRING_VALUE_FIELD_NUMBER: _ClassVar[int]
    INT_VALUE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUE_FIELD_NUMBER: _ClassVar[int]
    BOOL_VALUE_FIELD_NUMBER: _ClassVar[int]
    BYTES_VALUE_FIELD_NUMBER: _ClassVar[int]
    string_value: str
    int_value: int
    double_value: float
    bool_value: bool
    bytes_value: bytes
    def __init__(self, string_value: _Optional[str] = ..., int_value: _Optional[int] = ..., double_value: _Optional[float] = ..., bool_value: _Optional[bool] = ..., bytes_value: _Optional[bytes] = ...) -> None: ...

class Exception(_message.Message):
    __slots__ = ("type", "message", "stacktrace")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STACKTRACE_FIELD_NUMBER: _ClassVar[int]
    type: str
    message: str
    stacktrace: str
    def __init__(self, type: _Optional[str] = ..., message: _Optional[str] = ..., stacktrace: _Optional[str] = ...) -> None: ...

class Resource(_message.Message):
    __slots__ = ("service", "host", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    service: str
    host: str
    attributes: _containers.MessageMap[str, Value]
    def __init__(self, service: _Optional[str] = ..., host: _Optional[str] = ..., attributes: _Optional[_Mapping[str, Value]] = ...) -> None: ...

class LogRecord(_message.Message):
    __slots__ = ("time_unix_nano", "observed_time_unix_nano", "severity", "severity_text", "body", "service", "logger", "thread", "host", "trace_id", "span_id", "attributes", "exception")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    TIME_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_TIME_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_TEXT_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    LOGGER_FIELD_NUMBER: _ClassVar[int]
    THREAD_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    EXCEPTION_FIELD_NUMBER: _ClassVar[int]
    time_unix_nano: int
    observed_time_unix_nano: int
    severity: Severity
    severity_text: str
    body: str
    service: str
    logger: str
    thread: str
    host: str
    trace_id: bytes
    span_id: bytes
    attributes: _containers.MessageMap[str, Value]
    exception: Exception
    def __init__(self, time_unix_nano: _Optional[int] = ..., observed_time_unix_nano: _Optional[int] = ..., severity: _Optional[_Union[Severity, str]] = ..., severity_text: _Optional[str] = ..., body: _Optional[str] = ..., service: _Optional[str] = ..., logger: _Optional[str] = ..., thread: _Optional[str] = ..., host: _Optional[str] = ..., trace_id: _Optional[bytes] = ..., span_id: _Optional[bytes] = ..., attributes: _Optional[_Mapping[str, Value]] = ..., exception: _Optional[_Union[Exception, _Mapping]] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("seq", "resource", "records", "received_time_unix_nano", "producer_id", "first_offset", "indexes")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_TIME_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_OFFSET_FIELD_NUMBER: _ClassVar[int]
    INDEXES_FIELD_NUMBER: _ClassVar[int]
    seq: int
    resource: Resource
    records: _containers.RepeatedCompositeFieldContainer[LogRecord]
    received_time_unix_nano: int
    producer_id: str
    first_offset: int
    indexes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, seq: _Optional[int] = ..., resource: _Optional[_Union[Resource, _Mapping]] = ..., records: _Optional[_Iterable[_Union[LogRecord, _Mapping]]] = ..., received_time_unix_nano: _Optional[int] = ..., producer_id: _Optional[str] = ..., first_offset: _Optional[int] = ..., indexes: _Optional[_Iterable[int]] = ...) -> None: ...

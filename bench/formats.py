"""How many records a second each format makes of messages as the encoders write them; one process, one core."""

from __future__ import annotations

import json
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as OtlpResource

from hub.ingest.formats import FORMATS, RUNS
from hub.ingest.kafka.reading import RUN
from hub.pb.record_pb2 import Batch, LogRecord, Resource, Severity, Value

if TYPE_CHECKING:
    from collections.abc import Callable

_TIMES = 20  # between two looks at the clock
_RECORDS = 500  # of a message of protobuf and OTLP
_ROUNDS = 5
_TIME = "2024-05-01T10:11:12.345Z"
_NANOS = 1_714_558_272_345_000_000
_TRACE, _SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_BODY = "Order 4711 accepted for customer 42 in 17 ms, warehouse north, 3 lines"
_LOGGER, _THREAD = "com.example.orders.OrderService", "http-nio-8080-exec-8"
_MDC = {"user_id": "4711", "request_id": "b1946ac92492d2347c6235b4d2611184"}
_ECS: dict[str, Any] = {
    "@timestamp": _TIME,
    "log.level": "INFO",
    "message": _BODY,
    "ecs.version": "1.2.0",
    "service.name": "orders",
    "event.dataset": "orders.log",
    "process.thread.name": _THREAD,
    "log.logger": _LOGGER,
    "trace.id": _TRACE,
    "span.id": _SPAN,
    **_MDC,
}
_LOGSTASH: dict[str, Any] = {
    "@timestamp": _TIME,
    "@version": "1",
    "message": _BODY,
    "logger_name": _LOGGER,
    "thread_name": _THREAD,
    "level": "INFO",
    "level_value": 20000,
    "service": "orders",
    "trace_id": _TRACE,
    "span_id": _SPAN,
    **_MDC,
}


def run(seconds: float) -> dict[str, Any]:
    """Measure each format for so long; return records/s and µs a record of each, of the best of five rounds."""
    rates = {name: _rate(name, *message, seconds / _ROUNDS) for name, message in _messages().items()}
    names = {name: name.replace("-", "_") for name in rates}
    return {
        "bench": "formats",
        **{f"{names[name]}_records_per_s": round(rate) for name, rate in rates.items()},
        **{f"{names[name]}_us_per_record": round(1e6 / rate, 2) for name, rate in rates.items()},
    }


def _rate(name: str, payload: bytes, records: int, seconds: float) -> float:
    read, records = _reader(name, payload, records)
    if len(read()) != records:
        msg = f"{name} lost records of its message"
        raise RuntimeError(msg)
    best = 0.0
    for _ in range(_ROUNDS):
        times, started = 0, perf_counter()
        while (taken := perf_counter() - started) < seconds:
            for _ in range(_TIMES):
                read()
            times += _TIMES
        best = max(best, times * records / taken)
    return best


def _reader(name: str, payload: bytes, records: int) -> tuple[Callable[[], list[bytes]], int]:
    """Return what reads a message, or a run of messages where the format can, and how many records that makes."""
    if name in RUNS:
        run = [_varied(payload, number) for number in range(RUN)]
        return partial(RUNS[name], run), RUN
    return partial(FORMATS[name], payload), records


def _varied(payload: bytes, number: int) -> bytes:
    """Return a message of another order in another trace, a moment later."""
    changes = {
        "4711 accepted": f"{number:04d} accepted",
        _TRACE: f"{number:04x}{_TRACE[4:]}",
        ".345Z": f".{number:03d}Z",
    }
    text = payload.decode()
    for before, after in changes.items():
        text = text.replace(before, after)
    return text.encode()


def _messages() -> dict[str, tuple[bytes, int]]:
    """Return a message of each format and how many records it has."""
    otlp = _otlp()
    shipped = {"@timestamp": _TIME, "message": json.dumps(_ECS), "host": {"name": "n"}, "log": {"offset": 1}}
    piped = {"@timestamp": _NANOS / 1e9, "log": json.dumps(_LOGSTASH), "stream": "stdout"}
    return {
        "protobuf": (_own(), _RECORDS),
        "ecs": (json.dumps(_ECS).encode(), 1),
        "logstash": (json.dumps(_LOGSTASH).encode(), 1),
        "log4j2": (json.dumps(_ECS).encode(), 1),
        "filebeat": (json.dumps(shipped).encode(), 1),
        "fluent-bit": (json.dumps(piped).encode(), 1),
        "otlp-protobuf": (otlp.SerializeToString(), _RECORDS),
        "otlp-json": (_otlp_json(), _RECORDS),
        "text": (_BODY.encode(), 1),
    }


def _own() -> bytes:
    record = LogRecord(
        time_unix_nano=_NANOS,
        severity=Severity.SEVERITY_INFO,
        severity_text="INFO",
        body=_BODY,
        logger=_LOGGER,
        thread=_THREAD,
        trace_id=bytes.fromhex(_TRACE),
        span_id=bytes.fromhex(_SPAN),
        attributes={name: Value(string_value=value) for name, value in _MDC.items()},
    )
    return Batch(resource=Resource(service="orders", host="node-1"), records=[record] * _RECORDS).SerializeToString()


def _otlp() -> logs_pb2.LogsData:
    attributes = {"thread.name": _THREAD, **_MDC}
    record = logs_pb2.LogRecord(
        time_unix_nano=_NANOS,
        severity_number=logs_pb2.SEVERITY_NUMBER_INFO,
        severity_text="INFO",
        body=AnyValue(string_value=_BODY),
        attributes=[KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in attributes.items()],
        trace_id=bytes.fromhex(_TRACE),
        span_id=bytes.fromhex(_SPAN),
    )
    scope = logs_pb2.ScopeLogs(scope=InstrumentationScope(name=_LOGGER), log_records=[record] * _RECORDS)
    service = KeyValue(key="service.name", value=AnyValue(string_value="orders"))
    logs = logs_pb2.ResourceLogs(resource=OtlpResource(attributes=[service]), scope_logs=[scope])
    return logs_pb2.LogsData(resource_logs=[logs])


def _otlp_json() -> bytes:
    record = {
        "timeUnixNano": str(_NANOS),
        "severityNumber": 9,
        "severityText": "INFO",
        "body": {"stringValue": _BODY},
        "attributes": [{"key": name, "value": {"stringValue": value}} for name, value in _MDC.items()],
        "traceId": _TRACE,
        "spanId": _SPAN,
    }
    scope = {"scope": {"name": _LOGGER}, "logRecords": [record] * _RECORDS}
    return json.dumps({"resourceLogs": [{"scopeLogs": [scope]}]}).encode()

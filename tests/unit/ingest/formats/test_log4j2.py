"""hub.ingest.formats.log4j2: messages of several events, and of templates of one's own."""

from __future__ import annotations

from hub.ingest.formats.log4j2 import decode
from hub.pb.record_pb2 import LogRecord, Severity, Value


def test_events_of_several_templates_in_one_message() -> None:
    """Each is read for itself."""
    found = decode(b'{"log.level":"INFO","message":"ecs"}\n{"short_message":"gelf","level":3}\n')
    assert [LogRecord.FromString(raw).severity for raw in found] == [Severity.SEVERITY_INFO, Severity.SEVERITY_ERROR]


def test_a_template_of_one_s_own_is_read_by_its_names() -> None:
    """Those of any known template; others are attributes."""
    (raw,) = decode(b'{"ts":1714558272,"lvl":"WARN","msg":"m","threadName":"t","zone":"eu"}')
    assert LogRecord.FromString(raw) == LogRecord(
        time_unix_nano=1_714_558_272 * 10**9,
        severity=Severity.SEVERITY_WARN,
        severity_text="WARN",
        body="m",
        thread="t",
        attributes={"zone": Value(string_value="eu")},
    )

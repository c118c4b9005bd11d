"""hub.ingest.formats.levels: names and numbers of many libraries, one scale."""

from __future__ import annotations

import pytest

from hub.ingest.formats.levels import severity, syslog_severity
from hub.pb.record_pb2 import Severity


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("TRACE", Severity.SEVERITY_TRACE),
        ("debug", Severity.SEVERITY_DEBUG),
        ("Information", Severity.SEVERITY_INFO),
        (" warn ", Severity.SEVERITY_WARN),
        ("WARNING", Severity.SEVERITY_WARN),
        ("SEVERE", Severity.SEVERITY_ERROR),
        ("err", Severity.SEVERITY_ERROR),
        ("critical", Severity.SEVERITY_ERROR2),
        ("FATAL", Severity.SEVERITY_FATAL),
        ("ERROR3", Severity.SEVERITY_ERROR3),
        ("40000", Severity.SEVERITY_ERROR),
        ("30", Severity.SEVERITY_INFO),
        ("UNSPECIFIED", Severity.SEVERITY_UNSPECIFIED),
        ("OFF", Severity.SEVERITY_UNSPECIFIED),
        ("", Severity.SEVERITY_UNSPECIFIED),
        ("loud", Severity.SEVERITY_UNSPECIFIED),
    ],
)
def test_a_level_has_a_severity(level: str, expected: Severity) -> None:
    """Whatever its case; one that nobody knows has none."""
    assert severity(level) == expected


def test_syslog_codes() -> None:
    """From 0, the worst, to 7; as a number or a digit."""
    found = [syslog_severity(code) for code in range(8)]
    assert found == sorted(found, reverse=True)
    assert found == [syslog_severity(str(code)) for code in range(8)]
    assert (found[3], found[4], found[6]) == (Severity.SEVERITY_ERROR, Severity.SEVERITY_WARN, Severity.SEVERITY_INFO)


@pytest.mark.parametrize("code", [-1, 8, "8", "12", "²", "", "x", None, True, 1.0, [3]])
def test_other_codes_have_none(code: object) -> None:
    """True is no 1, and a superscript no digit."""
    assert syslog_severity(code) == Severity.SEVERITY_UNSPECIFIED

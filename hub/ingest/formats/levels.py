"""The levels of logging libraries, by name and number, as the severities of OpenTelemetry.

Mapping: https://opentelemetry.io/docs/specs/otel/logs/data-model-appendix/#appendix-b-severitynumber-example-mappings
"""

from __future__ import annotations

from typing import cast

from hub.pb.record_pb2 import Severity

_UNKNOWN = Severity.SEVERITY_UNSPECIFIED
_TRACE, _DEBUG, _INFO, _WARN, _ERROR, _FATAL = (
    Severity.SEVERITY_TRACE,
    Severity.SEVERITY_DEBUG,
    Severity.SEVERITY_INFO,
    Severity.SEVERITY_WARN,
    Severity.SEVERITY_ERROR,
    Severity.SEVERITY_FATAL,
)
_NAMES: dict[str, Severity] = {
    **{name.removeprefix("SEVERITY_"): cast("Severity", number) for name, number in Severity.items()},
    # logback's level_value, then the levels of pino and bunyan: no number means two things.
    "5000": _TRACE,
    "10000": _DEBUG,
    "20000": _INFO,
    "30000": _WARN,
    "40000": _ERROR,
    "10": _TRACE,
    "20": _DEBUG,
    "30": _INFO,
    "40": _WARN,
    "50": _ERROR,
    "60": _FATAL,
    **dict.fromkeys(("ALL", "FINEST", "VERBOSE", "TRC", "VRB"), _TRACE),
    **dict.fromkeys(("FINER", "FINE", "DBG"), _DEBUG),
    **dict.fromkeys(("CONFIG",), Severity.SEVERITY_DEBUG4),
    **dict.fromkeys(("INFORMATION", "INFORMATIONAL", "INF"), _INFO),
    **dict.fromkeys(("NOTICE",), Severity.SEVERITY_INFO2),
    **dict.fromkeys(("WARNING", "WRN"), _WARN),
    **dict.fromkeys(("SEVERE", "ERR"), _ERROR),
    **dict.fromkeys(("CRITICAL", "CRIT"), Severity.SEVERITY_ERROR2),
    **dict.fromkeys(("ALERT",), Severity.SEVERITY_ERROR3),
    **dict.fromkeys(("EMERGENCY", "EMERG", "PANIC", "FTL"), _FATAL),
}
# RFC 5424 section 6.2.1, from 0 emergency to 7 debug.
_SYSLOG = (
    _FATAL,
    *(Severity.SEVERITY_ERROR3, Severity.SEVERITY_ERROR2, _ERROR),
    *(_WARN, Severity.SEVERITY_INFO2, _INFO, _DEBUG),
)


def severity(level: str) -> Severity:
    """Return the severity of a level by its name, or by the number that a library has for it."""
    return _NAMES.get(level) or _NAMES.get(level.strip().upper(), _UNKNOWN)


def syslog_severity(code: object) -> Severity:
    """Return the severity of a syslog code 0 to 7, a number or its digit; unspecified if it is none."""
    if type(code) is str and code.isascii() and code.isdigit() and len(code) == 1:
        code = int(code)
    return _SYSLOG[code] if type(code) is int and 0 <= code < len(_SYSLOG) else _UNKNOWN

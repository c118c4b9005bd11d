"""The hub's own log lines: a constant event and fields, as JSON or as text, on standard error.

    logging.getLogger(__name__).info("stream_opened", extra={"fields": {"tenant": tenant}})

Never a token, key or record body; what looks like a token or a private key is taken out all the same. What peers choose
(names, reasons) can be in a field, so a line never holds a control character: nobody can forge a second line.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

# A JWT begins with a JSON object in base64url: `{` and then a quote, or white space before it.
_TOKEN = re.compile(r"e(?:yJ|yA|wo|wk|w0K)[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?")
_BEARER = re.compile(r"(?i)\b(bearer[ .])[A-Za-z0-9._~+/=-]{16,}")
_TICKET = re.compile(r"(?i)\b(ticket=)[A-Za-z0-9_%-]{16,}")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN = re.compile(r"[^\s\"=\\]+")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, event, the fields, and the exception if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": redacted(record.getMessage()),
        }
        # A field of one of those names goes under another: it must not pose as the line's own.
        line |= {f"{name}_" if name in line else name: _plain(value) for name, value in _fields(record).items()}
        if record.exc_info:
            line["exception"] = redacted(self.formatException(record.exc_info))
        return json.dumps(line)


class TextFormatter(logging.Formatter):
    """One line for people; an exception follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        fields = " ".join(f"{name}={_word(value)}" for name, value in _fields(record).items())
        event = _CONTROL.sub(_escape, redacted(record.getMessage()))
        line = f"{time} {record.levelname:<7} {event} {fields}".rstrip()
        if not record.exc_info:
            return line
        trace = redacted(self.formatException(record.exc_info)).split("\n")
        return "\n".join([line, *(f"    {_CONTROL.sub(_escape, one)}" for one in trace)])


def redacted(text: str) -> str:
    """Return the text without all that looks like a JSON Web Token, a bearer token, a ticket or a private key."""
    text = _TICKET.sub(r"\1[ticket]", _PRIVATE_KEY.sub("[private key]", text))
    return _BEARER.sub(r"\1[token]", _TOKEN.sub("[token]", text))


def set_up(level: str, style: str, stream: TextIO | None = None) -> None:
    """Send the log lines of this process to standard error, or to `stream`; `style` is json or text."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    fields: Mapping[str, object] = getattr(record, "fields", {})
    return fields


def _plain(value: object) -> object:
    """Return the value as JSON can hold it; NaN and infinities become text, since JSON has none."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and abs(value) < float("inf")):
        return value
    return redacted(str(value))


def _word(value: object) -> str:
    text = redacted(str(value))
    return text if _PLAIN.fullmatch(text) and not _CONTROL.search(text) else _CONTROL.sub(_escape, json.dumps(text))


def _escape(match: re.Match[str]) -> str:
    return repr(match[0])[1:-1]

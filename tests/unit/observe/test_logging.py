"""hub.observe.logging: one line an event, nothing secret in it, and nobody forges a second one."""

from __future__ import annotations

import io
import json
import logging
import sys
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest

from hub.observe.logging import JsonFormatter, TextFormatter, redacted, set_up

if TYPE_CHECKING:
    from collections.abc import Iterator


def jwt(header: str = '{"alg":"ES256"}') -> str:
    """Return something of a token's form."""
    parts = (header, '{"sub":"someone","tenant":"acme"}', "a signature that is long enough")
    return ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


def record(
    event: str, fields: dict[str, object] | None = None, error: BaseException | None = None
) -> logging.LogRecord:
    """Return a log record as logging makes it."""
    exception = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("hub.ingest.stream", logging.WARNING, "f.py", 1, event, (), exception)
    made.created = 1_700_000_000.25
    if fields is not None:
        made.fields = fields
    return made


def as_json(*args: Any) -> dict[str, Any]:
    """Return the one JSON line of a record."""
    line = JsonFormatter().format(record(*args))
    assert "\n" not in line
    read = json.loads(line, parse_constant=pytest.fail)
    assert isinstance(read, dict)
    return read


def test_a_json_line_has_time_level_logger_event_and_fields() -> None:
    """The fields stand beside the event, numbers as numbers."""
    assert as_json("stream_opened", {"tenant": "acme", "batches": 3, "resumed": True, "after": None}) == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "level": "WARNING",
        "logger": "hub.ingest.stream",
        "event": "stream_opened",
        "tenant": "acme",
        "batches": 3,
        "resumed": True,
        "after": None,
    }


def test_a_record_without_fields_is_a_line_too() -> None:
    """What libraries log has no fields."""
    assert as_json("Started server process")["event"] == "Started server process"


def test_a_field_cannot_pose_as_the_lines_own() -> None:
    """A field called like one of the line's own goes under another name."""
    line = as_json("refused", {"event": "accepted", "level": "INFO"})
    assert (line["event"], line["level"]) == ("refused", "WARNING")
    assert (line["event_"], line["level_"]) == ("accepted", "INFO")


@pytest.mark.parametrize(
    ("value", "shown"), [(float("nan"), "nan"), (float("inf"), "inf"), (b"x", "b'x'"), ((1,), "(1,)")]
)
def test_what_json_cannot_hold_becomes_text(value: object, shown: str) -> None:
    """A line is always valid JSON."""
    assert as_json("measured", {"value": value})["value"] == shown


def test_a_text_line_is_for_reading() -> None:
    """Level, event and fields, in one line."""
    line = TextFormatter().format(record("stream_opened", {"tenant": "acme", "reason": "out of order", "empty": ""}))
    assert line[8:] == ' WARNING stream_opened tenant=acme reason="out of order" empty=""'


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\x00", "\x85", "\u2028"])
@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_no_control_character_gets_into_a_line(formatter: logging.Formatter, character: str) -> None:
    """Neither a field nor a library's message can begin a line of its own, or steer a terminal."""
    line = formatter.format(record(f"a{character}b", {"peer": f"x{character}12:00:00 INFO forged"}))
    assert character not in line
    assert len(line.splitlines()) == 1


def raised(message: str) -> Exception:
    """Return an error that was raised, so that it has a traceback."""
    with pytest.raises(LookupError) as caught:
        raise LookupError(message)
    return caught.value


def test_an_exception_is_in_the_json_line() -> None:
    """The traceback is a field of the line."""
    trace = as_json("worker_failed", {}, raised("no\nsuch"))["exception"]
    assert trace.startswith("Traceback")
    assert trace.endswith("LookupError: no\nsuch")


def test_an_exception_follows_the_text_line_indented() -> None:
    """No line of a traceback can be taken for an event."""
    first, *rest = TextFormatter().format(record("worker_failed", {}, raised("no\n12:00:00 INFO forged"))).split("\n")
    assert first.endswith("worker_failed")
    assert rest[-1] == "    12:00:00 INFO forged"
    assert all(line.startswith("    ") for line in rest)


@pytest.mark.parametrize(
    "header", ['{"alg":"ES256"}', '{ "alg" : "ES256" }', '{\n"alg":"ES256"}', '{\r\n"alg":"ES256"}']
)
@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_token_never_gets_into_a_line(formatter: logging.Formatter, header: str) -> None:
    """Whether in the event, a field or an exception, and however its header is spaced."""
    token = jwt(header)
    line = formatter.format(record(f"GET /?t={token} 200", {"peer": f"loghub.v1.proto, bearer.{token}"}, raised(token)))
    assert line.count("[token]") == 3
    assert not [part for part in token.split(".") if part in line]


def test_half_a_token_is_taken_out() -> None:
    """A token that was cut, with or without its signature, is no less secret."""
    header, claims, _ = jwt().split(".")
    assert redacted(f"x {header}.{claims} y") == "x [token] y"
    assert redacted(f"x {header}.{claims[:9]}") == "x [token]"


def test_an_opaque_bearer_token_is_taken_out() -> None:
    """Not every token is a JWT."""
    assert redacted("Authorization: Bearer 0123456789abcdef0123+/==") == "Authorization: Bearer [token]"


def test_a_private_key_is_taken_out() -> None:
    """A key's body is gone, whole or cut off."""
    begin, end = "-----BEGIN EC PRIVATE KEY-----", "-----END EC PRIVATE KEY-----"
    assert redacted(f"a {begin}\nMHcCAQEE\n{end} b") == "a [private key] b"
    assert redacted(f"a {begin}\nMHcCAQEE") == "a [private key]"


@pytest.mark.parametrize(
    "text",
    [
        "com.example.extension.OrderService failed",
        "spiffe://loghub.local/tenant/acme/producer/orders-1",
        "the bearer token has expired",
        "examples.keyJoin.extra",
        "certs/pki/ewoks.pem",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    """Redaction does not eat what people need to read."""
    assert redacted(text) == text


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """Return the root logger; its handlers and level come back afterwards."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.usefixtures("root")
def test_set_up_sends_every_logger_to_one_stream() -> None:
    """Each event is written once, as JSON, if it is severe enough; setting up again does not double it."""
    stream = io.StringIO()
    set_up("INFO", "json", stream)
    set_up("INFO", "json", stream)
    logger = logging.getLogger("hub.test_set_up")
    logger.debug("too_fine")
    logger.info("ready", extra={"fields": {"port": 8443}})
    (line,) = stream.getvalue().splitlines()
    assert (json.loads(line)["event"], json.loads(line)["port"]) == ("ready", 8443)


def test_set_up_writes_text_to_standard_error(root: logging.Logger) -> None:
    """Without a stream it is standard error, and `text` is for people."""
    set_up("ERROR", "text")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr
    assert isinstance(handler.formatter, TextFormatter)
    assert root.level == logging.ERROR


def test_a_ticket_in_an_address_is_taken_out() -> None:
    """It lets in whoever reads it, for a moment."""
    ticket = "7kMdVbyTm3k0Zy7oH0cGm0F5Jm1cXl5mYQ8w3x0l2sE"
    assert redacted(f"GET /v1/tail?filter=a&ticket={ticket}&last=1") == "GET /v1/tail?filter=a&ticket=[ticket]&last=1"
    assert redacted("ticket=4711 is closed") == "ticket=4711 is closed"

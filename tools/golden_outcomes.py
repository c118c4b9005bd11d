"""What no writer writes: how each language reads it, where they refuse it, and where they do not agree.

`python`, `java` and `es` are what a reader makes of it, in hex; None: it refuses. `hub` is what the hub makes of a
producer's bytes, where it is not what Python does. A runtime that changes its mind turns a test red.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """An input, as JSON or as hex, and what is read of it."""

    name: str
    kind: str
    json: str | None = None
    hex: str | None = None
    python: str | None = None
    java: str | None = None
    es: str | None = None
    hub: str | None = None
    why: str = ""

    @property
    def read(self) -> dict[str, str | None]:
        """What each makes of it."""
        hub = {"hub": self.hub} if self.hub is not None else {}
        return {"python": self.python, "java": self.java, "es": self.es, **hub}


_TEXT_SURROGATES = "UTF-8 has no half characters; Java sends `?`"
_LENIENT = "Java's reader of JSON is lenient"

_REFUSED_JSON = (
    Outcome("unknown-name", "Value", '{"nope": 1}'),
    Outcome("unknown-name-of-an-enum", "LogRecord", '{"severity": "SEVERITY_NOPE"}'),
    Outcome("enum-by-its-level", "LogRecord", '{"severity": "WARN"}'),
    Outcome("enum-beyond-int32", "LogRecord", '{"severity": 2147483648}'),
    Outcome("uint32-too-large", "Subscribe", '{"last": 4294967296}'),
    Outcome("uint32-negative", "Subscribe", '{"last": -1}'),
    Outcome("uint32-with-a-fraction", "Subscribe", '{"last": 1.5}'),
    Outcome("uint64-too-large", "Batch", '{"seq": "18446744073709551616"}'),
    Outcome("uint64-negative", "Batch", '{"seq": "-1"}'),
    Outcome("uint64-of-no-digits", "Batch", '{"seq": ""}'),
    Outcome("int64-too-large", "Value", '{"intValue": "9223372036854775808"}'),
    Outcome("double-too-large", "Value", '{"doubleValue": 1e400}'),
    Outcome("nan-in-small-letters", "Value", '{"doubleValue": "nan"}'),
    Outcome("bool-as-a-number", "Value", '{"boolValue": 1}'),
    Outcome("base64-of-one-letter", "Value", '{"bytesValue": "A"}'),
    Outcome("two-of-a-oneof", "Subscribe", '{"last": 1, "oldest": true}'),
    Outcome("null-in-a-map", "Resource", '{"attributes": {"a": null}}'),
    Outcome("null-in-a-list", "Batch", '{"records": [null]}'),
    Outcome("null-for-a-message", "Value", "null"),
    Outcome("nothing-at-all", "Value", ""),
    Outcome("comma-at-the-end", "Value", '{"intValue": "1",}'),
    Outcome("timestamp-of-the-year-10000", "AuthExpiring", '{"expires": "10000-01-01T00:00:00Z"}'),
    Outcome("timestamp-in-small-letters", "AuthExpiring", '{"expires": "1970-01-01t00:00:00z"}'),
    Outcome("timestamp-without-a-zone", "AuthExpiring", '{"expires": "1970-01-01T00:00:00"}'),
    Outcome("duration-too-long", "Nack", '{"retryAfter": "315576000001s"}'),
    Outcome("duration-without-its-unit", "Nack", '{"retryAfter": "1"}'),
)

_DIFFERENT_JSON = (
    Outcome("half-a-character", "Value", r'{"stringValue": "\ud83d"}', java="0a013f", why=_TEXT_SURROGATES),
    Outcome("the-other-half", "Value", r'{"stringValue": "a\ude00b"}', java="0a03613f62", why=_TEXT_SURROGATES),
    Outcome("halves-the-wrong-way", "Value", r'{"stringValue": "\ude00\ud83d"}', java="0a023f3f", why=_TEXT_SURROGATES),
    Outcome(
        "half-a-character-in-a-key",
        "Resource",
        r'{"attributes": {"\ud83d": {}}}',
        java="1a050a013f1200",
        why=_TEXT_SURROGATES,
    ),
    Outcome(
        "double-negative-zero-in-json",
        "Value",
        '{"doubleValue": -0.0}',
        python="190000000000000080",
        java="190000000000000000",
        es="190000000000000080",
        why="Java reads the number as a BigDecimal, which has no negative zero",
    ),
    Outcome(
        "uint64-largest-as-a-number",
        "Batch",
        '{"seq": 18446744073709551615}',
        python="08ffffffffffffffffff01",
        java="08ffffffffffffffffff01",
        why="JavaScript rounds it up to 2^64: 64-bit numbers are strings in JSON",
    ),
    Outcome(
        "uint64-beyond-a-double-as-a-number",
        "Batch",
        '{"seq": 9007199254740993}',
        python="088180808080808010",
        java="088180808080808010",
        es="088080808080808010",
        why="JavaScript reads 9007199254740992, and says nothing: 64-bit numbers are strings in JSON",
    ),
    Outcome("uint64-with-an-exponent-as-text", "Batch", '{"seq": "1e3"}', python="08e807", java="08e807"),
    Outcome("uint64-with-a-fraction-as-text", "Batch", '{"seq": "1.0"}', python="0801", java="0801"),
    Outcome("uint64-behind-a-space", "Batch", '{"seq": " 1"}', es="0801"),
    Outcome("uint64-with-a-plus", "Batch", '{"seq": "+1"}', python="0801", java="0801", es="0801"),
    Outcome("enum-number-as-text", "LogRecord", '{"severity": "13"}', python="180d", java="180d"),
    Outcome("one-name-twice", "Subscribe", '{"credit": 1, "credit": 2}', java="4802", why=_LENIENT),
    Outcome("one-key-twice", "Resource", '{"attributes": {"a": {}, "a": {}}}', java="1a050a01611200", why=_LENIENT),
    Outcome("both-names-of-a-field", "Subscribe", '{"maxRecordsPerS": 1, "max_records_per_s": 2}', python="4002"),
    Outcome("bool-as-text", "Value", '{"boolValue": "true"}', java="2001", why=_LENIENT),
    Outcome("string-as-a-number", "Value", '{"stringValue": 5}', java="0a0135", why=_LENIENT),
    Outcome("double-as-a-bool", "Value", '{"doubleValue": true}', python="19000000000000f03f"),
    Outcome("double-too-large-as-text", "Value", '{"doubleValue": "1e400"}', python="19000000000000f07f"),
    Outcome("nan-without-quotes", "Value", '{"doubleValue": NaN}', java="19000000000000f87f", why=_LENIENT),
    Outcome(
        "base64-of-no-letters",
        "Value",
        '{"bytesValue": "!!!!"}',
        python="2a00",
        why="Python passes over what is no base64",
    ),
    Outcome("base64-of-both-alphabets", "Value", '{"bytesValue": "-_+/"}', python="2a03fbffbf", es="2a03fbffbf"),
    Outcome("base64-with-a-line-feed", "Value", r'{"bytesValue": "AA\nAA"}', python="2a03000000", es="2a03000000"),
    Outcome("text-behind-the-message", "Value", "{} x", java="", why=_LENIENT),
    Outcome("single-quotes", "Value", "{'intValue': '1'}", java="1001", why=_LENIENT),
    Outcome("a-comment", "Value", "{/* c */}", java="", why=_LENIENT),
    Outcome("a-tab-in-a-string", "Value", '{"stringValue": "a\tb"}', java="0a03610962", why=_LENIENT),
    Outcome("a-list-for-a-message", "Value", "[]", python=""),
    Outcome("timestamp-of-ten-digits", "AuthExpiring", '{"expires": "1970-01-01T00:00:00.0000000001Z"}', java="0a00"),
    Outcome("duration-of-ten-digits", "Nack", '{"retryAfter": "0.0000000001s"}', python="2200", java="2200"),
)

_REFUSED_BYTES = (
    Outcome("cut-in-a-varint", "Value", hex="10"),
    Outcome("cut-in-a-string", "Value", hex="0a0561"),
    Outcome("field-of-number-0", "Value", hex="0001"),
    Outcome("wire-type-6", "Value", hex="c63e01"),
    Outcome("wire-type-7", "Value", hex="c73e01"),
    Outcome("group-that-nobody-began", "Value", hex="c43e"),
    Outcome("group-that-another-number-ends", "Value", hex="c33ecc3e"),
    Outcome("group-without-an-end", "Value", hex="c33e0801"),
    Outcome("varint-of-eleven-bytes", "Value", hex="10ffffffffffffffffffff01"),
    Outcome("length-below-zero", "Value", hex="0affffffffffffffffff01"),
)

_UTF8 = "not UTF-8"
_TYPE = "protobuf-es goes by the field's type, whatever the wire's is"
_TENTH = "Java takes bit 63 from the ninth byte"
_NAN = "bits of a NaN survive in bytes; JSON has one NaN"

_DIFFERENT_BYTES = (
    Outcome("utf8-of-a-lone-byte", "Value", hex="0a01ff", hub="0a03efbfbd", why=_UTF8),
    Outcome("utf8-of-a-surrogate", "Value", hex="0a03eda080", hub="0a09efbfbdefbfbdefbfbd", why=_UTF8),
    Outcome("utf8-in-more-bytes-than-it-needs", "Value", hex="0a02c080", hub="0a06efbfbdefbfbd", why=_UTF8),
    Outcome("utf8-of-a-lone-byte-in-a-key", "Resource", hex="1a030a01ff", hub="1a070a03efbfbd1200", why=_UTF8),
    Outcome(
        "varint-whose-tenth-byte-is-0",
        "Value",
        hex="1081808080808080808000",
        python="1001",
        java="1081808080808080808001",
        es="1001",
        why=_TENTH,
    ),
    Outcome("number-of-a-field-in-more-bytes", "Value", hex="908080800001", python="1001", java="1001", es="1001"),
    Outcome("enum-as-bytes", "LogRecord", hex="1a0105", python="1a0105", java="1a0105", why=_TYPE),
    Outcome("string-as-a-varint", "LogRecord", hex="2805", python="2805", java="2805", why=_TYPE),
    Outcome("fixed64-as-a-varint", "LogRecord", hex="0805", python="0805", java="0805", why=_TYPE),
    Outcome("message-as-a-varint", "LogRecord", hex="6805", python="6805", java="6805", why=_TYPE),
    Outcome(
        "nan-with-bits",
        "Value",
        hex="19010000000000f87f",
        python="19010000000000f87f",
        java="19010000000000f87f",
        es="19010000000000f87f",
        why=_NAN,
    ),
    Outcome(
        "nan-with-a-sign",
        "Value",
        hex="19000000000000f8ff",
        python="19000000000000f8ff",
        java="19000000000000f8ff",
        es="19000000000000f8ff",
        why=_NAN,
    ),
)

OUTCOMES = (*_REFUSED_JSON, *_DIFFERENT_JSON, *_REFUSED_BYTES, *_DIFFERENT_BYTES)

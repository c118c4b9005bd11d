"""What the golden vectors are made of: messages in text, by hand, and other ways to write the same ones.

What each is here for stands in its name. `tools/golden_vectors.py` adds the bytes and the canonical JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SMILE = "\U0001f600"


@dataclass(frozen=True, slots=True)
class Case:
    """A message: `text` is its text format, `unknown` is hex of fields behind it that nobody knows.

    `also_hex` and `also_json` (as an object, or to the letter) must be read as the same message, and are never written.
    `java_json`: hex of what Java makes of the JSON, where it is another message.
    """

    name: str
    kind: str
    text: str = ""
    unknown: str = ""
    also_hex: tuple[str, ...] = ()
    also_json: tuple[Any, ...] = ()
    java_json: str = ""


def _text(value: str) -> str:
    """Return a string in text format: what cannot be printed, and quotes, in octal."""
    plain = (one if one.isprintable() and one not in "\"\\'" else _octal(one) for one in value)
    return f'"{"".join(plain)}"'


def _octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode())


_VALUES = (
    Case(
        "int64-zero-in-a-oneof",
        "Value",
        "int_value: 0",
        also_json=({"intValue": 0}, {"int_value": "0"}, {"intValue": "-0"}),
    ),
    Case(
        "int64-in-more-bytes-than-it-needs",
        "Value",
        "int_value: 1",
        also_hex=("108180808000",),
        also_json=({"intValue": 1.0}, {"intValue": 1}),
    ),
    Case("int64-minus-one-is-ten-bytes", "Value", "int_value: -1", also_json=({"intValue": -1},)),
    Case("int64-largest", "Value", "int_value: 9223372036854775807"),
    Case("int64-smallest", "Value", "int_value: -9223372036854775808"),
    Case("int64-beyond-a-double", "Value", "int_value: 9007199254740993"),
    Case(
        "int64-in-exponent-form", "Value", "int_value: 1200", also_json=('{"intValue": 1.2e3}', '{"intValue": "1200"}')
    ),
    Case("double-zero-in-a-oneof", "Value", "double_value: 0", also_json=({"doubleValue": 0}, {"doubleValue": "0"})),
    Case("double-negative-zero", "Value", "double_value: -0.0", java_json="190000000000000000"),
    Case("double-nan", "Value", "double_value: nan"),
    Case("double-infinity", "Value", "double_value: inf"),
    Case("double-negative-infinity", "Value", "double_value: -inf"),
    Case("double-largest", "Value", "double_value: 1.7976931348623157e308"),
    Case("double-smallest", "Value", "double_value: 5e-324"),
    Case("double-smallest-normal", "Value", "double_value: 2.2250738585072014e-308"),
    Case("double-tenth", "Value", "double_value: 0.1", also_json=({"doubleValue": "0.1"}, {"doubleValue": "1e-1"})),
    Case(
        "double-beyond-exact-integers",
        "Value",
        "double_value: 1e21",
        also_json=({"doubleValue": 10**21}, '{"doubleValue": 1E+21}'),
    ),
    Case("bool-false-in-a-oneof", "Value", "bool_value: false"),
    Case("bool-true", "Value", "bool_value: true", also_hex=("2002", "20ffffffffffffffffff01")),
    Case("bytes-empty-in-a-oneof", "Value", 'bytes_value: ""', also_json=({"bytes_value": ""},)),
    Case(
        "bytes-base64-variants",
        "Value",
        r'bytes_value: "\373\377\376\000"',
        also_json=({"bytesValue": "-__-AA=="}, {"bytesValue": "-__-AA"}, {"bytesValue": "+//+AA"}),
    ),
    Case("string-empty-in-a-oneof", "Value", 'string_value: ""'),
    Case("null-is-a-value-without-kind", "Value", also_json=({"stringValue": None}, {"intValue": None})),
    Case(
        "a-oneof-where-the-last-wins",
        "Value",
        'string_value: "b"',
        also_hex=("10050a0162", "0a01610a0162", "20010a0162"),
    ),
)

_STRINGS = (
    *(
        Case(f"string-{name}", "Value", f"string_value: {_text(value)}")
        for name, value in {
            "nul-and-controls": "\0\x01\x1f\x7f\x80\x9f",
            "quotes-and-backslash": "\"\\/'",
            "markup": "</script><!-- & -->",
            "line-separators": "\u2028\u2029\u0085\r\n",
            "byte-order-mark": "\ufeffa\ufeff",
            "noncharacters": "\ufffe\uffff\ufdd0",
            "replacement": "\ufffd",
            "beyond-the-bmp": f"{SMILE}\U00010000\U0010ffff",
            "combining": "e\u0301\u0323 is not é",
            "127-bytes": "x" * 127,
            "128-bytes": "ß" * 64,
            "16384-bytes-beyond-the-bmp": SMILE * 4096,
        }.items()
    ),
    Case(
        "string-json-escapes",
        "Value",
        f"string_value: {_text(SMILE + 'ä/')}",
        also_json=({"string_value": SMILE + "ä/"},),
    ),
)

_NUMBERS = (
    Case("uint64-largest", "Batch", "seq: 18446744073709551615"),
    Case("uint64-first-beyond-int64", "Batch", "seq: 9223372036854775808"),
    Case("uint64-largest-int64", "Batch", "seq: 9223372036854775807"),
    Case("uint64-beyond-a-double", "Batch", "first_offset: 9007199254740993"),
    Case(
        "uint64-zero-is-absent",
        "Batch",
        also_hex=("0800", "3000"),
        also_json=({"seq": "0"}, {"seq": 0}, {"firstOffset": None}),
    ),
    Case("fixed64-largest", "LogRecord", "time_unix_nano: 18446744073709551615"),
    Case("fixed64-first-beyond-int64", "LogRecord", "observed_time_unix_nano: 9223372036854775808"),
    Case("fixed64-zero-is-absent", "LogRecord", also_hex=("090000000000000000",), also_json=({"timeUnixNano": "0"},)),
    Case(
        "uint32-largest",
        "Subscribe",
        "max_records_per_s: 4294967295",
        also_hex=("40ffffffffffffffffff01",),
        also_json=({"maxRecordsPerS": "4294967295"},),
    ),
    Case("uint32-first-beyond-int32", "Subscribe", "credit: 2147483648"),
    Case(
        "uint32-repeated-is-packed",
        "Batch",
        "indexes: [0, 1, 127, 128, 16384, 4294967295]",
        also_hex=(
            "38003801387f3880013880800138ffffffff0f",
            "3a0200013a067f800180800138ffffffff0f",
        ),
        also_json=({"indexes": ["0", 1.0, 127, "128", 16384, 4294967295]},),
    ),
    Case(
        "enum-largest-known", "LogRecord", "severity: SEVERITY_FATAL4", also_json=({"severity": 24}, {"severity": 24.0})
    ),
    Case(
        "enum-zero-is-absent",
        "LogRecord",
        also_hex=("1800",),
        also_json=({"severity": "SEVERITY_UNSPECIFIED"}, {"severity": 0}),
    ),
    Case("enum-unknown", "LogRecord", "severity: 99"),
    Case("enum-unknown-negative", "LogRecord", "severity: -1", also_hex=("18ffffffff0f",)),
    Case(
        "enum-repeated-is-packed",
        "Subscribe",
        "compressions: [COMPRESSION_ZSTD, COMPRESSION_UNSPECIFIED, 7]",
        also_hex=("580158005807", "5a0201005807"),
        also_json=({"compressions": [1, 0, 7.0]},),
    ),
    Case("enum-largest", "LogRecord", "severity: 2147483647"),
    Case("enum-smallest", "LogRecord", "severity: -2147483648"),
    Case(
        "list-of-uint64",
        "AckDeliveries",
        "ids: [0, 1, 18446744073709551615]",
        also_hex=("0800080108ffffffffffffffffff01", "0a0200010a0affffffffffffffffff01"),
        also_json=({"ids": [0, 1, "18446744073709551615"]},),
    ),
)

_PRESENCE = (
    Case("optional-absent", "Subscribe", also_json=({"follow": None}, {})),
    Case("optional-set-to-its-default", "Subscribe", "follow: false"),
    Case("optional-set", "Subscribe", "follow: true"),
    Case("oneof-set-to-its-default", "Subscribe", "last: 0", also_json=({"last": "0"}, {"last": 0, "cursor": None})),
    Case("oneof-set-to-the-empty-string", "Subscribe", 'cursor: ""'),
    Case("bool-plain", "HubGoodbye", "reconnect: true", also_hex=("180018ffffffff0f",)),
    Case("bool-plain-false-is-absent", "HubGoodbye", also_hex=("1800",), also_json=({"reconnect": False},)),
    Case("message-absent", "LogRecord", also_json=({"exception": None},)),
    Case("message-empty", "LogRecord", "exception {}"),
    Case(
        "message-in-a-oneof-empty",
        "ClientMessage",
        "ping {}",
        also_json=({"ping": {"payload": ""}}, {"ping": {"payload": None}}),
    ),
    Case(
        "message-in-pieces-is-merged",
        "LogRecord",
        'exception { type: "T" message: "n" }',
        also_hex=("6a030a01546a0312016e", "6a0312016d6a060a015412016e"),
    ),
    Case("string-where-the-last-wins", "LogRecord", 'body: "b"', also_hex=("2a01612a0162", "2a002a0162")),
    Case("list-absent", "Batch", also_json=({"records": []}, {"records": None})),
    Case("list-of-empty-messages", "Batch", "records {} records {}"),
    Case("list-with-empty-strings", "Hello", 'wants: "" wants: "a" wants: ""'),
)

_MAPS = (
    Case("map-missing", "Resource", also_json=({"attributes": {}}, {"attributes": None})),
    Case(
        "map-empty-key-and-null",
        "Resource",
        'attributes { key: "" value {} }',
        also_hex=("1a00", "1a020a00", "1a021200"),
        also_json=({"attributes": {"": {"stringValue": None}}},),
    ),
    Case(
        "map-key-behind-its-value",
        "Resource",
        'attributes { key: "k" value { int_value: 1 } }',
        also_hex=("1a07120210010a016b", "1a070a016b12021002" + "1a070a016b12021001"),
    ),
    Case(
        "map-of-every-kind-of-value",
        "Resource",
        'attributes { key: "a" value { string_value: "s" } } attributes { key: "b" value { int_value: -5 } } '
        'attributes { key: "c" value { double_value: 0.5 } } attributes { key: "d" value { bool_value: true } } '
        'attributes { key: "e" value { bytes_value: "\\001" } } attributes { key: "f" value {} }',
    ),
    Case(
        "map-keys-of-any-text",
        "Resource",
        f'attributes {{ key: {_text(SMILE)} value {{}} }} attributes {{ key: "a.b\\"c" value {{}} }}',
    ),
)

_TIMES = (
    Case("duration-zero", "Nack", "retry_after {}", also_json=({"retryAfter": "0.000s"}, {"retry_after": "0s"})),
    Case(
        "duration-negative",
        "Nack",
        "retry_after { seconds: -1 nanos: -500000000 }",
        also_json=({"retryAfter": "-1.5s"},),
    ),
    Case("duration-negative-below-a-second", "Nack", "retry_after { nanos: -1 }"),
    Case(
        "duration-three-digits", "Nack", "retry_after { nanos: 1000000 }", also_json=({"retryAfter": "0.001000000s"},)
    ),
    Case("duration-six-digits", "Nack", "retry_after { nanos: 1000 }"),
    Case("duration-nine-digits", "Nack", "retry_after { seconds: 3 nanos: 1 }"),
    Case("duration-longest", "Nack", "retry_after { seconds: 315576000000 nanos: 999999999 }"),
    Case("timestamp-epoch", "AuthExpiring", "expires {}", also_json=({"expires": "1970-01-01T01:00:00+01:00"},)),
    Case("timestamp-first", "AuthExpiring", "expires { seconds: -62135596800 }"),
    Case("timestamp-last", "AuthExpiring", "expires { seconds: 253402300799 nanos: 999999999 }"),
    Case("timestamp-before-the-epoch", "AuthExpiring", "expires { seconds: -1 nanos: 500000000 }"),
    Case("timestamp-microseconds", "AuthExpiring", "expires { seconds: 1700000000 nanos: 1000 }"),
)

_UNKNOWN = (
    Case("unknown-varint", "LogRecord", 'body: "b"', "c03effffffffffffffffff01"),
    Case("unknown-fixed64", "LogRecord", 'body: "b"', "c13e0102030405060708"),
    Case("unknown-bytes", "LogRecord", 'body: "b"', "c23e03fffe00"),
    Case("unknown-group", "LogRecord", 'body: "b"', "c33e0801d33e1203616263d43ec43e"),
    Case("unknown-fixed32", "LogRecord", 'body: "b"', "c53e01020304"),
    Case("unknown-of-the-highest-number", "LogRecord", "", "f8ffffff0f01"),
    Case("unknown-repeated-keeps-its-order", "LogRecord", "", "c03e02c03e01c03e02"),
    Case("unknown-before-what-is-known", "LogRecord", 'body: "b"', "c03e01", also_hex=("c03e012a0162",)),
    Case("unknown-kind-of-a-oneof", "ServerMessage", "", "fa3e020801"),
)

_CASE = (
    Case(
        "names-in-lower-camel-case-and-as-in-the-contract",
        "Subscribe",
        'id: "a" filter: "level>=warn" last: 5 follow: true max_records_per_s: 7 credit: 9 tenant: "acme"',
        also_json=(
            {
                "id": "a",
                "filter": "level>=warn",
                "last": 5,
                "follow": True,
                "max_records_per_s": 7,
                "credit": 9,
                "tenant": "acme",
            },
        ),
    ),
    Case(
        "a-record-with-everything",
        "LogRecord",
        'time_unix_nano: 1790000000000000000 observed_time_unix_nano: 1 severity: SEVERITY_WARN severity_text: "WARN" '
        'body: "low" service: "orders" logger: "com.example.Orders" thread: "main" host: "h1" '
        r'trace_id: "\000\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017" '
        r'span_id: "\373\377\000\000\000\000\000\001" '
        'attributes { key: "n" value { int_value: 5 } } exception { type: "E" message: "m" stacktrace: "at a\\nat b" }',
        also_json=(
            {
                "time_unix_nano": 1790000000000000000,
                "observed_time_unix_nano": "1",
                "severity": 13,
                "severity_text": "WARN",
                "body": "low",
                "service": "orders",
                "logger": "com.example.Orders",
                "thread": "main",
                "host": "h1",
                "trace_id": "AAECAwQFBgcICQoLDA0ODw",
                "span_id": "-_8AAAAAAAE",
                "attributes": {"n": {"int_value": 5}},
                "exception": {"type": "E", "message": "m", "stacktrace": "at a\nat b"},
            },
        ),
    ),
)

CASES = (*_VALUES, *_STRINGS, *_NUMBERS, *_PRESENCE, *_MAPS, *_TIMES, *_UNKNOWN, *_CASE)

"""Filters and records at random, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from hub.core.filter.levels import LEVELS
from hub.pb.record_pb2 import Batch, Exception, LogRecord, Resource, Value  # noqa: A004  the contract's name

# Few words, so that filters often match; some hold one another, some differ in case or script only.
WORDS = (
    *("red", "Red", "redder", "blue", "blue_sky", "größe", "GRÖSSE", "\u017fet", "set", "a", "12", "-5"),
    *("red blue", "\u041a"),
)
TEXTS = st.lists(st.sampled_from([*WORDS, " ", "\n", ".", "“", "_", "/"]), max_size=6).map("".join)
NAMES = st.sampled_from(["", "Orders", "orders", "orders-2", "billing", "12"])
VALUES = st.one_of(
    st.builds(Value, string_value=st.sampled_from([*WORDS, "4e2", "1_000", "nan", ""])),
    st.builds(Value, int_value=st.sampled_from([-5, 0, 12, 400])),
    st.builds(Value, double_value=st.sampled_from([12.0, 0.5, float("nan"), float("inf")])),
    st.builds(Value, bool_value=st.booleans()),
    st.builds(Value, bytes_value=st.sampled_from([b"", b"\x12"])),
    st.builds(Value),
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["x", "odd name", "a.b"]), VALUES, max_size=2)
IDS = {"trace_id": [b"", b"\xab" * 16, b"\xab" * 15 + b"\xcd"], "span_id": [b"", b"\x01" * 8]}
EXCEPTIONS = st.builds(Exception, type=TEXTS, message=TEXTS, stacktrace=TEXTS)
RECORDS = st.builds(
    LogRecord,
    severity=st.integers(0, 24),
    body=TEXTS,
    service=NAMES,
    host=NAMES,
    logger=NAMES,
    thread=NAMES,
    trace_id=st.sampled_from(IDS["trace_id"]),
    span_id=st.sampled_from(IDS["span_id"]),
    attributes=ATTRIBUTES,
    exception=st.none() | EXCEPTIONS,
)
BATCHES = st.builds(
    Batch,
    resource=st.builds(Resource, service=NAMES, host=NAMES, attributes=ATTRIBUTES),
    records=st.lists(RECORDS, min_size=1, max_size=5),
)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_PHRASES = st.builds(
    lambda before, text, after: f"{before}{_quoted(text)}{after}",
    st.sampled_from(["", "*"]),
    TEXTS.filter(bool),
    st.sampled_from(["", "*"]),
)
_WORDS = st.sampled_from(["red", "RED", "blu*", "*sky", "*e*", "größe", "set", "a", "12", "\u041a"])
_PATTERNS = st.sampled_from(
    [
        r"/re+d/",
        r"/RED/i",
        r"/^red/",
        r"/blue$/",
        r"/\bred\b/",
        r"/r.d/",
        r"/[^a]e/",
        r"/gr.+e/",
        r"/x*/",
        r"/\Ared/",
        r"/./",
    ]
)
_TEXTS = st.one_of(_WORDS, _PHRASES, _PATTERNS)
_KEYED = st.sampled_from(["service", "host", "logger", "thread", "attr.x", 'attr."odd name"', "attr.a.b", "x"])
_LEVELS = st.sampled_from([*LEVELS, "warn2", "0", "13", "WARNING"])
_NUMBERS = st.sampled_from(["12", "-5", "0.5", "4e2", "0"])
_OPERATORS = st.sampled_from([">", ">=", "<", "<="])
TERMS = st.one_of(
    _TEXTS,
    st.builds("{}:{}".format, st.sampled_from(["body", "exception"]), _TEXTS),
    st.builds("{}={}".format, st.sampled_from(["body", "exception"]), TEXTS.map(_quoted)),
    st.builds("{}{}{}".format, _KEYED, st.sampled_from([":", "="]), st.one_of(NAMES.map(_quoted), TEXTS.map(_quoted))),
    st.builds(
        "{}:{}".format, _KEYED, st.sampled_from(["ord*", "*s", "*rd*", "/^ord/", "/o.d/i", "*", "(orders OR -12)"])
    ),
    st.builds("attr.x{}{}".format, _OPERATORS, _NUMBERS),
    st.sampled_from(
        ["attr.x:-5..12", "attr.x:0.5..", "attr.x:..4e2", "level:13..20", "level:debug..warn2", "level:..info"]
    ),
    st.builds("level{}{}".format, st.sampled_from([":", "=", ">=", "<="]), _LEVELS),
    st.builds("level{}{}".format, st.sampled_from([">", "<"]), st.sampled_from(["debug", "warn2", "WARNING", "13"])),
    st.sampled_from(
        ["trace:ab*", "trace:" + "ab" * 16, "span:01*", "trace:*", "exception:*", "body:*", "level:*", "*"]
    ),
)
FILTERS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds("-({})".format, inner),
        st.builds("NOT {}".format, inner.map("({})".format)),
        st.lists(inner.map("({})".format), min_size=2, max_size=3).map(" ".join),
        st.lists(inner.map("({})".format), min_size=2, max_size=3).map(" AND ".join),
        st.lists(inner, min_size=2, max_size=3).map(" OR ".join),
    ),
    max_leaves=5,
)

"""Filters and records at random, for hypothesis."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from hub.core.filter.levels import LEVELS
from hub.pb.record_pb2 import Batch, Exception, LogRecord, Resource, Value  # noqa: A004  the contract's name

# Few words, so that filters often match; some hold one another, some differ in case or script only.
WORDS = (
    *("red", "Red", "redder", "blue", "blue_sky", "größe", "GRÖSSE", "\u017fet", "set", "a", "12", "-5"),
    *("red blue", "red\nblue", "\u041a", "\x0b"),
)
_PARTS = (*WORDS, " ", "\n", ".", "“", "_", "/")
TEXTS = st.lists(st.sampled_from(_PARTS), max_size=6).map("".join)
_NAMES = ("", "Orders", "orders", "orders-2", "billing", "12")
NAMES = st.sampled_from(_NAMES)
_VALUES = (
    *(Value(string_value=text) for text in (*WORDS, "4e2", "1_000", "nan", "")),
    *(Value(int_value=number) for number in (-5, 0, 12, 400)),
    *(Value(double_value=number) for number in (12.0, 0.5, float("nan"), float("inf"))),
    *(Value(bool_value=True), Value(bool_value=False), Value(bytes_value=b""), Value(bytes_value=b"\x12"), Value()),
)
_ATTRIBUTES = ("x", "odd name", "a.b")
_TRACES, _SPANS = (b"", b"\xab" * 16, b"\xab" * 15 + b"\xcd"), (b"", b"\x01" * 8)


def _text(random: Random) -> str:
    return "".join(random.choices(_PARTS, k=random.randrange(7)))


def _attributes(random: Random) -> dict[str, Value]:
    return {name: random.choice(_VALUES) for name in random.sample(_ATTRIBUTES, random.randrange(3))}


def _record(seed: int) -> LogRecord:
    random = Random(seed)  # noqa: S311  guards nothing
    error = Exception(type=_text(random), message=_text(random), stacktrace=_text(random))
    return LogRecord(
        severity=random.randrange(25),  # type: ignore[arg-type]  # the enum's numbers
        body=_text(random),
        service=random.choice(_NAMES),
        host=random.choice(_NAMES),
        logger=random.choice(_NAMES),
        thread=random.choice(_NAMES),
        trace_id=random.choice(_TRACES),
        span_id=random.choice(_SPANS),
        attributes=_attributes(random),
        exception=random.choice((None, error)),
    )


def batch_of(seeds: list[int]) -> Batch:
    """Return a batch: a number for what its records share, and one for each record."""
    random = Random(seeds[0])  # noqa: S311  as above
    resource = Resource(service=random.choice(_NAMES), host=random.choice(_NAMES), attributes=_attributes(random))
    records = [*map(_record, seeds[1:])]
    for name in random.sample(sorted(LogRecord.DESCRIPTOR.fields_by_name), random.randrange(8)):
        for record in records:
            record.ClearField(name)
    return Batch(resource=resource, records=records)


# A record of a number each: to draw every field by itself took 10 ms a batch, more than all that the tests do with it.
# Some fields no record has, which makes another kind of column.
BATCHES = st.lists(st.integers(0, 2**16), min_size=2, max_size=6).map(batch_of)


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
        r"/^/",
        r"/^x*/",
        r"/\S/",
        r"/\w/i",
        r"/./",
    ]
)
_TEXTS = st.one_of(_WORDS, _PHRASES, _PATTERNS)
_KEYED = st.sampled_from(["service", "host", "logger", "thread", "attr.x", 'attr."odd name"', "attr.a.b", "x"])
_LEVELS = st.sampled_from([*LEVELS, "warn2", "0", "13", "WARNING"])
_NUMBERS = st.sampled_from(["12", "-5", "0.5", "4e2", "0"])
_OPERATORS = st.sampled_from([">", ">=", "<", "<="])
_EXACTLY = st.sampled_from(["=", "!="])
TERMS = st.one_of(
    _TEXTS,
    st.builds("{}:{}".format, st.sampled_from(["body", "exception"]), _TEXTS),
    st.builds("{}{}{}".format, st.sampled_from(["body", "exception"]), _EXACTLY, TEXTS.map(_quoted)),
    st.builds(
        "{}{}{}".format, _KEYED, st.one_of(st.just(":"), _EXACTLY), st.one_of(NAMES.map(_quoted), TEXTS.map(_quoted))
    ),
    st.builds(
        "{}:{}".format, _KEYED, st.sampled_from(["ord*", "*s", "*rd*", "/^ord/", "/o.d/i", "*", "(orders OR -12)"])
    ),
    st.builds("attr.x{}{}".format, _OPERATORS, _NUMBERS),
    st.sampled_from(
        ["attr.x:-5..12", "attr.x:0.5..", "attr.x:..4e2", "level:13..20", "level:debug..warn2", "level:..info"]
    ),
    st.builds("level{}{}".format, st.sampled_from([":", "=", "!=", ">=", "<="]), _LEVELS),
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

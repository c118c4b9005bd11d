"""Lines of applications in the envelope of a shipper: the line may be JSON again, which then says what happened."""

from __future__ import annotations

from typing import Any

import orjson

from hub.ingest.formats.application import prepared
from hub.ingest.formats.attributes import flat

# When the shipper read the line.
READ = "@timestamp"


def unwrapped(fields: dict[str, Any], line: str) -> dict[str, Any]:
    """Return the application's fields, and those of the envelope that it has none of; `line` names the one to look in.

    The time at which the shipper read the line is the observed one, where the application tells its own.
    """
    said = _object(fields.get(line))
    if said is None:
        return fields
    inner = prepared(flat(said))
    outer = {name: value for name, value in fields.items() if name != line}
    if READ in outer:
        outer["@observed"] = outer.pop(READ)
    return {**outer, **inner}


def without_line_end(fields: dict[str, Any], name: str) -> None:
    """Take the line end off a text."""
    value = fields.get(name)
    if type(value) is str:
        fields[name] = value.rstrip("\r\n")


def _object(line: Any) -> dict[str, Any] | None:  # noqa: ANN401  JSON is any
    if type(line) is not str or not line.lstrip().startswith("{"):
        return None
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if type(found) is dict and found else None

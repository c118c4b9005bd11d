"""The query of `GET /v1/tail`: what a Subscribe message says, as parameters of an address."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hub.errors import BadRequestError
from hub.pb.tail_pb2 import Subscribe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_ORIGINS = ("cursor", "last", "since", "oldest")
_MAX_COUNT = 2**32 - 1
# A plus that an address made a space of: in a query it stands for one.
_SPACED_OFFSET = re.compile(r" ([0-9]{2}:?[0-9]{2})$")


def subscribe_of(query: Iterable[tuple[str, str]], name: str, last_event_id: str = "") -> Subscribe:
    """Return the subscription that a query's parameters ask for; BadRequestError names the one at fault.

    `last_event_id`: the cursor that a browser's EventSource sends when it comes back; it wins over where to begin.
    """
    request = Subscribe(id=name)
    given = _once(query)
    if last_event_id:
        given = {key: value for key, value in given.items() if key not in _ORIGINS} | {"cursor": last_event_id}
    if len(origins := [key for key in _ORIGINS if key in given]) > 1:
        msg = f"{' and '.join(origins)} exclude each other: give one"
        raise BadRequestError(msg)
    for key, value in given.items():
        setter = _SETTERS.get(key)
        if setter is None:
            msg = f"there is no parameter {key!r}: use {', '.join(_SETTERS)}"
            raise BadRequestError(msg)
        try:
            setter(request, value)
        except ValueError as error:
            msg = f"{key}={value}: {error}"
            raise BadRequestError(msg) from error
    return request


def _once(query: Iterable[tuple[str, str]]) -> dict[str, str]:
    given: dict[str, str] = {}
    for key, value in query:
        if key in given:
            msg = f"{key} is given more than once: give it once"
            raise BadRequestError(msg)
        given[key] = value
    return given


def _set_cursor(request: Subscribe, value: str) -> None:
    request.cursor = value


def _set_tenant(request: Subscribe, value: str) -> None:
    request.tenant = value


def _set_filter(request: Subscribe, value: str) -> None:
    request.filter = value


def _set_last(request: Subscribe, value: str) -> None:
    request.last = _count(value)


def _set_rate(request: Subscribe, value: str) -> None:
    request.max_records_per_s = _count(value)


def _set_oldest(request: Subscribe, value: str) -> None:
    request.oldest = _truth(value)


def _set_follow(request: Subscribe, value: str) -> None:
    request.follow = _truth(value)


def _set_since(request: Subscribe, value: str) -> None:
    relative = re.fullmatch(r"([0-9]{1,9})([smhd])", value)
    if relative:
        request.since.FromNanoseconds(time.time_ns() - int(relative[1]) * _UNITS[relative[2]] * 10**9)
        return
    try:
        moment = datetime.fromisoformat(_SPACED_OFFSET.sub(r"+\1", value))
        known = moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        known = None
    if known is None:
        msg = "write a time with its zone, such as 2026-01-31T12:00:00Z, or how long ago, such as 10m"
        raise ValueError(msg)
    request.since.FromDatetime(known)


def _count(value: str) -> int:
    if not re.fullmatch("[0-9]{1,10}", value) or int(value) > _MAX_COUNT:
        msg = f"write a number from 0 to {_MAX_COUNT}"
        raise ValueError(msg)
    return int(value)


def _truth(value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0"):
        msg = "write true or false"
        raise ValueError(msg)
    return value.lower() in ("true", "1")


_SETTERS: dict[str, Callable[[Subscribe, str], None]] = {
    "tenant": _set_tenant,
    "filter": _set_filter,
    "cursor": _set_cursor,
    "last": _set_last,
    "since": _set_since,
    "oldest": _set_oldest,
    "follow": _set_follow,
    "max_records_per_s": _set_rate,
}

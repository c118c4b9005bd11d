"""What settings are made of: sizes, times, counts, names, and the sections that hold them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIZES = {"": 1, "b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_TIMES = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def _number(value: object) -> object:
    if isinstance(value, bool):  # pydantic would take it for 0 or 1
        msg = f"{value!r} is not a number"
        raise ValueError(msg)  # noqa: TRY004  pydantic collects no TypeError
    return value


def _quantity(value: object, units: Mapping[str, float]) -> object:
    if not isinstance(value, str):
        return _number(value)
    match = _QUANTITY.fullmatch(value)
    if not match or match[2].lower() not in units:
        msg = f"{value!r} is not a number with one of the units {', '.join(filter(None, units))}"
        raise ValueError(msg)
    return float(match[1]) * units[match[2].lower()]


def _bytes(value: object) -> object:
    return _quantity(value, _SIZES)


def seconds(value: object) -> object:
    """Return a duration such as `90s`, `15m`, `12h` or `30d` in seconds; numbers are seconds already."""
    return _quantity(value, _TIMES)


def _split(value: object) -> object:
    """Take `a,b` for a list."""
    return [part for part in re.split(r"[,\s]+", value) if part] if isinstance(value, str) else value


Bytes = Annotated[int, BeforeValidator(_bytes), Field(ge=0)]
Seconds = Annotated[float, BeforeValidator(seconds), Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_number), Field(ge=1)]
Amount = Annotated[int, BeforeValidator(_number), Field(ge=0)]
Port = Annotated[int, BeforeValidator(_number), Field(ge=0, le=65535)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


class Section(BaseModel):
    """A part of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

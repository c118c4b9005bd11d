"""What `loghub doctor` has found: a line each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Status(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, how it is, and what to do about it ("": nothing)."""

    status: Status
    check: str
    text: str
    advice: str = ""


def ok(check: str, text: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(Status.OK, check, text)


def warning(check: str, text: str, advice: str) -> Finding:
    """Return that something works, but could be better or will not for long."""
    return Finding(Status.WARNING, check, text, advice)


def failed(check: str, text: str, advice: str) -> Finding:
    """Return that something does not work, or is open to others."""
    return Finding(Status.FAILED, check, text, advice)


def unless(found: Sequence[Finding], check: str, text: str) -> Iterator[Finding]:
    """Yield what was found, or that all is well."""
    yield from found or (ok(check, text),)

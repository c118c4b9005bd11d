"""hub.errors: one tree, and on each wire a class says the same thing."""

from __future__ import annotations

import inspect

import pytest

from hub import errors
from hub.errors import BadFilterError, GrpcCode, LoghubError, OutOfSequenceError

CLASSES = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, LoghubError)]
HTTP = {
    GrpcCode.INVALID_ARGUMENT: {400, 415},
    GrpcCode.PERMISSION_DENIED: {403},
    GrpcCode.RESOURCE_EXHAUSTED: {413, 429, 503},
    GrpcCode.FAILED_PRECONDITION: {409},
    GrpcCode.INTERNAL: {500},
    GrpcCode.UNAVAILABLE: {503},
    GrpcCode.UNAUTHENTICATED: {401},
}
TRY_AGAIN = {409, 429, 503}
NAMED_CLOSE_CODES = {1001, 4401, 4403, 4408, 4429}
each = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)


def test_the_tree_is_found() -> None:
    """The tests below are about every class of the module."""
    assert len(CLASSES) >= 15


@each
def test_the_docstring_is_the_default_message(kind: type[LoghubError]) -> None:
    """It is the class's own, one line, and gives way to a message."""
    assert kind.__doc__ is not None
    assert kind.__doc__ not in {base.__doc__ for base in kind.__mro__[1:]}
    assert kind().message == str(kind()) == kind.__doc__
    assert "\n" not in kind.__doc__
    assert kind("the disk is full").message == "the disk is full"


@each
def test_grpc_and_http_say_the_same(kind: type[LoghubError]) -> None:
    """The HTTP status is one of those that its gRPC code is known by."""
    assert kind.http_status in HTTP[kind.grpc_code]


@each
def test_http_says_whether_to_try_again(kind: type[LoghubError]) -> None:
    """A status that asks for another attempt belongs to an error that may go away by itself, and the other way."""
    assert kind.retry is (kind.http_status in TRY_AGAIN)


@each
def test_the_close_code_says_whether_to_reconnect(kind: type[LoghubError]) -> None:
    """4000 to 4399 reconnect, 4500 to 4999 do not; the others are the five that the design names."""
    code = kind.close_code
    assert code in NAMED_CLOSE_CODES or 4000 <= code < 4400 or 4500 <= code < 5000
    if kind.retry:
        assert code < 4400 or code == 4429
    if kind.grpc_code is GrpcCode.INVALID_ARGUMENT:
        assert code >= 4500


@each
def test_a_delay_is_carried(kind: type[LoghubError]) -> None:
    """An error may say when to come again; those with a detail of their own in its place have none to give."""
    if kind.__init__ is LoghubError.__init__:
        assert kind(retry_after_seconds=1.5).retry_after_seconds == 1.5
        assert kind().retry_after_seconds is None


def test_grpc_codes_are_those_of_grpc() -> None:
    """The numbers are on the wire, so they are grpc's own."""
    grpc = pytest.importorskip("grpc")
    assert {code.name: code.value for code in GrpcCode}.items() <= {
        code.name: code.value[0] for code in grpc.StatusCode
    }.items()


def test_details_are_kept() -> None:
    """A filter's column and the batch that must come next are at hand."""
    assert BadFilterError("no", column=3).column == 3
    assert BadFilterError().column == 0
    error = OutOfSequenceError(expected_seq=9)
    assert (error.expected_seq, error.retry_after_seconds) == (9, 0.0)

"""The one error tree of loghub.

An error's docstring is its default message; its class carries what each wire says about it: the gRPC status code, the
HTTP status, the WebSocket close code (DESIGN section 5 and 9) and whether the same request may be tried again.
"""

from __future__ import annotations

import inspect
from enum import IntEnum, StrEnum
from typing import ClassVar


class GrpcCode(IntEnum):
    """The gRPC status codes that loghub answers with; numbers as in the gRPC specification."""

    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


class LoghubError(Exception):
    """Something went wrong in loghub."""

    grpc_code: ClassVar[GrpcCode] = GrpcCode.INTERNAL
    http_status: ClassVar[int] = 500
    close_code: ClassVar[int] = 4000
    retry: ClassVar[bool] = False

    def __init__(self, message: str = "", *, retry_after_seconds: float | None = None) -> None:
        """Take the message, or the class's docstring where there is none."""
        super().__init__(message or inspect.getdoc(type(self)) or type(self).__name__)
        self.retry_after_seconds = retry_after_seconds

    @property
    def message(self) -> str:
        """What is wrong and what to do, for people."""
        return str(self.args[0])


class ConfigError(LoghubError):
    """The configuration cannot be used."""


class CertificateError(LoghubError):
    """A certificate, key or certificate authority cannot be used."""


class UnauthenticatedError(LoghubError):
    """Nobody has proved who is asking: send a valid token or certificate."""

    grpc_code = GrpcCode.UNAUTHENTICATED
    http_status = 401
    close_code = 4401


class TokenExpiredError(UnauthenticatedError):
    """The token has expired: get a fresh one."""

    close_code = 4408


class RevokedError(UnauthenticatedError):
    """The certificate or token was revoked: get another one from whoever issued it."""


class UnknownKeyError(UnauthenticatedError):
    """The token names no key that this hub trusts (kid)."""


class KeysUnavailableError(LoghubError):
    """The hub has no keys to judge tokens by at present, since their issuer does not answer: try again later."""

    grpc_code = GrpcCode.UNAVAILABLE
    http_status = 503
    retry = True


class ForbiddenError(LoghubError):
    """The peer is known, but not allowed to do this."""

    grpc_code = GrpcCode.PERMISSION_DENIED
    http_status = 403
    close_code = 4403


class BadRequestError(LoghubError):
    """The request cannot be read or breaks a rule."""

    grpc_code = GrpcCode.INVALID_ARGUMENT
    http_status = 400
    close_code = 4500


class MediaTypeError(BadRequestError):
    """The body is not of a type or encoding that is taken here."""

    http_status = 415


class FormatReason(StrEnum):
    """Why a message cannot be read in its format; few and fixed, so that they can label a metric."""

    EMPTY = "empty"  # nothing is in it, or no record
    ENCODING = "encoding"  # not UTF-8
    SYNTAX = "syntax"  # not JSON, not protobuf
    SHAPE = "shape"  # JSON, but not what the format consists of
    LIMIT = "limit"  # too deep or too many to be read


class FormatError(BadRequestError):
    """The message cannot be read in the format that is configured for it."""

    def __init__(self, message: str = "", *, reason: FormatReason = FormatReason.SYNTAX) -> None:
        """Take the message and the kind of fault."""
        super().__init__(message)
        self.reason = reason


class BadFilterError(BadRequestError):
    """The filter cannot be read."""

    def __init__(self, message: str = "", *, column: int = 0) -> None:
        """Take the message and the column at fault, counted in characters from 1 (0: none)."""
        super().__init__(message)
        self.column = column


class FilterTooCostlyError(BadFilterError):
    """The filter costs more than the limit: use fewer terms and patterns."""


class BadCursorError(BadRequestError):
    """The cursor is garbage or another tenant's: subscribe without it."""


class OutOfSequenceError(LoghubError):
    """The batch is not the next one of its producer: send again from the one that is expected."""

    grpc_code = GrpcCode.FAILED_PRECONDITION
    http_status = 409
    retry = True

    def __init__(self, message: str = "", *, expected_seq: int = 0) -> None:
        """Take the message and the sequence number that must come next."""
        super().__init__(message, retry_after_seconds=0.0)
        self.expected_seq = expected_seq


class TooLargeError(LoghubError):
    """The message is larger than the limit: split it."""

    grpc_code = GrpcCode.RESOURCE_EXHAUSTED
    http_status = 413
    close_code = 4501


class QuotaError(LoghubError):
    """A quota is used up: try again later."""

    grpc_code = GrpcCode.RESOURCE_EXHAUSTED
    http_status = 429
    close_code = 4429
    retry = True


class StorageFullError(LoghubError):
    """The log has no room left: free disk space or raise log.max_bytes; reading goes on."""

    grpc_code = GrpcCode.RESOURCE_EXHAUSTED
    http_status = 503
    retry = True


class LogUnavailableError(LoghubError):
    """The log cannot be reached for now; send again."""

    grpc_code = GrpcCode.UNAVAILABLE
    http_status = 503
    retry = True


class BrokerUnavailableError(LoghubError):
    """The Kafka brokers cannot be reached for now, or do not let the hub do this."""

    grpc_code = GrpcCode.UNAVAILABLE
    http_status = 503
    retry = True


class StorageFailedError(LoghubError):
    """The disk failed to keep what it was given: the hub stops, since a repeated fsync proves nothing."""

    grpc_code = GrpcCode.UNAVAILABLE
    http_status = 503
    retry = True


class ShuttingDownError(LoghubError):
    """The hub is shutting down: connect again soon."""

    grpc_code = GrpcCode.UNAVAILABLE
    http_status = 503
    close_code = 1001
    retry = True


# What the code that ended a subscriber's connection means on other wires; others are no errors.
ERRORS_BY_CLOSE_CODE: dict[int, type[LoghubError]] = {
    1011: LoghubError,
    **{
        kind.close_code: kind
        for kind in (
            *(UnauthenticatedError, TokenExpiredError, ForbiddenError),
            *(BadRequestError, TooLargeError, QuotaError, ShuttingDownError),
        )
    },
}

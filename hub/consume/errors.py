"""How a membership ends that its own peer did not end."""

from __future__ import annotations

from hub.errors import GrpcCode, LoghubError


class UnknownGroupError(LoghubError):
    """The tenant has no group of this name."""

    grpc_code = GrpcCode.NOT_FOUND
    http_status = 404
    close_code = 4504


class GroupGoneError(UnknownGroupError):
    """The group was deleted: join to make it anew."""


class GroupDiffersError(LoghubError):
    """The group stands with another filter."""

    grpc_code = GrpcCode.FAILED_PRECONDITION
    http_status = 409
    close_code = 4509


class MembershipOverError(LoghubError):
    """The hub was not heard of in time, so others have what the member held: join again."""

    grpc_code = GrpcCode.UNAVAILABLE
    http_status = 503
    retry = True


class ReplacedError(LoghubError):
    """Another connection has joined under the member's name: give each its own."""

    grpc_code = GrpcCode.FAILED_PRECONDITION
    http_status = 409
    close_code = 4509

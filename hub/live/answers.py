"""What a session says that is not about records: its welcome, and why a message was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub import __version__
from hub.errors import (
    BadCursorError,
    BadFilterError,
    BadRequestError,
    FilterTooCostlyError,
    ForbiddenError,
    LoghubError,
    QuotaError,
    UnauthenticatedError,
)
from hub.pb import tail_pb2
from hub.pb.tail_pb2 import ServerMessage

if TYPE_CHECKING:
    from hub.core.principal import Principal
    from hub.live.engine import LiveLimits
    from hub.live.subscription import Subscription


class UnknownSubscriptionError(BadRequestError):
    """There is no subscription of that name on this connection."""


class DuplicateSubscriptionError(BadRequestError):
    """A subscription of that name stands already: unsubscribe it first, or choose another name."""


# The first that fits.
_CODES: tuple[tuple[type[LoghubError], tail_pb2.ErrorCode], ...] = (
    (UnknownSubscriptionError, tail_pb2.ERROR_CODE_UNKNOWN_SUBSCRIPTION),
    (DuplicateSubscriptionError, tail_pb2.ERROR_CODE_DUPLICATE_SUBSCRIPTION),
    (FilterTooCostlyError, tail_pb2.ERROR_CODE_FILTER_TOO_COSTLY),
    (BadFilterError, tail_pb2.ERROR_CODE_BAD_FILTER),
    (BadCursorError, tail_pb2.ERROR_CODE_BAD_CURSOR),
    (BadRequestError, tail_pb2.ERROR_CODE_BAD_REQUEST),
    (QuotaError, tail_pb2.ERROR_CODE_QUOTA),
    (UnauthenticatedError, tail_pb2.ERROR_CODE_BAD_TOKEN),
    (ForbiddenError, tail_pb2.ERROR_CODE_FORBIDDEN),
)


def welcome(principal: Principal, limits: LiveLimits) -> ServerMessage:
    """Return the first message of a connection."""
    bounds = tail_pb2.ServerLimits(
        max_subscriptions=limits.max_subscriptions,
        max_message_bytes=limits.max_message_bytes,
        max_filter_bytes=limits.filters.max_bytes,
        max_filter_cost=limits.filters.max_cost,
        max_last=limits.max_last,
    )
    said = tail_pb2.TailWelcome(
        server=f"loghub/{__version__}", tenant=principal.tenant, tenants=principal.readable, limits=bounds
    )
    said.heartbeat.FromMilliseconds(int(limits.heartbeat_seconds * 1000))
    if principal.expires_at is not None:
        said.auth_expires.FromSeconds(int(principal.expires_at))
    return ServerMessage(welcome=said)


def subscribed(subscription: Subscription, cursor: str) -> ServerMessage:
    """Return that a subscription stands, and begins after a cursor."""
    return ServerMessage(
        subscribed=tail_pb2.Subscribed(
            id=subscription.id,
            cursor=cursor,
            filter=subscription.filter.canonical,
            compression=subscription.compression,  # type: ignore[arg-type]  # the enum's numbers
        )
    )


def refusal(error: LoghubError, name: str) -> ServerMessage:
    """Return what is said of a message that was not acted on; `name` is the subscription's, if it was for one."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), tail_pb2.ERROR_CODE_INTERNAL)
    answer = tail_pb2.Error(id=name, code=code, message=error.message)
    if isinstance(error, BadFilterError):
        answer.column = error.column
    if error.retry:
        answer.retry_after.FromMilliseconds(int((error.retry_after_seconds or 0.0) * 1000))
    return ServerMessage(error=answer)

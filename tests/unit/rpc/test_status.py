"""hub.rpc.status: errors as gRPC says them."""

from __future__ import annotations

import inspect

import pytest

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc

from hub import errors
from hub.errors import BadRequestError, LoghubError, QuotaError
from hub.rpc.status import abort
from tests.unit.rpc.call import FakeCall

assert hub.grpc_tls.TLS13_ONLY

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LoghubError)]


async def ended_with(error: LoghubError) -> FakeCall:
    """Return a call that was ended with an error."""
    call = FakeCall()
    with pytest.raises(grpc.aio.AbortError):
        await abort(call, error)
    return call


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
async def test_every_error_has_its_code_its_message_and_whether_to_retry(kind: type[LoghubError]) -> None:
    """As its class says, in the status and in its details."""
    call = await ended_with(kind("what to do"))
    assert call.status.code.value[0] == kind.grpc_code
    assert call.status.details == "what to do"
    assert (call.retry_seconds is not None) == kind.retry


@pytest.mark.parametrize(("after", "told"), [(None, 0.0), (0.0, 0.0), (1.5, 1.5), (0.0019, 0.001)])
async def test_when_to_come_back_is_told_in_milliseconds(after: float | None, told: float) -> None:
    """An error that nobody gave a time may be tried again at once."""
    assert (await ended_with(QuotaError(retry_after_seconds=after))).retry_seconds == told


async def test_a_time_does_not_make_an_error_worth_another_try() -> None:
    """Asking again unchanged cannot help."""
    assert (await ended_with(BadRequestError(retry_after_seconds=5.0))).retry_seconds is None

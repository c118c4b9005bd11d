"""How errors are said over gRPC: the error's own status code, and RetryInfo where trying again can help."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import hub.grpc_tls  # isort: skip  # must come before grpc
from google.protobuf.any_pb2 import Any
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

    from hub.errors import LoghubError

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused


def status_of(error: LoghubError, *, retry_seconds: float = 0.0) -> status_pb2.Status:
    """Return what says an error; `retry_seconds`: when to try again, where the error does not say."""
    status = status_pb2.Status(code=int(error.grpc_code), message=error.message)
    if error.retry:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromMilliseconds(int((error.retry_after_seconds or retry_seconds) * 1000))
        detail = Any()
        detail.Pack(info)
        status.details.append(detail)
    return status


async def abort(context: ServicerContext[bytes, bytes], error: LoghubError, *, retry_seconds: float = 0.0) -> NoReturn:
    """End a call with the error's status; `retry_seconds` as in `status_of`."""
    status = status_of(error, retry_seconds=retry_seconds)
    await context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError(code_pb2.Code.Name(status.code))  # pragma: no cover  abort_with_status raises

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


async def abort(context: ServicerContext[bytes, bytes], error: LoghubError) -> NoReturn:
    """End a call with the error's status."""
    status = status_pb2.Status(code=int(error.grpc_code), message=error.message)
    if error.retry:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromMilliseconds(int((error.retry_after_seconds or 0.0) * 1000))
        detail = Any()
        detail.Pack(info)
        status.details.append(detail)
    await context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError(code_pb2.Code.Name(status.code))  # pragma: no cover  abort_with_status raises

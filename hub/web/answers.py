"""Responses in JSON, errors among them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson
from quart import Response

from hub.errors import BadFilterError
from hub.web.headers import HEADERS

if TYPE_CHECKING:
    from hub.errors import LoghubError


def error_response(error: LoghubError) -> Response:
    """Return what says an error, with the column of a filter's and the time to come back."""
    column = {"column": error.column} if isinstance(error, BadFilterError) and error.column else {}
    response = json_response({"error": error.message, **column}, error.http_status)
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_seconds:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
    return response


def json_response(body: object, status: int = 200) -> Response:
    """Return anything that JSON can hold."""
    text = orjson.dumps(body)
    return Response(text, status=status, content_type="application/json", headers=dict(HEADERS))

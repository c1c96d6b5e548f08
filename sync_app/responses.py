"""Responses of the stream process other than the stream: errors in the format of the API, and request ids."""

from typing import Any

import structlog
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
)
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from http_app.error_answers import ExceptionHandler
from http_app.errors import InternalError
from http_app.request_log import HEADER, given_or_new
from sync_app.metrics import REFUSED


class RequestIds:
    """Adds the request's id to every log line and to the response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = given_or_new(Request(scope).headers.get(HEADER, ""))
        scope["state"]["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self.app(scope, receive, send_with_id)


def error_response(request: Request, error: Exception) -> Response:
    """The API's response to any exception."""
    error = _api_exception(request, error)
    response = _handler(error).run()
    assert response is not None
    headers = {name: value for name, value in response.headers.items() if name != "Content-Type"}
    if isinstance(error, AuthenticationFailed | NotAuthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = "GET"
    REFUSED.labels(str(response.status_code)).inc()
    return JSONResponse(response.data, response.status_code, headers | {"Cache-Control": "no-store"})


def _api_exception(request: Request, error: Exception) -> Exception:
    if isinstance(error, HTTPException):
        if error.status_code == MethodNotAllowed.status_code:
            return MethodNotAllowed(request.method)
        return NotFound("Not found. The other routes of the API are served on another port.")
    known = _handler(error).convert_known_exceptions(error)
    return known if isinstance(known, APIException) else InternalError(request.state.request_id)


def _handler(error: Exception) -> ExceptionHandler:
    unused: Any = None  # there is neither a DRF request nor a view
    return ExceptionHandler(error, {"request": unused, "view": unused, "args": (), "kwargs": {}})


EXCEPTION_HANDLERS: dict[Any, Any] = {
    APIException: error_response,
    HTTPException: error_response,
    Exception: error_response,
}

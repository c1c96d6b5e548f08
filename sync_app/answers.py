"""What the stream process answers beside the stream: errors in the form of the API, and request ids."""

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
    """Binds the request's id to every log line, and answers it."""

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


def error_answer(request: Request, error: Exception) -> Response:
    """Any exception, as the API answers it."""
    error = _ours(request, error)
    answer = _handler(error).run()
    assert answer is not None
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Type"}
    if isinstance(error, AuthenticationFailed | NotAuthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = "GET"
    REFUSED.labels(str(answer.status_code)).inc()
    return JSONResponse(answer.data, answer.status_code, headers | {"Cache-Control": "no-store"})


def _ours(request: Request, error: Exception) -> Exception:
    if isinstance(error, HTTPException):
        if error.status_code == MethodNotAllowed.status_code:
            return MethodNotAllowed(request.method)
        return NotFound("There is no such route: this is the live stream, GET /api/stream.")
    known = _handler(error).convert_known_exceptions(error)
    return known if isinstance(known, APIException) else InternalError(request.state.request_id)


def _handler(error: Exception) -> ExceptionHandler:
    # It asks neither for what it is told to know.
    nothing: Any = None
    return ExceptionHandler(error, {"request": nothing, "view": nothing, "args": (), "kwargs": {}})


EXCEPTION_HANDLERS: dict[Any, Any] = {
    APIException: error_answer,
    HTTPException: error_answer,
    Exception: error_answer,
}

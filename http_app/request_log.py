"""A request's id, and its line in the log.

The id is the caller's X-Request-ID when that is well-formed, else a new one. It is on every line that the
request logs, and travels with its events to workers and consumers.
"""

import re
from collections.abc import Awaitable, Callable
from uuid import uuid4

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware
from rest_framework.throttling import BaseThrottle

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TOKEN_IN_PATH = re.compile(r"^(/+[ru]/+).+", re.DOTALL)
# Probes come every few seconds, and while the backend starts a 503 is the right answer.
NOT_LOGGED = "/healthz/"


class RequestIdMiddleware:
    """Comes before RequestLogMiddleware, which binds the id to every log line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = given_or_new(request.headers.get(HEADER, ""))
        request.META["HTTP_X_REQUEST_ID"] = request_id
        request.__dict__.pop("headers", None)  # a cached property, which lacks the new id
        response = self.get_response(request)
        response[HEADER] = request_id
        return response


class RequestLogMiddleware(RequestMiddleware):
    """One line for each request when it is answered, except for an orchestrator's probes."""

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        logged = not request.path.startswith(NOT_LOGGED)
        return super().__call__(request) if logged else self.get_response(request)

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """The caller's address as the limits count it; the library's own trusts any X-Forwarded-For."""
        structlog.contextvars.bind_contextvars(ip=BaseThrottle().get_ident(request))  # type: ignore[arg-type]

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Only the names of the query: search words are private, and some clients send their token there.

        Nor the token of a link in a notification or a mail: `/r/...`.
        """
        names = "&".join(request.GET)
        path = _TOKEN_IN_PATH.sub(r"\1...", request.path)
        return f"{request.method} {path}{'?' if names else ''}{names}"


def given_or_new(given: str) -> str:
    """The caller's id when it is well-formed, else a new one."""
    return given if _WELL_FORMED.fullmatch(given) else str(uuid4())


def request_id(request: HttpRequest) -> str:
    """The id of a request that came through the middleware."""
    return str(request.META["HTTP_X_REQUEST_ID"])

"""A line in the log for each request when it is answered, but not for an orchestrator's questions."""

from collections.abc import Awaitable

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware
from rest_framework.throttling import BaseThrottle

# Asked every few seconds; while a start is under way the right answer is a 503, which is nobody's mistake.
UNTOLD = "/healthz/"


class RequestLogMiddleware(RequestMiddleware):
    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        untold = request.path.startswith(UNTOLD)
        return self.get_response(request) if untold else super().__call__(request)

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Of the caller as the limits know it; the library's own believes whatever X-Forwarded-For says."""
        structlog.contextvars.bind_contextvars(ip=BaseThrottle().get_ident(request))  # type: ignore[arg-type]

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Of the query only the names: what is searched for is private, and some send their token there."""
        names = "&".join(request.GET)
        return f"{request.method} {request.path}{'?' if names else ''}{names}"

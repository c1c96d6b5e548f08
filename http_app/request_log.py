"""A line in the log for each request and each answer, but not for an orchestrator's questions."""

from collections.abc import Awaitable

from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

# Asked every few seconds; while a start is under way the right answer is a 503, which is nobody's mistake.
UNTOLD = "/healthz/"


class RequestLogMiddleware(RequestMiddleware):
    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        untold = request.path.startswith(UNTOLD)
        return self.get_response(request) if untold else super().__call__(request)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Of the query only the names: what is searched for is private, and some send their token there."""
        names = "&".join(request.GET)
        return f"{request.method} {request.path}{'?' if names else ''}{names}"

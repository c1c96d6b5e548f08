"""Request ids: the caller's X-Request-ID when it is one, else a new one; it travels into events and logs."""

import re
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIdMiddleware:
    """Stands before django-structlog's middleware, which binds the id to every log line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = given_or_new(request.headers.get(HEADER, ""))
        request.META["HTTP_X_REQUEST_ID"] = request_id
        request.__dict__.pop("headers", None)  # read anew, with the id in it
        response = self.get_response(request)
        response[HEADER] = request_id
        return response


def given_or_new(given: str) -> str:
    """The caller's id when it is one, else a new one."""
    return given if _WELL_FORMED.fullmatch(given) else str(uuid4())


def request_id(request: HttpRequest) -> str:
    """The id of a request that came through the middleware."""
    return str(request.META["HTTP_X_REQUEST_ID"])
